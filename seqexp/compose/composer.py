"""YAML and overrides in, one validated spec out, or every mistake in one report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from seqexp.compose.groups import ConfigGroups, Origins, Tree
from seqexp.compose.match import UnitsMatcher, units_set_twice
from seqexp.compose.origin import Origin, Setting
from seqexp.compose.overrides import choices_of
from seqexp.compose.places import anchor_paths, without_store
from seqexp.compose.ranking import ranks_nothing
from seqexp.compose.resolve import references, resolve
from seqexp.compose.tree import get_value, leaves, set_value
from seqexp.errors import ConfigError, Problem, SeqexpError, suggest
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.contract import Contract
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import split_part
from seqexp.spec.sources import READ_A_FILE, TOKEN_LOSS, TOKENS, lengths_of_task
from seqexp.spec.topology import DEFAULT_QUANTILES, RESERVED, fitting_loss, outputs_per_target
from seqexp.spec.validate import validate, validate_as

DERIVED = ("topology.name", "data.name", "data.n_targets", "data.n_features", "topology.n_outputs")
MISSING = "needs a value."
CountFeatures = Callable[[dict[str, Any]], int]


class ContractBroken(ConfigError):
    """The lengths asked for are not those that the topology can take; a sweep leaves such a point out."""


@dataclass(frozen=True)
class Composed:
    """A spec and, for each of its keys, where the value came from."""

    spec: ExperimentSpec
    origins: Origins

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Put beside every problem of an error raised in the block where the value of its key came from."""
        with located_at(self.origins):
            yield


@contextmanager
def located_at(origins: Origins) -> Iterator[None]:
    """Put beside every problem of an error raised in the block where the value of its key came from."""
    try:
        yield
    except SeqexpError as error:
        raise type(error)(_located(error.problems, origins)) from None


class Composer:
    """Composes many experiments from the same folders; files are read and merged once for each choice of groups."""

    def __init__(self, groups: ConfigGroups, count_features: CountFeatures) -> None:
        self.groups = groups
        self._count_features = count_features
        self._matcher = UnitsMatcher()

    def compose(self, settings: Sequence[Setting]) -> Composed:
        """Compose one experiment; later settings win over earlier ones, and all over the config files.

        Raises:
            ContractBroken: The only mistake is that the lengths do not fit the topology.
            ConfigError: With one problem for every mistake.
        """
        choices, values, problems = choices_of(settings, self.groups)
        files = self.groups.compose(choices)
        tree, origins = files.tree, files.origins
        for setting in values:
            problems += _apply(tree, origins, setting)
        problems += _derive(tree, origins, files.choices, self._count_features)
        broken = _keep_contract(tree, origins)
        problems += units_set_twice(tree, origins)
        if not (problems or broken):  # the weights of a model that cannot be are not worth a message
            problems += self._matcher.match(tree, origins)
        _follow_references(tree, origins)
        resolved, unresolved = resolve(tree)
        # A reference that leads nowhere may be a parameter's name, misspelt.
        problems += unresolved or [*_unused_parameters(tree, origins), *_missing(resolved)]
        anchor_paths(resolved, origins)
        problems += without_store(resolved, origins)
        problems += ranks_nothing(resolved, origins)
        spec = None
        try:
            if not unresolved:
                spec = validate(resolved)
        except ConfigError as error:
            reported = {problem.key for problem in problems} | ({"output_length", "timesteps"} if broken else set())
            problems += [problem for problem in error.problems if problem.key not in reported]
        if problems:
            raise ConfigError(_located(problems + broken, origins))
        if broken or spec is None:
            raise ContractBroken(_located(broken, origins))
        return Composed(spec, origins)

    def section(self, name: str, settings: Sequence[Setting]) -> tuple[Any, Origins]:
        """Compose one section of the config by itself, as a plain tree, and where its values came from.

        Raises:
            ConfigError: A choice or a key is wrong.
        """
        own = [setting for setting in settings if setting.key == name or setting.key.startswith(f"{name}.")]
        choices, values, problems = choices_of(own, self.groups)
        files = self.groups.compose(choices)
        for setting in values:
            problems += _apply(files.tree, files.origins, setting)
        if problems:
            raise ConfigError(_located(problems, files.origins))
        return files.tree.get(name), files.origins


