"""What a person asks for, from the command line or from Python: one run, with its projection into MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seqexp.compose.composer import Composed
from seqexp.errors import StoreError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.publish import Publisher, tracking_uri
from seqexp.workflows.reporter import Reporter
from seqexp.workflows.run import run_experiment


@dataclass(frozen=True)
class RunOutcome:
    """A run that is recorded, well or not.

    Attributes:
        stored: The run directory and its record.
        was_done: It had been run before; nothing was trained.
        mlflow_run_id: Where MLflow shows it, or None.
        warning: Why MLflow does not show it yet, or an empty text.
        title: Its name in a sweep, where it tells more than that of the record.
    """

    stored: StoredRun
    was_done: bool = False
    mlflow_run_id: str | None = None
    warning: str = ""
    title: str = ""

    def as_values(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        record = self.stored.record
        return {
            "status": record.status,
            "name": record.name,
            "title": self.title or record.title,
            "run_key": record.run_key,
            "attempt": record.attempt,
            "run_dir": str(self.stored.path),
            "mlflow_run_id": self.mlflow_run_id,
            "already_done": self.was_done,
            "error": record.error or None,
            "metrics": record.metrics,
            "baselines": record.baselines,
        }


def request_run(
    project: Project,
    composed: Composed,
    *,
    force: bool = False,
    reporter: Reporter | None = None,
    on_killed: Callable[[RunOutcome], None] | None = None,
) -> RunOutcome:
    """Run an experiment in a project and show it in MLflow, where the config says so.

    A run that failed is an outcome like any other; a store that does not answer is a warning, and the same request
    sends the run again later.

    Raises:
        SeqexpError: The request is wrong; nothing was recorded.
    """
    spec = composed.spec
    publisher = Publisher(tracking_uri(spec.tracking, project.workspace), project.workspace)

    def show_killed(stored: StoredRun) -> None:
        run_id, warning = _publish(stored, spec, publisher)
        if on_killed is not None:
            on_killed(RunOutcome(stored, False, run_id, warning))

    with composed.explained():
        result = run_experiment(spec, project.runs, force=force, reporter=reporter, on_killed=show_killed)
    run_id, warning = _publish(result.stored, spec, publisher)
    return RunOutcome(result.stored, result.was_done, run_id, warning)


def _publish(stored: StoredRun, spec: ExperimentSpec, publisher: Publisher) -> tuple[str | None, str]:
    if not spec.tracking.mlflow:
        return None, ""
    try:
        return publisher.publish(stored, with_model=spec.tracking.log_model in (None, "all")), ""
    except StoreError as error:
        return None, not_sent(error)


def not_sent(error: Exception) -> str:
    """Return what a person is told where a store did not take a run."""
    return f"{error}\n  The run directory is complete; seqexp sync sends it later."
