"""From a request with axes, or a study, to the runs that it means."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqexp.compose.composer import Composed, ContractBroken
from seqexp.compose.origin import Origin, Setting
from seqexp.compose.study import Axes, Study, find_study, read_study, study_names
from seqexp.errors import ConfigError, SeqexpError, suggest
from seqexp.fingerprint import hash_values
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.project import Project

MOST_POINTS = 10_000


@dataclass(frozen=True)
class Point:
    """One run of a sweep: what sets it apart, and its spec."""

    label: str
    composed: Composed

    @property
    def spec(self) -> ExperimentSpec:
        """What is run."""
        return self.composed.spec


@dataclass(frozen=True)
class LeftOut:
    """A point that is not run, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Everything a sweep will do.

    Attributes:
        name: The study's name, or that of the experiment.
        question: The study's question, or an empty text.
        points: What is run, in order.
        left_out: What is not, with the reason.
    """

    name: str
    question: str = ""
    points: list[Point] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def plan_sweep(project: Project, words: Sequence[str]) -> Plan:
    """Expand axes into points and compose each; nothing is trained.

    A point whose lengths its topology cannot take is left out with the reason, and so is one that says the same as an
    earlier one.

    Args:
        project: Where the request is made.
        words: Overrides and axes; the first word may be a study, by file or by the name of a shipped one.

    Raises:
        ConfigError: A point is wrong for another reason, or there are too many.
    """
    study, overrides = _split_words(project, words)
    request = project.request(overrides)
    grids = study.grids if study else [{}]
    fixed = {setting.key for setting in request.settings}
    grids = [{**{key: values for key, values in grid.items() if key not in fixed}, **request.axes} for grid in grids]
    _check_size(grids)
    base = _study_settings(study)
    plan = Plan(study.name if study else "", study.spec.question if study else "")
    seen: dict[str, str] = {}
    for axis_settings in itertools.chain.from_iterable(map(_points, grids)):
        label = " ".join(setting.origin.text for setting in axis_settings) or "the one run"
        try:
            composed = project.compose([*base, *axis_settings, *request.settings])
        except ContractBroken as broken:
            plan.left_out.append(LeftOut(label, broken.problems[0].message))
            continue
        except ConfigError as error:
            raise _at_point(error, label) from None
        identity = hash_values(composed.spec.as_tree())
        if identity in seen:
            plan.left_out.append(LeftOut(label, f"the same run as {seen[identity]}"))
            continue
        seen[identity] = label
        plan.points.append(Point(label, composed))
    _check_data(plan.points)
    return plan if plan.name or not plan.points else replace(plan, name=plan.points[0].spec.name)


def _split_words(project: Project, words: Sequence[str]) -> tuple[Study | None, list[str]]:
    if words and "=" not in words[0]:
        path = find_study(words[0])
        if path is None:
            raise ConfigError(f"There is no study {words[0]!r}.", mend=suggest(words[0], study_names()))
        return read_study(path, project.groups), list(words[1:])
    return None, list(words)


def _study_settings(study: Study | None) -> list[Setting]:
    if study is None:
        return []
    return [Setting("name", study.name, Origin("study", text=study.name)), *study.settings]


def _points(grid: Axes) -> Iterator[list[Setting]]:
    for values in itertools.product(*grid.values()):
        yield [
            Setting(key, value, Origin("axis", f"{key}={_short(value)}"))
            for key, value in zip(grid, values, strict=True)
        ]


def _short(value: Any) -> str:
    return str(value).replace(" ", "").replace("'", "") if isinstance(value, (list, dict)) else str(value)


def _check_size(grids: Sequence[Axes]) -> None:
    total = sum(math.prod(len(values) for values in grid.values()) for grid in grids)
    if total > MOST_POINTS:
        sizes = " x ".join(f"{key} ({len(values)})" for grid in grids for key, values in grid.items())
        raise ConfigError(
            f"The sweep has {total:,} points ({sizes}); the most is {MOST_POINTS:,}.", mend="Shorten an axis."
        )


def _check_data(points: Sequence[Point]) -> None:
    """Find out before the first run whether the data carry every point."""
    from seqexp.data.dataset import prepare_dataset

    seen = set()
    for point in points:
        spec = point.spec
        needs = {key: value for key, value in spec.as_tree().items() if key in {"data", "timesteps", "output_length"}}
        identity = hash_values(
            {**needs, "alignment": spec.topology.contract.alignment, "stride": spec.evaluation.stride}
        )
        if identity in seen:
            continue
        seen.add(identity)
        try:
            with point.composed.explained():
                prepare_dataset(spec)
        except SeqexpError as error:
            raise _at_point(error, point.label) from None


def _at_point(error: SeqexpError, label: str) -> SeqexpError:
    """Say at which point of the sweep an error stands, beside where its value came from."""
    return type(error)(
        [replace(problem, where=", ".join(filter(None, (problem.where, f"at {label}")))) for problem in error.problems]
    )
