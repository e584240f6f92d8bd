"""What is computed for a run, in whatever process: an experiment in, everything that is to be recorded out.

Nothing here touches a run directory or MLflow: the files of a run come out as bytes, and whoever asked records them.
"""

from __future__ import annotations

import errno
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.data.dataset import Dataset, prepare_dataset, task_key
from seqexp.data.folds import scored_folds
from seqexp.errors import RunFailed, SeqexpError
from seqexp.evaluation.evaluate import finite, flat_baselines, flat_metrics, flat_steps
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.environment import describe_environment
from seqexp.store.record import Status
from seqexp.store.requirements import requirements_file
from seqexp.store.run_dir import FIGURE, FORECASTS, MODEL, REQUIREMENTS, STEPS, forecasts_file, steps_file
from seqexp.workflows.identity import title_of
from seqexp.workflows.running.checkpoints import CheckpointPlace
from seqexp.workflows.running.kept_data import plan_snapshot
from seqexp.workflows.running.train_and_score import Forecasts, Progress, score, train

if TYPE_CHECKING:
    from seqexp.training.watch import EpochEvent

Tell = Callable[["EpochEvent"], None]
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Computed:
    """What came of a run.

    Attributes:
        status: How it ended.
        error: ``{"reason", "message"}`` of one that did not finish.
        explanation: The text of its ``error.txt``.
        values: What its record says of metrics, baselines, diagnostics, fit, data, timings and environment.
        history: One row for each epoch.
        files: Name in the run directory -> content.
    """

    status: Status
    error: dict[str, str] = field(default_factory=dict)
    explanation: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


def compute_run(
    spec: ExperimentSpec,
    tell: Tell,
    dataset: Dataset | None = None,
    place: CheckpointPlace | None = None,
    *,
    timeout: float | None = None,
) -> Computed:
    """Train and score an experiment.

    Args:
        spec: What to run.
        tell: Told of every epoch.
        dataset: Its data, if they were read before.
        place: Where its state is written down; the training goes on from what is there.
        timeout: Seconds that it may take, where nobody ends it from outside; None for no limit.

    Returns:
        What there is to record, also of a run that failed.

    Raises:
        SeqexpError: The request is wrong; there is nothing to record.
    """
    dataset = dataset or prepare_dataset(spec)
    requirements_file()  # it parses, which two threads at once may not; once MLflow is shown the run, it is in another
    progress = Progress(timeout)
    checkpoint = place.open(spec.training, dataset.series.fingerprint) if place is not None else None

    def values() -> dict[str, Any]:
        return {
            "metrics": flat_metrics(progress.scores),
            "baselines": flat_baselines(progress.scores),
            "diagnostics": progress.diagnostics,
            "fit": progress.fit,
            "data": {
                **_describe_data(dataset, progress.radius),
                **_describe_folds(spec, dataset),
                "snapshot": plan_snapshot(spec, dataset),
            },
            "timings": progress.timings,
            "environment": describe_environment(),
        }

    def failed(reason: str, message: str, explanation: str) -> Computed:
        error = {"reason": reason, "message": message}
        return Computed("FAILED", error, explanation, values(), progress.history)

    try:
        model, forecast = train(spec, dataset, progress, tell, checkpoint)
        forecasts = score(spec, dataset, forecast, progress)
        files = _make_files(spec, dataset, model, forecasts, progress)
    except SeqexpError:
        raise
    except RunFailed as failure:
        return failed(failure.reason, str(failure), str(failure))
    except Exception as failure:
        reason = _reason(failure)
        first = next((line.strip() for line in str(failure).splitlines() if line.strip()), "")
        message = f"{type(failure).__name__}: {first}"
        if reason == "disk_full":
            message = f"there is no room for the files of a run in {tempfile.gettempdir()}: {first}"
        return failed(reason, message, traceback.format_exc())
    return Computed("FINISHED", values=values(), history=progress.history, files=files)


def _reason(failure: Exception) -> str:
    if isinstance(failure, OSError) and failure.errno in _NO_ROOM:
        return "disk_full"
    if isinstance(failure, MemoryError) or type(failure).__name__ == "ResourceExhaustedError":
        return "out_of_memory"
    return "exception"


