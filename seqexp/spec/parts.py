"""A part is a name from Keras with arguments: ``LSTM: {units: 32}``, or the name alone where none is needed.

Layers, losses, metrics, schedules, initialisers, regularisers and constraints are all written this way. Parts nest:
``TimeDistributed: {layer: {Dense: {units: 1}}}``. They are checked against the catalogue, so every mistake in a
topology is known before TensorFlow is imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Frozen
from seqexp.spec.catalogue import NOUNS, OWN_KINDS, arguments_of, known_names

OF_YOUR_OWN = "If it is your own, name its file: --plugin FILE.py."
LARGEST_SIZE = 65_536
_SECTIONS = {"initializer": "initializers", "regularizer": "regularizers", "constraint": "constraints"}
_FLOATS = {"number", "positive", "from_zero", "share", "schedule"}
_SECTIONS |= {"layer": "layers", "cell": "layers"}


class Part(Frozen):
    """A name of the catalogue and its arguments, as written; nested parts stay as they were written."""

    name: str
    args: dict[str, Any]

    def as_written(self) -> str | dict[str, Any]:
        """Return the YAML form."""
        return {self.name: self.args} if self.args else self.name


class PartErrors(ValueError):
    """Everything that is wrong inside one part; the keys of the problems count from the part."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


