"""Run the points of a plan: what is missing is computed by an executor, while the driver records and shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqexp.execution.contract import Executor
from seqexp.execution.fork_server import ForkServer
from seqexp.search.study import Search
from seqexp.spec.execution import ExecutionSpec
from seqexp.store.sweep_dir import STUDY, own_sweep
from seqexp.workflows.project import Project
from seqexp.workflows.reading.leaderboard import build_leaderboard
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import RunOutcome
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.executors import make_executor
from seqexp.workflows.sweeping.plan import Plan, plan_sweep
from seqexp.workflows.sweeping.points import LeftOut
from seqexp.workflows.sweeping.sweep_driver import Enough, SweepDriver
from seqexp.workflows.sweeping.thinning import Freed
from seqexp.workflows.sweeping.trials import Trials


@dataclass
class SweepResult:
    """What came of a sweep: a run for every point that was reached, the points that were left out, and what was freed.

    ``freed`` counts the models and forecasts that ``tracking.keep`` took out of the runs; ``warnings`` say what MLflow
    is not shown yet, and why.
    """

    name: str = ""
    outcomes: list[RunOutcome] = field(default_factory=list)
    skipped: list[LeftOut] = field(default_factory=list)
    select: str | None = None
    seconds: float = 0.0
    freed: Freed = field(default_factory=Freed)
    warnings: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[RunOutcome]:
        """The runs that did not finish."""
        return [outcome for outcome in self.outcomes if outcome.has_failed]

    def as_values(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        blocks = build_leaderboard((outcome.stored for outcome in self.outcomes), self.select)
        return {
            "status": "FAILED" if self.failed else "FINISHED",
            "name": self.name,
            "mlflow_warning": "\n".join(self.warnings) or None,
            "runs": [outcome.as_values() for outcome in self.outcomes],
            "skipped": [{"point": point.label, "reason": point.reason} for point in self.skipped],
            "taken_out": {"runs": self.freed.runs, "bytes": self.freed.size},
            "backtests": [block.folds_as_values() for block in blocks if block.folds],
        }


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
    result.name, result.skipped, result.select = plan.name, list(plan.left_out), plan.select
    with (
        executor or make_executor(plan.execution) as executor,
        own_sweep(project.sweeps, plan.as_values()) as folder,
    ):
        driver = SweepDriver(project, plan, options, reporter, folder)
        reporter.planned(plan.size)
        try:
            if plan.search:
                _search(plan, options, driver, executor, folder)
            else:
                tasks = [task for number, point in enumerate(plan.points) if (task := driver.look_up(number, point))]
                executor.run(tasks, driver.handle)
        except Enough:
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
            result.outcomes, result.skipped = driver.outcomes(), list(plan.left_out)
            result.freed, result.warnings = driver.freed, driver.warnings()
            result.seconds = time.perf_counter() - began
    return result


def _search(plan: Plan, options: SweepOptions, driver: SweepDriver, executor: Executor, folder: Path) -> None:
    assert plan.search is not None
    study = folder / STUDY
    if options.force:
        study.unlink(missing_ok=True)
    epochs = plan.search.example.spec.training.epochs
    search = Search(plan.search.axes, plan.search.execution, study, epochs=epochs)
    Trials(plan, search, driver, executor).run(retry_failed=options.retry_failed)


def plan_and_start(project: Project, words: Sequence[str], server: ForkServer | None = None) -> tuple[Plan, Executor]:
    """Plan a sweep, and let its workers start while the rest of it is still composed.

    Args:
        project: Where the request is made.
        words: As for :func:`plan_sweep`.
        server: What worker processes are forked from, if it was started before.

    Raises:
        SeqexpError: The request is wrong; nothing is left running.
    """
    started: list[Executor] = []

    def start(execution: ExecutionSpec, n_tasks: int) -> None:
        started.append(make_executor(execution, server))
        started[0].start(n_tasks)

    try:
        plan = plan_sweep(project, words, on_first=start)
    except BaseException:
        for executor in started:
            executor.close()
        raise
    return plan, started[0] if started else make_executor(plan.execution, server)