def _make_files(
    spec: ExperimentSpec, dataset: Dataset, model: Any, forecasts: Forecasts, progress: Progress
) -> dict[str, bytes]:
    from seqexp.figures.forecast import draw_forecast, draw_steps
    from seqexp.models.saved import save_model

    with progress.timed("write"), tempfile.TemporaryDirectory(prefix="seqexp-") as scratch:
        folder = Path(scratch)
        (folder / FIGURE).parent.mkdir()
        save_model(model, folder / MODEL)
        if spec.data.split.holds_nothing_back:  # nothing was forecast
            return {MODEL: (folder / MODEL).read_bytes(), REQUIREMENTS: requirements_file()}
        scores = progress.scores["test"]
        metric = "accuracy" if spec.data.is_tokens else "mae"
        errors = {"model": scores.steps[metric]}
        best = min(scores.baselines, key=lambda name: scores.baselines[name][metric], default="")
        for name in dict.fromkeys([best, "persistence", "seasonal_naive"]):  # all of them could not be told apart
            if name in scores.baseline_steps:
                errors[name.replace("_", " ")] = scores.baseline_steps[name][metric]
        positions_WN = forecasts["target_start"][:, None] + np.arange(spec.output_length)
        title = f"{title_of(spec)}: test forecasts of {spec.data.name}"
        if spec.data.is_tokens:
            draw_steps(folder / FIGURE, title=title, step_scores=errors, metric=metric)
        else:
            draw_forecast(
                folder / FIGURE,
                title=title,
                target=dataset.series.target_names[0],
                steps_WN=forecasts.get("time", positions_WN),
                true_WN=forecasts["true"][..., 0],
                forecast_WN=forecasts["forecast"][..., 0],
                interval_WN=tuple(forecasts[end][..., 0] for end in ("lower", "upper"))
                if "lower" in forecasts
                else None,
                step_errors=errors,
            )
        drawn = {name: (folder / name).read_bytes() for name in (MODEL, FIGURE)}
        steps = {name: finite(values) for name, values in flat_steps(progress.scores).items()}
        told = {STEPS: steps_file(steps), REQUIREMENTS: requirements_file()}
        return {FORECASTS: forecasts_file(forecasts), **told, **drawn}


def _describe_data(dataset: Dataset, radius: list[list[float]] | None) -> dict[str, Any]:
    series = dataset.series
    stamps = series.stamps
    return {
        "fingerprint": series.fingerprint,
        **dataset.fingerprints,
        "task": task_key(dataset),
        "steps": len(series),
        "first": str(stamps.min()) if stamps is not None else None,
        "last": str(stamps.max()) if stamps is not None else None,
        "frequency": series.frequency,
        "season": series.season,
        "features": list(series.feature_names),
        "targets": list(series.target_names),
        "bounds": {split: _hull(dataset.stretches(split)) for split in dataset.starts},
        "series": [part.name for part in series.several],
        "windows": {split: len(starts_W) for split, starts_W in dataset.starts.items()},
        "feature_scaler": dataset.feature_scaler.as_values(),
        "target_scaler": dataset.target_scaler.as_values(),
        "transform": list(dataset.transform.steps),
        "ahead": list(dataset.ahead),
        "radius": radius,
    }


def _hull(stretches: Sequence[tuple[int, int]]) -> list[int]:
    """Return the first step of a split in the first series, and the one after its last in the last."""
    return [stretches[0][0], stretches[-1][1]]


def _describe_folds(spec: ExperimentSpec, dataset: Dataset) -> dict[str, Any]:
    """Say where the test stretches of a backtest lie; the last step of each is one of it."""
    if spec.evaluation.mode == "holdout":
        return {}
    stamps, first_W = dataset.series.stamps, dataset.target_starts("test")
    told = [
        {
            "fold": fold,
            "steps": [start, stop],
            "first": str(stamps[start]) if stamps is not None else str(start),
            "last": str(stamps[stop - 1]) if stamps is not None else str(stop - 1),
            "windows": int(((first_W >= start) & (first_W < stop)).sum()),
        }
        for fold, (start, stop) in scored_folds(dataset.bounds.test, spec.evaluation).items()
    ]
    return {"folds": told} if told else {}
