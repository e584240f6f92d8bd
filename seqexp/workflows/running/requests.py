"""What a person asks for, from the command line or from Python: one run, with its projection into MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from seqexp.compose.composer import Composed
from seqexp.errors import ConfigError, NoSuchStore
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import FOLD
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import check_environment, tracking_uri
from seqexp.workflows.publishing.live import LiveRun, Row
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.publish_queue import PublishQueue
from seqexp.workflows.publishing.waiting import PATIENCE, wait_until_sent
from seqexp.workflows.running.again import FIRST, Again
from seqexp.workflows.running.keep import is_asked_for, keep_wanted
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.run import PRUNED, run_experiment


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

    @property
    def was_pruned(self) -> bool:
        """Whether a search ended it early."""
        return self.stored.record.error.get("reason") == PRUNED

    @property
    def has_failed(self) -> bool:
        """Whether it came to no result, and should have."""
        return self.stored.record.status != "FINISHED" and not self.was_pruned

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
            "mlflow_warning": self.warning or None,
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
    again: Again = FIRST,
) -> RunOutcome:
    """Run an experiment in a project and show it in MLflow, where the config says so.

    A run that failed is an outcome like any other; a store that does not answer is a warning, and the same request
    sends the run again later.

    Raises:
        SeqexpError: The request is wrong; nothing was recorded.
    """
    if folds := composed.spec.evaluation.folds_to_run:
        mend = f"Use a sweep, which runs them all, or name one: {FOLD}={folds[-1]}."
        message = f"a backtest of {len(folds)} folds is as many runs, and this is to be one."
        raise ConfigError(message, key="evaluation.mode", mend=mend)
    check_environment(composed.spec.tracking)
    reporter = reporter or Reporter()
    show = _Show(project, composed.spec, reporter)

    def show_killed(stored: StoredRun) -> None:
        run_id, warning = show.end(stored, seconds=PATIENCE)
        if on_killed is not None:
            on_killed(RunOutcome(stored, False, run_id, warning))

    with composed.explained():
        result = run_experiment(
            composed.spec,
            project.runs,
            force=force,
            reporter=reporter,
            on_killed=show_killed,
            listen=show.begin,
            again=again,
        )
    run_id, warning = show.end(result.stored)
    if not (result.was_done or warning or is_asked_for(result.stored)):  # what MLflow missed is sent later, whole
        keep_wanted(result.stored, composed.spec.tracking.keep, is_best=True)
    return RunOutcome(result.stored, result.was_done, run_id, warning)


class _Show:
    """Shows one run in MLflow: its epochs while it trains, if that takes long enough, and all of it at the end."""

    def __init__(self, project: Project, spec: ExperimentSpec, reporter: Reporter) -> None:
        self._spec, self._reporter = spec, reporter
        uri = tracking_uri(spec.tracking, project.workspace)
        self._publisher = Publisher(uri, project.workspace, is_patient=True)
        self._queue = PublishQueue()
        self._live: LiveRun | None = None
        self._run_id: str | None = None

    def begin(self, run_key: str) -> Callable[[Sequence[Row]], None]:
        """Return what is to hear of all epochs so far, after each."""
        if not self._spec.tracking.mlflow:
            return lambda history: None
        self._live = LiveRun(self._publisher, self._queue, self._spec, run_key)
        return self._live.heard

    def end(self, stored: StoredRun, *, seconds: float | None = None) -> tuple[str | None, str]:
        """Return the MLflow run id, or None and, where it should have one, why.

        Args:
            stored: What is to be shown.
            seconds: How long that is waited for, where it is not as long as it takes.
        """
        if not self._spec.tracking.mlflow:
            return None, ""
        self._queue.put(partial(self._publish, stored))
        wait_until_sent(self._queue, self._publisher, self._reporter.sending, seconds=seconds)
        if self._queue.failure is not None:
            return None, not_sent(self._queue.failure)
        return self._run_id, ""

    def _publish(self, stored: StoredRun) -> None:
        tracking = self._spec.tracking
        self._run_id = self._publisher.publish(
            stored,
            with_model=tracking.log_model in (None, "all"),
            with_forecasts=tracking.keep.forecasts != "none" or is_asked_for(stored),
            shown=self._live.shown if self._live else None,
        )


def not_sent(failure: Exception, runs: int = 1) -> str:
    """Return what a person is told where a store did not take so many runs; of 0, how the sweep of them ended."""
    if isinstance(failure, NoSuchStore):  # of a record that is run again: no sync will find one either
        return f"{failure}\n  The run is recorded all the same."
    told = "The run directory is complete; seqexp sync sends it later."
    if runs != 1:
        told = "The run directories are complete; seqexp sync sends them later."
    if runs == 0:
        told = "It has the runs; seqexp sync sends later how the sweep ended."
    return f"{failure}\n  {told}"
