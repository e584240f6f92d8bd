"""From a request with axes, or a study, to the runs that it means."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqexp.compose.axes import Axes, Interval
from seqexp.compose.origin import Origin, Setting
from seqexp.compose.study import Study, find_study, read_study, study_names
from seqexp.errors import ConfigError, Problem, SeqexpError, suggest
from seqexp.fingerprint import hash_values, short_key
from seqexp.search.draw import draw
from seqexp.spec.execution import ExecutionSpec
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import FOLD
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import check_environment
from seqexp.workflows.sweeping.points import LeftOut, Point, PointMaker
from seqexp.workflows.sweeping.search import SearchPlan, plan_search

MOST_POINTS = 10_000
REPEATED = ("seed", FOLD)  # axes that a search does not choose from: every combination is run with all of their values
_MOST_DRAWS = 20  # for each trial of a random search: a topology may refuse most combinations
_MOST_MISTAKES = 20
_ALIKE = {
    "execution": "all runs of a sweep are computed in one place.",
    "evaluation.select": "all runs of a sweep are ranked by one figure.",
}


@dataclass(frozen=True)
class Plan:
    """Everything a sweep will do.

    Attributes:
        name: The study's name, or that of the experiment.
        question: The study's question, or an empty text.
        execution: How it is executed.
        points: What is run, in order; of a search, what was tried so far.
        left_out: What is not, with the reason.
        search: What the points are chosen from, where what the first ones give decides on the others.
    """

    name: str
    question: str = ""
    execution: ExecutionSpec = field(default_factory=ExecutionSpec)
    points: list[Point] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    search: SearchPlan | None = None

    @property
    def key(self) -> str:
        """The fingerprint of the sweep: that of its runs, in whatever order, or of what a search chooses from."""
        return self.search.key if self.search else short_key(sorted(point.run_key for point in self.points))

    @property
    def size(self) -> int:
        """How many runs there are, of a search at most."""
        return self.search.execution.trials * self.search.repeats if self.search else len(self.points)

    @property
    def specs(self) -> list[ExperimentSpec]:
        """What is run; of a search, what the first draw means."""
        return [self.search.example.spec] if self.search else [point.spec for point in self.points]

    @property
    def select(self) -> str | None:
        """The figure of validation that its runs are ranked by."""
        example = self.search.example if self.search else next(iter(self.points), None)
        return example.spec.evaluation.select if example else None

    def as_values(self) -> dict[str, Any]:
        """Return the plan as plain values, whole: what it says does not change with the YAML it was made from."""
        return {
            "name": self.name,
            "key": self.key,
            "question": self.question,
            "select": self.select,
            "search": self.search.as_values() if self.search else None,
            "points": [point.as_values() for point in self.points],
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
        ConfigError: A point is wrong for another reason, there are too many, or nothing could show the runs.
        DataError: The data do not carry a point.
    """
    plan, maker = compose_sweep(project, words, on_first=on_first)
    for spec in plan.specs:
        check_environment(spec.tracking)
    return plan if plan.search else replace(plan, points=[maker.identify(point) for point in plan.points])


def compose_sweep(
    project: Project, words: Sequence[str], *, on_first: Callable[[ExecutionSpec, int], None] | None = None
) -> tuple[Plan, PointMaker]:
    """Compose the points of a sweep as :func:`plan_sweep` does, but do not read the data: no point has a run key yet.

    Returns:
        The plan, and what identifies its points.

    Raises:
        ConfigError: A point is wrong for another reason, or there are too many.
    """
    study, overrides = _split_words(project, words)
    request = project.request(overrides)
    grids = study.grids if study else [{}]
    fixed = {setting.key for setting in request.settings}
    grids = [{**{key: axis for key, axis in grid.items() if key not in fixed}, **request.axes} for grid in grids]
    below = _study_settings(study)
    execution = project.execution([*below, *request.settings])
    _check_axes(grids, execution)
    maker = PointMaker(project, below, request.settings)
    plan = Plan(study.name if study else "", study.spec.question if study else "", execution)
    if execution.search == "optuna":
        search = plan_search(maker, grids, execution, REPEATED)
        if on_first is not None:
            on_first(execution, execution.trials * search.repeats)
        return replace(plan, search=search, name=search.example.spec.name), maker
    mistakes: dict[tuple[tuple[str, str], ...], SeqexpError] = {}
    seen: dict[str, str] = {}
    for candidates, most in _candidates(grids, execution):
        accepted = 0
        for candidate in candidates:
            before = len(plan.points)
            for values in candidate:
                try:
                    several = maker.make_all(values)
                except ConfigError as error:
                    mistakes.setdefault(tuple(_told(error)), error)
                    continue
                for made in several:
                    if isinstance(made, LeftOut):
                        plan.left_out.append(made)
                        continue
                    identity = hash_values(made.spec.as_tree())
                    if identity in seen:
                        plan.left_out.append(LeftOut(made.label, f"it is the same run as {seen[identity]}"))
                        continue
                    seen[identity] = made.label
                    plan.points.append(made)
                    if len(plan.points) == 1:
                        total = _size(grids, execution) * len(several)
                        if total > MOST_POINTS:
                            raise _too_many(total, grids, len(several))
                        if on_first is not None:
                            on_first(execution, total)
            accepted += len(plan.points) > before
            if accepted == most or len(mistakes) >= _MOST_MISTAKES:
                break
    if mistakes:
        raise ConfigError(_all_of(mistakes.values()))
    return replace(plan, name=plan.points[0].spec.name if plan.points else plan.name), maker


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


