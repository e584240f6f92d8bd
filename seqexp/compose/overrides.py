"""Read overrides as a person types them: Hydra's grammar, and forms of our own that no shell takes apart.

``topology=encoder_decoder`` chooses from a group, ``training.epochs=5`` sets a value. In a sweep, ``timesteps=7,14``,
``seed=0..9`` (both ends included), ``topology=all`` and Hydra's ``choice()``, ``range()``, ``glob()`` make an axis. In
a search, ``topology.dropout=0.0..0.5``, ``optimizer.learning_rate=log:1e-4..1e-1`` and Hydra's ``interval()`` and
``tag(log, interval())`` make one without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, QuotedString, RangeSweep
from hydra.errors import HydraException

from seqexp.compose.axes import Axes, Axis, Interval
from seqexp.compose.groups import GROUPS, ConfigGroups
from seqexp.compose.origin import Origin, Setting
from seqexp.compose.yaml_file import refuse_code, refuse_plugins
from seqexp.errors import ConfigError, Problem, SeqexpError, suggest
from seqexp.spec.validate import wants_list

LARGEST_AXIS = 10_000
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FROM_TO = re.compile(rf"(log:)?({_NUMBER})\.\.({_NUMBER})")


@dataclass
class Request:
    """What a list of overrides asks for: single values, and axes with several values each."""

    settings: list[Setting] = field(default_factory=list)
    axes: Axes = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # as they were typed, by key


def read_overrides(texts: Iterable[str], groups: ConfigGroups) -> Request:
    """Read every override; report all that cannot be read together.

    Raises:
        ConfigError: One problem for each override that is not of the form ``key=value``.
    """
    request = Request()
    problems: list[Problem] = []
    for text in texts:
        try:
            key, axis = read_override(text, groups)
        except SeqexpError as error:
            problems.extend(error.problems)
            continue
        request.texts[key] = text
        if isinstance(axis, list) and len(axis) == 1:
            request.settings.append(Setting(key, axis[0], Origin("override", text)))
            request.axes.pop(key, None)
        else:
            request.axes[key] = axis
    if problems:
        raise ConfigError(problems)
    return request


def read_override(text: str, groups: ConfigGroups) -> tuple[str, Axis]:
    """Return the key of an override and its one value, or what it makes an axis of.

    Raises:
        ConfigError: The override cannot be read, or is of a kind that seqexp refuses.
    """
    key, equals, raw = text.partition("=")
    key = key.lstrip("+").strip()
    where = f"override {text}"
    if text.startswith("~"):
        raise ConfigError([Problem("a key cannot be deleted.", key.lstrip("~"), "Set it to null: key=null.", where)])
    if not equals or not key:
        mend = "Overrides have the form key=value, for example topology=encoder_decoder or training.epochs=5."
        raise ConfigError([Problem("this is no override.", mend=mend, where=where)])
    for name in key.split("."):
        refuse_code(name, key, where)
    refuse_plugins(key, where)
    return key, read_axis(key, raw, groups, where)


def read_axis(key: str, raw: str, groups: ConfigGroups, where: str) -> Axis:
    """Return what the text after ``key=`` stands for: one value, or what it makes an axis of."""
    if found := _FROM_TO.fullmatch(raw.strip()):
        first, last = _number(found[2]), _number(found[3])
        if found[1] or not (isinstance(first, int) and isinstance(last, int)):
            return _interval(first, last, bool(found[1]), key, where)
        step = 1 if last >= first else -1
        return list(range(*_bounded(first, last + step, step, key, where)))
    if key in GROUPS and raw.strip() == "all":
        return list(groups.options(key))
    override = _parse(f"{key}={raw}", where, groups)
    if not override.is_sweep_override():
        return [_plain(override.value())]
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        return _interval(sweep.start or 0, sweep.end or 0, "log" in sweep.tags, key, where)
    if isinstance(sweep, RangeSweep):
        _bounded(sweep.start or 0, sweep.stop or 0, sweep.step, key, where)
    try:
        values = [_plain(value) for value in override.sweep_iterator(transformer=lambda value: value)]
    except HydraException as error:
        raise ConfigError([Problem(f"this axis cannot be read: {error}", key, where=where)]) from None
    if not values:
        raise ConfigError([Problem("this names no value at all.", key, where=where)])
    scalars = not any(isinstance(value, (list, dict)) for value in values)
    held_as = "data.features" if key == "data.past" else key  # the long form of it
    is_list = override.is_choice_sweep() and scalars and wants_list(held_as) and "choice(" not in raw
    return [values] if is_list else values


def choices_of(
    settings: Sequence[Setting], groups: ConfigGroups
) -> tuple[dict[str, str], list[Setting], list[Problem]]:
    """Part the choices of groups from the values; a later choice wins.

    Returns:
        The choices, the values in their order, and what is wrong with the choices.
    """
    choices: dict[str, Setting] = {}
    values: list[Setting] = []
    for setting in settings:
        if setting.key in GROUPS and not isinstance(setting.value, dict):
            choices[setting.key] = setting
        else:
            values.append(setting)
    problems = []
    for group, setting in choices.items():
        options = groups.options(group)
        if setting.value not in options:
            named = isinstance(setting.value, str) and setting.value
            message = f"there is no {group} {setting.value!r}." if named else f"names no {group}."
            is_file = group == "data" and named and "." in setting.value
            mend = f"A file: data=table data.path={setting.value}." if is_file else suggest(setting.value, options)
            problems.append(Problem(message, group, mend, str(setting.origin)))
    good = {group: str(setting.value) for group, setting in choices.items() if setting.value in groups.options(group)}
    return good, values, problems


def _parse(text: str, where: str, groups: ConfigGroups) -> Override:
    try:
        override: Override = OverridesParser.create(config_loader=groups.loader).parse_overrides([text])[0]
        return override
    except HydraException as error:
        key, _, value = text.partition("=")
        reason = _plain_reason(str(error).strip().splitlines()[0], value)
        mend = f"Quote a text that holds signs such as , = ( [ : for example '{key}=\"{value}\"'."
        raise ConfigError([Problem(f"this value cannot be read: {reason}", key, mend, where)]) from None


def _plain_reason(reason: str, value: str) -> str:
    """Return Hydra's reason in words for people: its lexer names its own classes."""
    if "Exception" not in reason:
        return reason
    odd = [sign for sign in value if not (sign.isascii() and (sign.isalnum() or sign in "_-./ "))]
    return f"the sign {odd[0]!r} stands in it without quotes" if odd else "it ends too early"


def _plain(value: Any) -> Any:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value


def _number(text: str) -> float:
    """Return a number, a whole one where it is written as one.

    >>> _number("3"), _number("1e-3"), _number("3.")
    (3, 0.001, 3.0)
    """
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _interval(low: float, high: float, log: bool, key: str, where: str) -> Interval:
    if not low < high:
        raise ConfigError([Problem(f"this interval ends at {high} and begins at {low}.", key, where=where)])
    if log and low <= 0:
        raise ConfigError([Problem(f"a logarithmic interval cannot begin at {low}.", key, where=where)])
    return Interval(low, high, log)


def _bounded(start: float, stop: float, step: float, key: str, where: str) -> tuple[int, int, int]:
    if step == 0 or abs((stop - start) / step) > LARGEST_AXIS:
        raise ConfigError([Problem(f"this range has more than {LARGEST_AXIS:,} values.", key, where=where)])
    return int(start), int(stop), int(step)