def split_part(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the name and arguments of a part, or None where the value has not the form of one."""
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and len(value) == 1:
        name, args = next(iter(value.items()))
        if isinstance(name, str) and (args is None or isinstance(args, Mapping)):
            return name, dict(args or {})
    return None


def problems_of_part(value: Any, section: str, key: str = "") -> Iterator[Problem]:
    """Yield what is wrong with a part, nested parts included."""
    found = split_part(value)
    noun = NOUNS[section]
    if found is None:
        yield Problem(f"expected the name of {_a(noun)} or {{Name: {{arguments}}}}, got {shown(value)}.", key)
        return
    name, args = found
    known = arguments_of(section, name)
    if known is None:
        yield Problem(f"there is no {noun} {name!r}.", key, mend=_mend_of_unknown(name, section))
        return
    yield from problems_of_arguments(name, args, known, dotted(key, name))


def _mend_of_unknown(name: str, section: str) -> str:
    other = {"metrics": "scores", "scores": "metrics"}.get(section)
    if other is not None and arguments_of(other, name) is not None:
        return f"Name it in {'training' if other == 'metrics' else 'evaluation'}.metrics."
    mend = suggest(name, known_names(section))
    return or_your_own(mend) if section in OWN_KINDS else mend


def or_your_own(mend: str) -> str:
    """Say besides how a part of one's own is found, whose name may be near a known one by chance: mine and sine."""
    return f"{mend}\n  {OF_YOUR_OWN}"


def problems_of_arguments(name: str, args: Mapping[str, Any], known: Any, key: str) -> Iterator[Problem]:
    """Yield unknown, missing and wrong arguments of ``name``."""
    for argument, value in args.items():
        if argument not in known:
            mend = suggest(argument, known)
            yield Problem(f"{name} has no argument {argument!r}.", dotted(key, argument), mend=mend)
        elif argument == "arguments":
            yield from _problems_of_function(args, dotted(key, argument))
        else:
            yield from _problems_of_value(value, known[argument], dotted(key, argument))
    missing = [argument for argument, described in known.items() if "default" not in described and argument not in args]
    is_function = arguments_of("functions", name) is not None
    for argument in missing:
        written = f"function: {name}, arguments: {{{argument}: ...}}" if is_function else f"{name}: {{{argument}: ...}}"
        yield Problem(f"{name} needs {argument}.", key, mend=f"Write {{{written}}}.")
    if name == "Lambda" and "arguments" not in args and not missing:
        yield from _problems_of_function(args, key)


def _problems_of_function(args: Mapping[str, Any], key: str) -> Iterator[Problem]:
    name, values = args.get("function"), args.get("arguments", {})
    known = arguments_of("functions", name) if isinstance(name, str) else None
    if known is None:
        return  # the name itself is reported where it stands
    if not isinstance(values, Mapping):
        yield Problem(f"expected a mapping of arguments of {name}, got {shown(values)}.", key)
        return
    yield from problems_of_arguments(str(name), values, known, key)


def _problems_of_value(value: Any, described: Mapping[str, Any], key: str) -> Iterator[Problem]:
    kind = described["kind"]
    if value is None and described.get("default", "") is None:
        return
    if kind in _SECTIONS:
        yield from problems_of_part(value, _SECTIONS[kind], key)
        if kind == "cell" and (found := split_part(value)) and not _is_cell(found[0]):
            yield Problem(f"expected a cell, got the layer {found[0]}.", key, mend="For example LSTMCell.")
    elif kind == "cells":
        if not isinstance(value, (list, tuple)) or not value:
            yield Problem(f"expected a list of cells, got {shown(value)}.", key)
            return
        for position, cell in enumerate(value):
            yield from _problems_of_value(cell, {"kind": "cell"}, f"{key}[{position}]")
    elif kind in {"activation", "function"}:
        section = "activations" if kind == "activation" else "functions"
        if not isinstance(value, str):
            yield Problem(f"expected the name of {_a(NOUNS[section])}, got {shown(value)}.", key)
        elif value not in known_names(section):
            yield Problem(f"there is no {kind} {value!r}.", key, mend=_mend_of_unknown(value, section))
    elif kind == "schedule" and not _is_number(value):
        if split_part(value) is None:
            yield Problem(
                f"expected a number or a learning-rate schedule {{Name: {{arguments}}}}, got {shown(value)}.", key
            )
        else:
            yield from problems_of_part(value, "schedules", key)
    elif wanted := _unmet(kind, value):
        yield Problem(f"expected {wanted}, got {shown(value)}.", key)


def _unmet(kind: str, value: Any) -> str:
    """Return what was wanted, or an empty text when the value is of the kind."""
    if kind == "bool":
        return "" if isinstance(value, bool) else "true or false"
    if kind == "int":
        return "" if _is_int(value) else "a whole number"
    if kind == "number":
        return "" if _is_number(value) else "a number"
    if kind in {"positive", "schedule"}:
        return "" if _is_number(value) and value > 0 else "a number above 0"
    if kind == "from_zero":
        return "" if _is_number(value) and value >= 0 else "a number from 0 up"
    if kind == "share":
        return "" if _is_number(value) and 0 <= value <= 1 else "a number from 0 to 1"
    if kind == "text":
        return "" if isinstance(value, str) else "a text"
    if kind == "size":
        sizes = list(value) if isinstance(value, (list, tuple)) else [value]
        fits = bool(sizes) and all(_is_int(size) and 1 <= size <= LARGEST_SIZE for size in sizes)
        return "" if fits else f"a whole number from 1 to {LARGEST_SIZE:,}"
    return "" if _is_plain(value) else "a number, a text, true, false, null or a list of these"


def with_floats(args: Mapping[str, Any], known: Any) -> dict[str, Any]:
    """Return checked arguments with ``1`` written as ``1.0`` where any number may stand: both are the same run."""
    return {key: _with_floats(value, known[key]["kind"]) for key, value in args.items()}


def _with_floats(value: Any, kind: str) -> Any:
    if kind == "cells":
        return [_with_floats(item, "cell") for item in value]
    if kind in _FLOATS and _is_int(value):
        return float(value)
    section = "schedules" if kind == "schedule" else _SECTIONS.get(kind, "")
    if section and isinstance(value, Mapping):
        name, args = split_part(value) or ("", {})
        return {name: with_floats(args, arguments_of(section, name) or {})}
    return value


def parts_within(value: Any, section: str) -> Iterator[tuple[str, str]]:
    """Yield section and name of a checked part and of every part and function inside it.

    >>> list(parts_within({"TimeDistributed": {"layer": {"Dense": {"units": 1}}}}, "layers"))
    [('layers', 'TimeDistributed'), ('layers', 'Dense')]
    """
    name, args = (value.name, value.args) if isinstance(value, Part) else split_part(value) or ("", {})
    yield section, name
    for key, described in (arguments_of(section, name) or {}).items():
        inner = args.get(key)
        if inner is None:
            continue
        if described["kind"] == "function":
            yield "functions", inner
        elif described["kind"] == "cells":
            for cell in inner:
                yield from parts_within(cell, "layers")
        elif described["kind"] in _SECTIONS:
            yield from parts_within(inner, _SECTIONS[described["kind"]])


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _is_cell(name: str) -> bool:
    return name.endswith("Cell") or name == "StackedRNNCells"


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, str)) or _is_number(value)


def dotted(key: str, name: str) -> str:
    """Join two keys with a dot; either may be empty."""
    return f"{key}.{name}" if key and name and not name.startswith("[") else f"{key}{name}"


def shown(value: Any) -> str:
    """Return a value as YAML would write it, with its type where that is the likely mistake."""
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing (null)"
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _reader(section: str) -> BeforeValidator:
    def read(value: Any) -> Part:
        if isinstance(value, Part):
            return value
        problems = list(problems_of_part(value, section))
        if problems:
            raise PartErrors(problems)
        name, args = split_part(value) or ("", {})
        return Part(name=name, args=with_floats(args, arguments_of(section, name)))

    return BeforeValidator(read)


_as_written = PlainSerializer(Part.as_written)
Layer = Annotated[Part, _reader("layers"), _as_written]
Loss = Annotated[Part, _reader("losses"), _as_written]
Metric = Annotated[Part, _reader("metrics"), _as_written]
Score = Annotated[Part, _reader("scores"), _as_written]
Baseline = Annotated[Part, _reader("baselines"), _as_written]