def _candidates(
    grids: Sequence[Axes], execution: ExecutionSpec
) -> Iterator[tuple[Iterable[list[dict[str, Any]]], int | None]]:
    """Yield for each grid what may be run, as groups that count as one, and how many of the groups are wanted."""
    for grid in grids:
        if execution.search == "grid":
            yield ([values] for values in _product(grid)), None
        else:
            chosen = {key: axis for key, axis in grid.items() if key not in REPEATED}
            repeated = list(_product({key: axis for key, axis in grid.items() if key in REPEATED}))
            draws = itertools.islice(draw(chosen, execution.search_seed), _MOST_DRAWS * execution.trials)
            yield ([{**values, **more} for more in repeated] for values in draws), execution.trials


def _product(grid: Axes) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*grid.values()):  # type: ignore[arg-type]
        yield dict(zip(grid, values, strict=True))


def _size(grids: Sequence[Axes], execution: ExecutionSpec) -> int:
    """Return how many points there are at most."""
    total = 0
    for grid in grids:
        ends = {key: math.inf if isinstance(axis, Interval) else len(axis) for key, axis in grid.items()}
        repeats = math.prod(size for key, size in ends.items() if key in REPEATED)
        chosen = math.prod(size for key, size in ends.items() if key not in REPEATED)
        total += int(repeats * (chosen if execution.search == "grid" else min(chosen, execution.trials)))
    return total


def _check_axes(grids: Sequence[Axes], execution: ExecutionSpec) -> None:
    for key, axis in itertools.chain.from_iterable(grid.items() for grid in grids):
        for fixed, why in _ALIKE.items():
            if key == fixed or key.startswith(f"{fixed}."):
                raise ConfigError(why, key=key, mend="Give it one value.")
        if isinstance(axis, Interval) and (execution.search == "grid" or key in REPEATED):
            mend = f"Use {key}=range(start,stop,step), or draw from it: execution.search=random execution.trials=20."
            raise ConfigError(f"the interval {axis} has no end of values.", key=key, mend=mend)
    total = _size(grids, execution)
    if total > MOST_POINTS:
        raise _too_many(total, grids)


def _too_many(total: int, grids: Sequence[Axes], folds: int = 1) -> ConfigError:
    lists = ((key, axis) for grid in grids for key, axis in grid.items() if isinstance(axis, list))
    sizes = [f"{key} ({len(axis)})" for key, axis in lists] + ([f"{FOLD} ({folds})"] if folds > 1 else [])
    return ConfigError(
        f"The sweep has {total:,} points ({' x '.join(sizes)}); the most is {MOST_POINTS:,}.",
        mend="Shorten an axis, or draw some of them: execution.search=random execution.trials=100.",
    )


def _told(error: SeqexpError) -> Iterator[tuple[str, str]]:
    return ((problem.key, problem.message) for problem in error.problems)


def _all_of(errors: Iterable[SeqexpError]) -> list[Problem]:
    """Join what was wrong at several points; what was wrong at all of them is told once."""
    found: dict[tuple[str, str], Problem] = {}
    for error in errors:
        for problem in error.problems:
            found.setdefault((problem.key, problem.message), problem)
    return list(found.values())
