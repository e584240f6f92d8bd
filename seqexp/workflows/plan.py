"""From a request with axes, or a study, to the runs that it means."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqexp.compose.composer import Composed, ContractBroken
from seqexp.compose.origin import Origin, Setting
from seqexp.compose.study import Axes, Study, find_study, read_study, study_names
from seqexp.errors import ConfigError, Problem, SeqexpError, suggest
from seqexp.fingerprint import hash_values, short_key
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import ExecutionSpec
from seqexp.workflows.identity import program_key_of, run_key_of, title_of
from seqexp.workflows.project import Project

MOST_POINTS = 10_000
_MOST_MISTAKES = 20


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        label: What sets it apart.
        composed: Its spec, and where the values came from.
        run_key: The fingerprint of what affects its result, the content of the data among it.
        program_key: Shared by the runs that can share a compiled program.
        fingerprint: That of the content of the data.
    """

    label: str
    composed: Composed
    run_key: str = ""
    program_key: str = ""
    fingerprint: str = ""

    @property
    def spec(self) -> ExperimentSpec:
        """What is run."""
        return self.composed.spec

    @property
    def title(self) -> str:
        """A readable name, with what the sweep varies besides topology, lengths and seed."""
        told = ("topology=", "timesteps=", "output_length=", "seed=")
        varied = [word for word in self.label.split() if "=" in word and not word.startswith(told)]
        return " ".join([title_of(self.spec), *varied])


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

    @property
    def key(self) -> str:
        """The fingerprint of the sweep: that of its runs, in whatever order."""
        return short_key(sorted(point.run_key for point in self.points))

    @property
    def execution(self) -> ExecutionSpec:
        """Where its runs are computed; the same for all."""
        return self.points[0].spec.execution if self.points else ExecutionSpec()

    def as_values(self) -> dict[str, Any]:
        """Return the plan as plain values, whole: what it says does not change with the YAML it was made from."""
        return {
            "name": self.name,
            "key": self.key,
            "question": self.question,
            "points": [
                {"label": point.label, "run_key": point.run_key, "spec": point.spec.as_tree()} for point in self.points
            ],
            "left_out": [{"label": point.label, "reason": point.reason} for point in self.left_out],
        }


def plan_sweep(
    project: Project, words: Sequence[str], *, on_first: Callable[[ExecutionSpec, int], None] | None = None
) -> Plan:
    """Expand axes into points and compose each; nothing is trained.

    A point whose lengths its topology cannot take is left out with the reason, and so is one that says the same as an
    earlier one.

    Args:
        project: Where the request is made.
        words: Overrides and axes; the first word may be a study, by file or by the name of a shipped one.
        on_first: Told, as soon as one point is composed, where the runs will be computed and how many there may be.

    Raises:
        ConfigError: A point is wrong for another reason, or there are too many.
    """
    study, overrides = _split_words(project, words)
    request = project.request(overrides)
    grids = study.grids if study else [{}]
    fixed = {setting.key for setting in request.settings}
    grids = [{**{key: values for key, values in grid.items() if key not in fixed}, **request.axes} for grid in grids]
    _check_axes(grids)
    base = _study_settings(study)
    plan = Plan(study.name if study else "", study.spec.question if study else "")
    seen: dict[str, str] = {}
    mistakes: dict[tuple[tuple[str, str], ...], SeqexpError] = {}
    for axis_settings in itertools.chain.from_iterable(map(_points, grids)):
        label = " ".join(setting.origin.text for setting in axis_settings) or "the one run"
        try:
            composed = project.compose([*base, *axis_settings, *request.settings])
        except ContractBroken as broken:
            plan.left_out.append(LeftOut(label, broken.problems[0].message))
            continue
        except ConfigError as error:
            mistakes.setdefault(tuple(_told(error)), _at_point(error, label))
            if len(mistakes) >= _MOST_MISTAKES:
                break
            continue
        identity = hash_values(composed.spec.as_tree())
        if identity in seen:
            plan.left_out.append(LeftOut(label, f"it is the same run as {seen[identity]}"))
            continue
        seen[identity] = label
        plan.points.append(Point(label, composed))
        if on_first is not None and len(plan.points) == 1:
            on_first(composed.spec.execution, _size(grids))
    if mistakes:
        raise ConfigError(_all_of(mistakes.values()))
    points = list(_with_keys(plan.points))
    return replace(plan, points=points, name=points[0].spec.name if points else plan.name)


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


def _size(grids: Sequence[Axes]) -> int:
    return sum(math.prod(len(values) for values in grid.values()) for grid in grids)


def _check_axes(grids: Sequence[Axes]) -> None:
    total = _size(grids)
    if total > MOST_POINTS:
        sizes = " x ".join(f"{key} ({len(values)})" for grid in grids for key, values in grid.items())
        raise ConfigError(
            f"The sweep has {total:,} points ({sizes}); the most is {MOST_POINTS:,}.", mend="Shorten an axis."
        )
    for key in itertools.chain.from_iterable(grids):
        if key.split(".")[0] == "execution":
            raise ConfigError("all runs of a sweep are computed in one place.", key=key, mend="Give it one value.")


def _with_keys(points: Sequence[Point]) -> Iterator[Point]:
    """Find out before the first run whether the data carry every point, and what each is called."""
    from seqexp.data.dataset import prepare_dataset

    known: dict[str, tuple[str, int]] = {}
    for point in points:
        spec = point.spec
        needs = {key: value for key, value in spec.as_tree().items() if key in {"data", "timesteps", "output_length"}}
        identity = hash_values(
            {**needs, "alignment": spec.topology.contract.alignment, "stride": spec.evaluation.stride}
        )
        if identity not in known:
            try:
                with point.composed.explained():
                    series = prepare_dataset(spec).series
            except SeqexpError as error:
                raise _at_point(error, point.label) from None
            known[identity] = series.fingerprint, len(series)
        fingerprint, rows = known[identity]
        run_key, program_key = run_key_of(spec, fingerprint), program_key_of(spec, rows)
        yield replace(point, run_key=run_key, program_key=program_key, fingerprint=fingerprint)


def _told(error: SeqexpError) -> Iterator[tuple[str, str]]:
    return ((problem.key, problem.message) for problem in error.problems)


def _all_of(errors: Iterable[SeqexpError]) -> list[Problem]:
    """Join what was wrong at several points; what was wrong at all of them is told once."""
    found: dict[tuple[str, str], Problem] = {}
    for error in errors:
        for problem in error.problems:
            found.setdefault((problem.key, problem.message), problem)
    return list(found.values())


def _at_point(error: SeqexpError, label: str) -> SeqexpError:
    """Say at which point of the sweep an error stands, beside where its value came from."""
    return type(error)(
        [replace(problem, where=", ".join(filter(None, (problem.where, f"at {label}")))) for problem in error.problems]
    )