def _apply(tree: Tree, origins: Origins, setting: Setting) -> list[Problem]:
    try:
        changed = set_value(tree, setting.key, setting.value)
    except SeqexpError as error:
        return [replace(problem, where=str(setting.origin)) for problem in error.problems]
    for key in changed:
        origins[key] = setting.origin
    return []


def _derive(tree: Tree, origins: Origins, choices: dict[str, str], count_features: CountFeatures) -> list[Problem]:
    """Enter what follows from the rest of the config, and refuse it where somebody set it."""
    problems = []
    for key in DERIVED:
        if get_value(tree, key) is not None:
            where = str(origins[key]) if key in origins else ""
            message = "is derived from the rest of the config and cannot be set."
            problems.append(Problem(message, key, "Leave it out.", where))
    data = tree.get("data")
    if not isinstance(data, dict) or not isinstance(tree.get("topology"), dict):
        return problems
    targets = data.get("targets")
    n_targets = max(len(targets), 1) if isinstance(targets, list) else 1  # an empty list is reported for itself
    problems += _move_past(data, origins)
    source = split_part(data.get("source"))
    if source is not None and source[0] not in READ_A_FILE and data.get("path") == "???":
        data["path"] = None  # what data=table asks for, and a generated table has not
        origins["data.path"] = Origin("derived", "from data.source")
    features = data.get("features")
    n_features = n_targets
    if isinstance(features, (list, str)):
        n_features = len(features) if isinstance(features, list) else 1
    if features == "all" and data.get("path") != "???":
        located = dict(data)
        anchor_paths({"data": located}, origins)
        try:
            n_features = count_features(located)
        except SeqexpError as error:
            problems += error.problems
            n_features = 1
    n_features += _count_added(data, features if isinstance(features, (list, str)) else targets)
    head, quantiles = (get_value(tree, f"topology.{key}") for key in ("head", "quantiles"))
    if quantiles is not None and head in (None, "point"):
        mend = "Set topology.head=quantiles or topology.head=gaussian, or leave them out."
        problems.append(Problem("a point has no quantiles.", "topology.quantiles", mend))
    levels = quantiles if isinstance(quantiles, list) else DEFAULT_QUANTILES
    n_outputs = n_targets * outputs_per_target(head, levels)
    _set_fitting(tree, origins, "training.loss", fitting_loss(head, list(levels)), "topology.head")
    if source is not None and isinstance(tree.get("timesteps"), int):
        for key, length in lengths_of_task(*source, tree["timesteps"]).items():
            if not (key in origins and origins[key].kind in {"override", "axis", "study"}):
                tree[key] = length
                origins[key] = Origin("contract")
    if source is not None and source[0] in TOKENS:
        _set_fitting(tree, origins, "training.loss", TOKEN_LOSS, "data.source")
        _set_fitting(tree, origins, "evaluation.select", "val/cross_entropy", "data.source")
    derived = (choices.get("topology", ""), choices.get("data", ""), n_targets, n_features, n_outputs)
    for key, value in zip(DERIVED, derived, strict=True):
        set_value(tree, key, value)
        origins[key] = Origin("derived")
    return problems


def _set_fitting(tree: Tree, origins: Origins, key: str, value: Any, why: str) -> None:
    """Set what fits the rest of the config, unless somebody asked for something else, which is refused later."""
    section, _, name = key.partition(".")
    kinds = {origin.kind for origin_key, origin in origins.items() if origin_key.startswith(key)}
    if value is not None and not kinds & {"override", "axis", "study"} and isinstance(tree.get(section), dict):
        tree[section][name] = value
        origins[key] = Origin("derived", f"from {why}")


def _move_past(data: dict[str, Any], origins: Origins) -> list[Problem]:
    """Read ``data.past`` as what it is: the long form of ``data.features``."""
    past = data.pop("past", None)
    if past is None:
        return []
    if data.get("features") is not None:
        mend = "Keep one of them: data.features is the short form."
        return [Problem("data.past and data.features name the same thing.", "data.past", mend)]
    data["features"] = past
    if "data.past" in origins:
        origins["data.features"] = origins["data.past"]
    return []


