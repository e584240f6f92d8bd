"""One experiment, from its spec to its record."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data.dataset import Dataset, prepare_dataset
from seqexp.errors import RunFailed, SeqexpError
from seqexp.evaluation.evaluate import finite, flat_baselines, flat_metrics, flat_steps
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.claim import claim
from seqexp.store.environment import describe_environment
from seqexp.store.record import RunRecord, Status
from seqexp.store.run_dir import FIGURE, MODEL, RunWriter, StoredRun, find_finished
from seqexp.workflows.identity import run_key_of, title_of
from seqexp.workflows.reporter import Reporter
from seqexp.workflows.train_and_score import Forecasts, Progress, score, train

QUICK_BATCHES = 4
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
) -> RunResult:
    """Run an experiment, unless it was run before, and record it, whether it ends well or not.

    Args:
        spec: What to run.
        runs: The folder of run directories.
        force: Run it again even if a finished attempt is there.
        reporter: Hears of every epoch.
        on_killed: Told of the record of a run that is interrupted, before the interruption goes on.

    Raises:
        SeqexpError: The request is wrong; nothing is recorded.
    """
    reporter = reporter or Reporter()
    dataset = prepare_dataset(spec)
    run_key = run_key_of(spec, dataset.series.fingerprint)
    if not force and (done := find_finished(runs, spec.name, run_key)):
        return RunResult(done, was_done=True)
    with claim(runs, spec.name, run_key, on_wait=lambda: reporter.waiting(spec)):
        if not force and (done := find_finished(runs, spec.name, run_key)):  # by the process that was waited for
            return RunResult(done, was_done=True)
        stored = _attempt(spec, dataset, run_key, runs, reporter, on_killed or (lambda run: None))
    return RunResult(stored, was_done=False)


def quick_run(spec: ExperimentSpec, reporter: Reporter | None = None) -> dict[str, float]:
    """Train one epoch on a few windows and score a few: does it work at all? Nothing is recorded.

    Returns:
        The metrics by name; they say nothing about how good the model is.
    """
    few = QUICK_BATCHES * spec.training.batch_size
    dataset = prepare_dataset(spec)
    dataset = replace(dataset, starts={split: starts_W[:few] for split, starts_W in dataset.starts.items()})
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": 1})})
    progress = Progress()
    _, forecast = train(spec, dataset, progress, (reporter or Reporter()))
    score(spec, dataset, forecast, progress)
    return flat_metrics(progress.scores)


def _attempt(
    spec: ExperimentSpec,
    dataset: Dataset,
    run_key: str,
    runs: Path,
    reporter: Reporter,
    on_killed: Callable[[StoredRun], None],
) -> StoredRun:
    progress, started = Progress(), time.time()
    writer = RunWriter(runs, spec.name, run_key)

    def record(status: Status, error: dict[str, str] | None = None) -> RunRecord:
        return RunRecord(
            name=spec.name,
            run_key=run_key,
            attempt=0,  # given when it is committed
            status=status,
            started=started,
            ended=time.time(),
            title=title_of(spec),
            error=error or {},
            metrics=flat_metrics(progress.scores),
            baselines=flat_baselines(progress.scores),
            steps={name: finite(values) for name, values in flat_steps(progress.scores).items()},
            fit=progress.fit,
            data=_describe_data(dataset),
            timings=progress.timings,
            environment=describe_environment(Path.cwd()),
        )

    try:
        writer.write_spec(spec.as_tree())
        model, forecast = train(spec, dataset, progress, reporter)
        forecasts = score(spec, dataset, forecast, progress)
        _write_results(writer, spec, dataset, model, forecasts, progress)
        return writer.commit(record("FINISHED"))
    except SeqexpError:
        writer.discard()
        raise
    except RunFailed as failure:
        error = {"reason": failure.reason, "message": str(failure)}
        return _commit_broken(writer, progress, record("FAILED", error), str(failure))
    except Exception as failure:
        full = isinstance(failure, OSError) and failure.errno in _NO_ROOM
        message = f"{type(failure).__name__}: {_first_line(failure)}"
        if full:
            message = f"there is no room left for {writer.path}: {_first_line(failure)}"
        error = {"reason": "disk_full" if full else "exception", "message": message}
        return _commit_broken(writer, progress, record("FAILED", error), traceback.format_exc())
    except BaseException as stop:  # Ctrl-C, SIGTERM: what there is so far is kept
        error = {"reason": "interrupted", "message": f"interrupted ({str(stop) or type(stop).__name__})"}
        on_killed(_commit_broken(writer, progress, record("KILLED", error), error["message"]))
        raise
    finally:
        reporter.ended()


def _commit_broken(writer: RunWriter, progress: Progress, record: RunRecord, text: str) -> StoredRun:
    try:
        writer.write_history(progress.history)
        writer.write_text("error.txt", text + "\n")
        return writer.commit(record)
    except OSError as error:  # what went wrong cannot even be written down
        writer.discard()
        told = record.error["message"]
        raise RunFailed("not_recorded", f"{told}\n  The run directory cannot be written: {error}") from None


def _write_results(
    writer: RunWriter, spec: ExperimentSpec, dataset: Dataset, model: Any, forecasts: Forecasts, progress: Progress
) -> None:
    from seqexp.figures.forecast import draw_forecast
    from seqexp.models.saved import save_model

    with progress.timed("write"):
        writer.write_history(progress.history)
        writer.write_forecasts(forecasts)
        save_model(model, writer.path / MODEL)
        scores = progress.scores["test"]
        errors = {"model": scores.steps["mae"]}
        errors |= {name.replace("_", " "): steps["mae"] for name, steps in scores.baseline_steps.items()}
        positions_WN = forecasts["target_start"][:, None] + np.arange(spec.output_length)
        draw_forecast(
            writer.path / FIGURE,
            title=f"{title_of(spec)}: test forecasts of {spec.data.name}",
            target=dataset.series.target_names[0],
            steps_WN=forecasts.get("time", positions_WN),
            true_WN=forecasts["true"][..., 0],
            forecast_WN=forecasts["forecast"][..., 0],
            step_errors=errors,
        )


def _describe_data(dataset: Dataset) -> dict[str, Any]:
    series = dataset.series
    stamps = series.stamps
    return {
        "fingerprint": series.fingerprint,
        "steps": len(series),
        "first": str(stamps[0]) if stamps is not None else None,
        "last": str(stamps[-1]) if stamps is not None else None,
        "frequency": series.frequency,
        "season": series.season,
        "features": list(series.feature_names),
        "targets": list(series.target_names),
        "bounds": {split: list(dataset.bounds.of(split)) for split in dataset.starts},
        "windows": {split: len(starts_W) for split, starts_W in dataset.starts.items()},
        "feature_scaler": dataset.feature_scaler.as_values(),
        "target_scaler": dataset.target_scaler.as_values(),
    }


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")
