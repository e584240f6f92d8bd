"""One experiment, from its spec to its record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from seqexp.data.dataset import Dataset, prepare_dataset
from seqexp.errors import SeqexpError
from seqexp.evaluation.evaluate import flat_baselines, flat_metrics
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.claim import claim
from seqexp.store.find_runs import find_finished
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.identity import run_key_of, title_of
from seqexp.workflows.running.again import FIRST, Again
from seqexp.workflows.running.checkpoints import CheckpointPlace, checkpoint_place, clear_checkpoint
from seqexp.workflows.running.compute import Computed, compute_run
from seqexp.workflows.running.kept_data import keeping_data, plan_snapshot
from seqexp.workflows.running.record import record_run
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.train_and_score import Progress, score, train

if TYPE_CHECKING:
    from seqexp.training.watch import EpochEvent

QUICK_BATCHES = 4
Listen = Callable[[Sequence[Mapping[str, float]]], None]
PRUNED = "pruned"


@dataclass(frozen=True)
class RunResult:
    """What came of a request for one run: the stored run, and whether it was there already."""

    stored: StoredRun
    was_done: bool


def run_experiment(
    spec: ExperimentSpec,
    runs: Path,
    *,
    force: bool = False,
    reporter: Reporter | None = None,
    on_killed: Callable[[StoredRun], None] | None = None,
    listen: Callable[[str], Listen] | None = None,
    again: Again = FIRST,
) -> RunResult:
    """Run an experiment, unless it was run before, and record it, whether it ends well or not.

    Args:
        spec: What to run.
        runs: The folder of run directories.
        force: Run it again even if a finished attempt is there.
        reporter: Hears of every epoch.
        on_killed: Told of the record of a run that is interrupted, before the interruption goes on.
        listen: Given the run key when the run begins; what it returns hears of all epochs so far, after each.
        again: Which run it repeats, if it repeats one.

    Raises:
        SeqexpError: The request is wrong; nothing is recorded.
    """
    reporter = reporter or Reporter()
    dataset = prepare_dataset(spec, series=again.read(spec))
    run_key = run_key_of(spec, dataset.series.fingerprint)
    if not force and (done := find_finished(runs, spec.name, run_key)):
        return RunResult(done, was_done=True)
    with claim(runs, spec.name, run_key, on_wait=lambda: reporter.waiting(spec)):
        if not force and (done := find_finished(runs, spec.name, run_key)):  # by the process that was waited for
            return RunResult(done, was_done=True)
        with keeping_data(runs, plan_snapshot(spec, dataset), lambda: again.read(spec)):
            hear = listen(run_key) if listen else lambda history: None
            place = checkpoint_place(spec, runs, run_key, request=uuid4().hex if force else "")
            told = on_killed or (lambda run: None)
            stored = _attempt(spec, dataset, run_key, runs, place, reporter, hear, told, again)
            clear_checkpoint(runs, stored.record)
    return RunResult(stored, was_done=False)


def quick_run(spec: ExperimentSpec, reporter: Reporter | None = None) -> tuple[dict[str, float], dict[str, float]]:
    """Train one epoch on a few windows and score a few: does it work at all? Nothing is recorded.

    Returns:
        Metrics and baselines by name; they say nothing about how good the model is.
    """
    few = QUICK_BATCHES * spec.training.batch_size
    dataset = prepare_dataset(spec)
    dataset = replace(dataset, starts={split: starts_W[:few] for split, starts_W in dataset.starts.items()})
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": 1})})
    progress = Progress()
    reporter = reporter or Reporter()
    reporter.started(0, "", spec, title_of(spec))
    try:
        _, forecast = train(spec, dataset, progress, lambda event: reporter.epoch(0, event))
    finally:
        reporter.closed()
    score(spec, dataset, forecast, progress)
    return flat_metrics(progress.scores), flat_baselines(progress.scores)


def _attempt(
    spec: ExperimentSpec,
    dataset: Dataset,
    run_key: str,
    runs: Path,
    place: CheckpointPlace | None,
    reporter: Reporter,
    hear: Listen,
    on_killed: Callable[[StoredRun], None],
    again: Again,
) -> StoredRun:
    started = time.time()
    history: list[dict[str, float]] = []

    def tell(event: EpochEvent) -> None:
        history.append(event.as_row())
        reporter.epoch(0, event)
        hear(history)

    reporter.started(0, "", spec, title_of(spec))
    try:
        computed = compute_run(spec, tell, dataset, place, timeout=spec.execution.timeout)
    except SeqexpError:
        raise
    except BaseException as stop:  # Ctrl-C, SIGTERM: what there is so far is kept
        computed = killed(str(stop) or type(stop).__name__, history)
        on_killed(record_run(runs, spec, run_key, started, computed, again))
        raise
    finally:
        reporter.ended(0)
        reporter.closed()
    return record_run(runs, spec, run_key, started, computed, again)


def killed(reason: str, history: list[dict[str, float]]) -> Computed:
    """Return what there is to record of a run that was interrupted."""
    message = f"interrupted ({reason})"
    return Computed("KILLED", {"reason": "interrupted", "message": message}, message, history=history)


def pruned(history: list[dict[str, float]]) -> Computed:
    """Return what there is to record of a run that a search ended early."""
    message = f"ended by the search after epoch {len(history)}: it promised nothing"
    return Computed("KILLED", {"reason": PRUNED, "message": message}, message, history=history)
