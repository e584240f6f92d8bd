"""Run the points of a plan, one after another."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from seqexp.errors import StoreError
from seqexp.workflows.leaderboard import build_leaderboard
from seqexp.workflows.plan import LeftOut, Plan
from seqexp.workflows.project import Project
from seqexp.workflows.publish import Publisher, tracking_uri
from seqexp.workflows.reporter import Reporter
from seqexp.workflows.requests import RunOutcome, request_run


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


def run_sweep(
    project: Project,
    plan: Plan,
    *,
    force: bool = False,
    fail_fast: bool = False,
    reporter: Reporter | None = None,
    result: SweepResult | None = None,
) -> SweepResult:
    """Run every point that was not run before; a run that fails does not stop the others.

    Args:
        project: Where the runs are recorded.
        plan: What to run.
        force: Run again what was run before.
        fail_fast: Stop at the first run that fails.
        reporter: Hears of every epoch.
        result: Filled and returned; for who wants to see what there is when the sweep is interrupted.

    Raises:
        SeqexpError: A point turned out to be wrong when its model was built; the runs before it are recorded.
    """
    result, began = result or SweepResult(), time.perf_counter()
    result.name, result.skipped = plan.name, list(plan.left_out)
    tags = {"sweep": f"{plan.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
    publishers: dict[str, Publisher] = {}
    for point in plan.points:
        uri = tracking_uri(point.spec.tracking, project.workspace)
        publisher = publishers.setdefault(uri, Publisher(uri, project.workspace))
        outcome = request_run(project, point.composed, force=force, reporter=reporter, publisher=publisher, tags=tags)
        result.outcomes.append(outcome)
        if fail_fast and result.failed:
            break
    _log_best_models(plan, result, publishers, project)
    result.seconds = time.perf_counter() - began
    return result


def _log_best_models(plan: Plan, result: SweepResult, publishers: dict[str, Publisher], project: Project) -> None:
    """Log the model of the best run of each block, where ``tracking.log_model`` is ``best``."""
    specs = {id(o): point.spec for o, point in zip(result.outcomes, plan.points, strict=False)}
    wanting = [o for o in result.outcomes if specs[id(o)].tracking.log_model == "best" and o.mlflow_run_id]
    by_path = {outcome.stored.path: outcome for outcome in wanting}
    for block in build_leaderboard(outcome.stored for outcome in wanting):
        best = next((row.run for row in block.rows if row.rank == 1 and row.run), None)
        if best is None:
            continue
        spec = specs[id(by_path[best.path])]
        try:
            publishers[tracking_uri(spec.tracking, project.workspace)].add_model(best)
        except StoreError:
            continue  # the store answered a moment ago; the same sweep, given again, logs the model
