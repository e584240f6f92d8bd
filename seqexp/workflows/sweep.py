"""Run the points of a plan: what is missing is computed by an executor, recorded here, and shown in MLflow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from seqexp.execution.contract import Broken, Ended, Event, Executor, Started, Task, Told
from seqexp.spec.settings import ExecutionSpec
from seqexp.store.run_dir import StoredRun, find_failed, find_finished
from seqexp.store.sweep_dir import own_sweep
from seqexp.workflows.compute import Computed
from seqexp.workflows.executors import RunTask, make_executor
from seqexp.workflows.leaderboard import build_leaderboard
from seqexp.workflows.plan import LeftOut, Plan, Point, plan_sweep
from seqexp.workflows.project import Project
from seqexp.workflows.publish import Publisher, tracking_uri
from seqexp.workflows.publish_queue import PublishQueue
from seqexp.workflows.record import record_run
from seqexp.workflows.reporter import Reporter
from seqexp.workflows.requests import RunOutcome, not_sent
from seqexp.workflows.run import killed

_PATIENCE = 3.0  # seconds that MLflow is waited for when a sweep is interrupted


@dataclass
class SweepResult:
    """What came of a sweep: a run for every point that was reached, and the points that were left out."""

    name: str = ""
    outcomes: list[RunOutcome] = field(default_factory=list)
    skipped: list[LeftOut] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> list[RunOutcome]:
        """The runs that did not finish."""
        return [outcome for outcome in self.outcomes if outcome.stored.record.status != "FINISHED"]

    def as_values(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {
            "status": "FAILED" if self.failed else "FINISHED",
            "name": self.name,
            "runs": [outcome.as_values() for outcome in self.outcomes],
            "skipped": [{"point": point.label, "reason": point.reason} for point in self.skipped],
        }


@dataclass(frozen=True)
class SweepOptions:
    """What of a plan is run.

    Attributes:
        force: Also what was run before, as new attempts.
        retry_failed: Also what failed before; what was interrupted is run in any case.
        fail_fast: No more after the first run that fails.
    """

    force: bool = False
    retry_failed: bool = False
    fail_fast: bool = False


def run_sweep(
    project: Project,
    plan: Plan,
    options: SweepOptions | None = None,
    *,
    executor: Executor | None = None,
    reporter: Reporter | None = None,
    result: SweepResult | None = None,
) -> SweepResult:
    """Run every point that was not run before; a run that fails does not stop the others.

    Args:
        project: Where the runs are recorded.
        plan: What to run.
        options: What of it.
        executor: Where it is computed, if that was started before; it is closed here.
        reporter: Hears of every epoch.
        result: Filled and returned; for who wants to see what there is when the sweep is interrupted.

    Raises:
        StoreError: Another process is at the same sweep.
    """
    options, reporter, began = options or SweepOptions(), reporter or Reporter(), time.perf_counter()
    result = result or SweepResult()
    result.name, result.skipped = plan.name, list(plan.left_out)
    with executor or make_executor(plan.execution) as executor, own_sweep(project.sweeps, plan.as_values()):
        driver = _Driver(project, plan, options, reporter)
        reporter.planned(len(plan.points))
        try:
            tasks = [task for number, point in enumerate(plan.points) if (task := driver.look_up(number, point))]
            executor.run(tasks, driver.handle)
        except _Enough:
            executor.close()
            driver.stop("a run failed, and --fail-fast was asked for")
        except BaseException as stop:
            executor.close()
            driver.stop(str(stop) or type(stop).__name__)
            raise
        else:
            driver.finish()
        finally:
            reporter.closed()
            result.outcomes = driver.outcomes()
            result.seconds = time.perf_counter() - began
    return result


class _Enough(BaseException):
    """No more runs are wanted."""


class _Driver:
    """Hears what happens to runs, records it, and has it shown."""

    def __init__(self, project: Project, plan: Plan, options: SweepOptions, reporter: Reporter) -> None:
        self._project, self._plan, self._options, self._reporter = project, plan, options, reporter
        self._tags = {"sweep": f"{plan.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
        self._begun: dict[int, float] = {}
        self._histories: dict[int, list[dict[str, float]]] = {}
        self._stored: dict[int, StoredRun] = {}
        self._done_before: set[int] = set()
        self._run_ids: dict[int, str] = {}
        self._publishers: dict[str, tuple[Publisher, PublishQueue]] = {}

    def look_up(self, number: int, point: Point) -> Task | None:
        """Return what is to be done for a point, or None where it was done before."""
        name, runs, options = point.spec.name, self._project.runs, self._options
        found = None if options.force else find_finished(runs, name, point.run_key)
        if found is None and not (options.force or options.retry_failed):
            found = find_failed(runs, name, point.run_key)
        if found is None:
            return Task(number, RunTask(point.spec, point.fingerprint), point.program_key)
        self._done_before.add(number)
        self._keep(number, found)
        self._reporter.skipped(number)
        return None

    def handle(self, event: Event) -> None:
        """Hear of one thing that happened."""
        number, spec = event.number, self._plan.points[event.number].spec
        if isinstance(event, Started):
            self._begun[number], self._histories[number] = time.time(), []
            self._reporter.started(number, spec, self._plan.points[number].title)
        elif isinstance(event, Told):
            self._histories[number].append(event.content.as_row())
            self._reporter.epoch(number, event.content)
        elif isinstance(event, Ended):
            self._record(number, event.result)
        elif isinstance(event, Broken):
            error = {"reason": event.reason, "message": event.message}
            history = self._histories[number]
            self._record(number, Computed("FAILED", error, event.explanation or event.message, history=history))

    def stop(self, reason: str) -> None:
        """Record what was begun as interrupted, and show what can be shown quickly."""
        for number in sorted(self._begun.keys() - self._stored.keys()):
            self._record(number, killed(reason, self._histories[number]), stopping=True)
        self._finish(_PATIENCE)

    def finish(self) -> None:
        """Show what is not shown yet, and the best models."""
        self._finish(None)
        if not any(queue.failure for _, queue in self._publishers.values()):
            self._log_best_models()

    def outcomes(self) -> list[RunOutcome]:
        """Return every run that is recorded, in the order of the plan."""
        warnings = {uri: not_sent(queue.failure) for uri, (_, queue) in self._publishers.items() if queue.failure}
        return [
            RunOutcome(
                self._stored[number],
                number in self._done_before,
                self._run_ids.get(number),
                "" if number in self._run_ids else warnings.get(self._uri(number), ""),
                self._plan.points[number].title,
            )
            for number in sorted(self._stored)
        ]

    def _record(self, number: int, computed: Computed, *, stopping: bool = False) -> None:
        point = self._plan.points[number]
        runs, begun = self._project.runs, self._begun[number]
        self._keep(number, record_run(runs, point.spec, point.run_key, begun, computed))
        self._reporter.ended(number)
        if computed.status == "FAILED" and self._options.fail_fast and not stopping:
            raise _Enough

    def _keep(self, number: int, stored: StoredRun) -> None:
        self._stored[number] = stored
        tracking = self._plan.points[number].spec.tracking
        if tracking.mlflow:
            publisher, queue = self._publisher(number)
            queue.put(lambda: self._publish(number, stored, publisher, with_model=tracking.log_model == "all"))

    def _publish(self, number: int, stored: StoredRun, publisher: Publisher, *, with_model: bool) -> None:
        self._run_ids[number] = publisher.publish(stored, with_model=with_model, tags=self._tags)

    def _publisher(self, number: int) -> tuple[Publisher, PublishQueue]:
        uri = self._uri(number)
        if uri not in self._publishers:
            self._publishers[uri] = Publisher(uri, self._project.workspace), PublishQueue()
        return self._publishers[uri]

    def _uri(self, number: int) -> str:
        return tracking_uri(self._plan.points[number].spec.tracking, self._project.workspace)

    def _finish(self, seconds: float | None) -> None:
        for _, queue in self._publishers.values():
            queue.finish(seconds)

    def _log_best_models(self) -> None:
        """Log the model of the best run of each block, where ``tracking.log_model`` says so."""
        best_only = {
            self._stored[number].path: number
            for number in self._run_ids
            if self._plan.points[number].spec.tracking.log_model in (None, "best")
        }
        for block in build_leaderboard(self._stored[number] for number in best_only.values()):
            for row in block.rows:
                if row.rank == 1 and row.run is not None:
                    publisher, _ = self._publisher(best_only[row.run.path])
                    publisher.add_model(row.run)


def plan_and_start(project: Project, words: Sequence[str]) -> tuple[Plan, Executor]:
    """Plan a sweep, and let its workers start while the rest of it is still composed.

    Raises:
        SeqexpError: The request is wrong; nothing is left running.
    """
    started: list[Executor] = []

    def start(execution: ExecutionSpec, n_tasks: int) -> None:
        started.append(make_executor(execution))
        started[0].start(n_tasks)

    try:
        plan = plan_sweep(project, words, on_first=start)
    except BaseException:
        for executor in started:
            executor.close()
        raise
    return plan, started[0] if started else make_executor(plan.execution)