def _count_added(data: dict[str, Any], features: Any) -> int:
    """Count the columns that are read besides the features: what is known ahead. What is wrong is reported later."""
    values = [data.get(key) or [] for key in ("static", "future", "calendar")]
    static, future, calendar = ([value] if isinstance(value, str) else value for value in values)
    known = [features] if isinstance(features, str) else features
    added = dict.fromkeys(name for name in [*static, *future] if isinstance(name, str))
    new = [name for name in added if features != "all" and not (isinstance(known, list) and name in known)]
    return len(new) + len(calendar_columns([word for word in calendar if isinstance(word, str)]))


def _keep_contract(tree: Tree, origins: Origins) -> list[Problem]:
    """Set the lengths that the topology fixes; return what stands against it."""
    try:
        contract = validate_as(Contract, get_value(tree, "topology.contract", {}))
    except ConfigError:
        return []  # reported with the rest of the config
    lengths = {key: tree.get(key) for key in ("timesteps", "output_length")}
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in lengths.values()):
        return []
    problems = []
    name = get_value(tree, "topology.name")
    fixed = contract.fixed_lengths(lengths["timesteps"])  # type: ignore[arg-type]
    for key, value in fixed.items():
        if tree[key] == value:
            continue
        if key in origins and origins[key].is_insistent:
            reason = contract.broken_by(**{**lengths, **fixed, key: tree[key]})
            mend = f"Leave {key} out ({key}={value} is set by itself), or choose another topology."
            problems.append(Problem(f"topology {name} does not take this length: {reason}.", key, mend))
        else:
            tree[key] = value
            origins[key] = Origin("contract")
    reason = contract.broken_by(tree["timesteps"], tree["output_length"])
    if reason and not problems:
        mend = "Shorten output_length, lengthen timesteps, or choose another topology."
        problems.append(Problem(f"topology {name} does not take these lengths: {reason}.", "output_length", mend))
    return problems


def _follow_references(tree: Tree, origins: Origins) -> None:
    """Let a value that refers to another come from where that one was set: ``topology.units=-3``, not the file."""
    for key, value in leaves(tree):
        if isinstance(value, str) and "${" in value:
            sources = [origins[name] for name in sorted(references(value)) if name in origins]
            chosen = next((origin for origin in sources if origin.kind not in {"file", "derived", "contract"}), None)
            if chosen is not None:
                origins[key] = chosen


def _unused_parameters(tree: Tree, origins: Origins) -> list[Problem]:
    topology = tree.get("topology")
    if not isinstance(topology, dict) or not isinstance(topology.get("layers"), list):
        return []
    used = references({key: value for key, value in tree.items() if key in {"topology", "data", "training"}})
    params = [key for key, value in topology.items() if key not in RESERVED and not isinstance(value, (dict, list))]
    if "topology.layers" in origins and origins["topology.layers"].is_insistent:
        params = [key for key in params if f"topology.{key}" in origins and origins[f"topology.{key}"].is_insistent]
    there = [key for key in params if f"topology.{key}" in used]
    mend = f"Parameters of this topology: {', '.join(there)}." if there else "This topology has no parameters."
    unused = {key: suggest(key, RESERVED) for key in params if key not in there}
    return [
        Problem("no layer uses this parameter.", f"topology.{key}", near if near.startswith("Did") else mend)
        for key, near in unused.items()
    ]


def _missing(tree: Tree) -> list[Problem]:
    return [Problem(MISSING, key, f"Give one: {key}=...") for key, value in leaves(tree) if value == "???"]


def _located(problems: Sequence[Problem], origins: Origins) -> list[Problem]:
    """Put beside every problem where its value came from; an argument takes the place of what holds it."""
    located: list[Problem] = []
    for problem in dict.fromkeys(problems):
        where, key = problem.where, problem.key
        while key and not where:
            inside = [name for name in origins if name == key or name.startswith((f"{key}.", f"{key}["))]
            known = [origins[name] for name in inside if origins[name].kind != "derived"]
            # Of a mapping, the part that a person set tells more than the file that holds the rest.
            where = next((str(origin) for origin in [*filter(_is_insistent, known), *known]), "")
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        told = ((other.message, other.where) for other in located)
        if not where.startswith(("override", "sweep")) or (problem.message, where) not in told:
            located.append(replace(problem, where=where))  # one wrong parameter is told once, however often it is used
    return located


def _is_insistent(origin: Origin) -> bool:
    return origin.is_insistent
