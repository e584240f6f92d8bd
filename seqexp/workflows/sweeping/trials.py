"""Run the trials of a search: what to try next is chosen when a run ends, by what all before it gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import fmean

from seqexp.execution.contract import Event, Executor, Task, Told
from seqexp.search.study import Search, Trial
from seqexp.spec.execution import ExecutionSpec
from seqexp.workflows.sweeping.plan import Plan
from seqexp.workflows.sweeping.points import LeftOut, Point
from seqexp.workflows.sweeping.sweep_driver import SweepDriver

_MOST_CHOICES = 20  # for each trial wanted: a topology may refuse many combinations, and a sampler repeats itself


@dataclass
class _Open:
    """A trial whose runs are not all over."""

    trial: Trial
    numbers: list[int]
    waiting: set[int] = field(default_factory=set)


class Trials:
    """The trials of one search."""

    def __init__(self, plan: Plan, search: Search, driver: SweepDriver, executor: Executor) -> None:
        assert plan.search is not None
        self._plan, self._planned = plan, plan.search
        self._search, self._driver, self._executor = search, driver, executor
        self._open: dict[int, _Open] = {}  # by the number of each of its runs
        self._tried: set[str] = set()  # combinations, by what their first run is called
        self._begun = self._chosen = 0

    def run(self, *, retry_failed: bool) -> None:
        """Go on with the search until there were as many trials as are wanted."""
        lost = []  # runs whose directories are gone
        for trial in list(self._search.tried()):
            if trial.failed and retry_failed:
                self._search.again(trial)
                continue
            points = self._planned.points(trial.values)
            if not isinstance(points, LeftOut):
                self._begun += 1
                self._tried.add(points[0].run_key)
                tasks = (self._driver.recall(self._number(point), point) for point in points)
                lost += [task for task in tasks if task is not None]
        self._executor.run([*lost, *self._more(self._executor.room())], self._handle)

    def _handle(self, event: Event) -> list[Task]:
        self._driver.handle(event)
        known = self._open.get(event.number)
        if known is None:
            return []
        if isinstance(event, Told) and self._planned.execution.pruning != "none":
            epoch = event.content
            if self._search.promises_nothing(known.trial, epoch.epoch, epoch.values["val/loss"]):
                self._executor.stop(event.number)
        if not event.is_last:
            return []
        known.waiting.discard(event.number)
        if known.waiting:
            return []
        self._tell(known)
        return list(self._more(1))

    def _more(self, n_trials: int) -> Iterator[Task]:
        """Begin so many trials, if so many are still wanted."""
        execution = self._planned.execution
        while n_trials and self._begun < execution.trials and not self._is_exhausted(execution):
            self._chosen += 1
            trial = self._search.ask()
            points = self._planned.points(trial.values)
            if isinstance(points, LeftOut) or points[0].run_key in self._tried:
                self._search.gave_nothing(trial)
                if isinstance(points, LeftOut) and points not in self._plan.left_out:
                    self._plan.left_out.append(points)
                    self._driver.leave_out(points)
                continue
            self._begun += 1
            self._tried.add(points[0].run_key)
            tasks = self._begin(trial, points)
            yield from tasks
            n_trials -= bool(tasks)  # one whose runs are all there already leaves room for another

    def _is_exhausted(self, execution: ExecutionSpec) -> bool:
        known = len(self._tried) + len(self._plan.left_out)
        return known >= (self._search.size or known + 1) or self._chosen >= _MOST_CHOICES * execution.trials

    def _begin(self, trial: Trial, points: list[Point]) -> list[Task]:
        known = _Open(trial, [self._number(point) for point in points])
        tasks = []
        for number, point in zip(known.numbers, points, strict=True):
            self._open[number] = known
            if (task := self._driver.choose(number, point)) is not None:
                known.waiting.add(number)
                tasks.append(task)
        if not tasks:
            self._tell(known)
        return tasks

    def _tell(self, known: _Open) -> None:
        """Tell the search what came of a trial: the mean over its seeds of the figure that runs are ranked by."""
        runs = [self._driver.outcome(number) for number in known.numbers]
        figures = [run.stored.record.metrics.get(str(self._plan.select)) for run in runs]
        if any(run.was_pruned for run in runs):
            self._search.was_pruned(known.trial)
        elif any(run.has_failed for run in runs) or None in figures:
            self._search.failed(known.trial)
        else:
            self._search.gave(known.trial, fmean(figure for figure in figures if figure is not None))

    def _number(self, point: Point) -> int:
        self._plan.points.append(point)
        return len(self._plan.points) - 1
