"""One experiment, from its spec to its record."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.data.dataset import Dataset, prepare_dataset
from seqexp.errors import RunFailed, SeqexpError
from seqexp.evaluation.baselines import naive_forecasts
from seqexp.evaluation.evaluate import SplitScores, finite, flat_baselines, flat_metrics, flat_steps, score_split
from seqexp.evaluation.metrics import seasonal_scale
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.environment import describe_environment
from seqexp.store.record import RunRecord, Status
from seqexp.store.run_dir import FIGURE, MODEL, RunWriter, StoredRun, find_finished
from seqexp.workflows.identity import run_key_of, title_of

if TYPE_CHECKING:
    from seqexp.training.fit import EpochEvent, Fit

Forecasts = dict[str, np.ndarray[Any, np.dtype[Any]]]
QUICK_BATCHES = 4


class Reporter:
    """Hears how a run goes on. This one says nothing; the command line has one that draws a bar."""

    def started(self, spec: ExperimentSpec) -> None:
        """A run begins to train."""

    def epoch(self, event: EpochEvent) -> None:
        """An epoch is over."""

    def ended(self) -> None:
        """The run is over, well or not."""


@dataclass(frozen=True)
class RunResult:
    """What came of a request for one run: the stored run, and whether it was there already."""

    stored: StoredRun
    was_done: bool


class _Progress:
    """What an attempt has given so far; a failed one records as much of it as there is."""

    def __init__(self) -> None:
        self.history: list[dict[str, float]] = []
        self.timings: dict[str, float] = {}
        self.fit: dict[str, Any] = {}
        self.scores: dict[str, SplitScores] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes, in seconds."""
        began = time.perf_counter()
        yield
        self.timings[stage] = round(time.perf_counter() - began, 3)

    def note(self, event: EpochEvent) -> None:
        """Keep one epoch as a row of the history."""
        row = {"epoch": event.epoch, **event.values, "learning_rate": event.learning_rate}
        self.history.append({**row, "seconds": round(event.seconds, 4), "time": event.time})


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
    dataset = prepare_dataset(spec)
    run_key = run_key_of(spec, dataset.series.fingerprint)
    if not force and (done := find_finished(runs, spec.name, run_key)):
        return RunResult(done, was_done=True)
    stored = _attempt(spec, dataset, run_key, runs, reporter or Reporter(), on_killed or (lambda run: None))
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
    progress = _Progress()
    model = _train(spec, dataset, progress, (reporter or Reporter()))
    _evaluate(spec, dataset, model, progress)
    return flat_metrics(progress.scores)


def _attempt(
    spec: ExperimentSpec,
    dataset: Dataset,
    run_key: str,
    runs: Path,
    reporter: Reporter,
    on_killed: Callable[[StoredRun], None],
) -> StoredRun:
    progress, started = _Progress(), time.time()
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
        model = _train(spec, dataset, progress, reporter)
        forecasts = _evaluate(spec, dataset, model, progress)
        _write_results(writer, spec, dataset, model, forecasts, progress)
        return writer.commit(record("FINISHED"))
    except SeqexpError:
        writer.discard()
        raise
    except RunFailed as failure:
        error = {"reason": failure.reason, "message": str(failure)}
        return _commit_broken(writer, progress, record("FAILED", error), str(failure))
    except Exception as failure:
        error = {"reason": "exception", "message": f"{type(failure).__name__}: {_first_line(failure)}"}
        return _commit_broken(writer, progress, record("FAILED", error), traceback.format_exc())
    except BaseException as stop:  # Ctrl-C, SIGTERM: what there is so far is kept
        error = {"reason": "interrupted", "message": f"interrupted ({str(stop) or type(stop).__name__})"}
        on_killed(_commit_broken(writer, progress, record("KILLED", error), error["message"]))
        raise
    finally:
        reporter.ended()


def _commit_broken(writer: RunWriter, progress: _Progress, record: RunRecord, text: str) -> StoredRun:
    writer.write_history(progress.history)
    writer.write_text("error.txt", text + "\n")
    return writer.commit(record)


def _train(spec: ExperimentSpec, dataset: Dataset, progress: _Progress, reporter: Reporter) -> Any:
    with progress.timed("start"):
        from seqexp.training.start import start_tensorflow

        start_tensorflow(spec.training.threads)
        from seqexp.models.build import build_model
        from seqexp.training.batches import TrainingArrays
        from seqexp.training.fit import fit_model, set_seed
        from seqexp.training.optimizers import check_settings
    set_seed(spec.seed)
    with progress.timed("build"):
        built = build_model(spec)
        check_settings(spec.optimizer, spec.training)
    arrays = TrainingArrays(
        inputs_TF=dataset.inputs_TF,
        targets_TK=dataset.targets_TK,
        weights_T=dataset.weights_T,
        train_W=dataset.starts["train"],
        validation_W=dataset.starts["validation"],
        timesteps=dataset.shape.timesteps,
        output_length=dataset.shape.output_length,
        offset=dataset.shape.offset,
    )
    on_epoch = _both(progress.note, reporter.epoch)
    reporter.started(spec)
    with progress.timed("fit"):
        fit: Fit = fit_model(built.model, arrays, spec.training, spec.optimizer, seed=spec.seed, on_epoch=on_epoch)
    progress.fit = {
        "best_epoch": fit.best_epoch,
        "epochs": len(progress.history),
        "stopped_early": fit.stopped_early,
        "weights": int(built.model.count_params()),
    }
    return built.model


def _both(first: Callable[[EpochEvent], None], second: Callable[[EpochEvent], None]) -> Callable[[EpochEvent], None]:
    def call(event: EpochEvent) -> None:
        first(event)
        second(event)

    return call


def _evaluate(spec: ExperimentSpec, dataset: Dataset, model: Any, progress: _Progress) -> Forecasts:
    """Score the model on validation and test, and return the arrays of the test forecasts."""
    from seqexp.models.forecast import forecast_windows

    series, length = dataset.series, spec.output_length
    observed_TK = np.where(series.observed_T[:, None], series.targets_TK, np.nan)
    scale_K = seasonal_scale(observed_TK[slice(*dataset.bounds.train)], series.season)
    forecasts: Forecasts = {}
    with progress.timed("evaluate"):
        for split in ("validation", "test"):
            starts_W = dataset.starts[split]
            if not len(starts_W):
                continue
            scaled_WNK = forecast_windows(
                model,
                dataset.inputs_TF,
                starts_W,
                timesteps=spec.timesteps,
                output_length=length,
                n_targets=spec.data.n_targets,
            )
            if not np.isfinite(scaled_WNK).all():
                raise RunFailed("diverged", f"the forecasts of the {split} split are not all numbers.")
            forecast_WNK = dataset.target_scaler.inverse(scaled_WNK)
            first_W, true_WNK = dataset.target_starts(split), dataset.true_WNK(split)
            alignment = spec.topology.contract.alignment
            naive = naive_forecasts(observed_TK, first_W, length, alignment, series.season)
            progress.scores[split] = score_split(true_WNK, forecast_WNK, naive, scale_K)
            if split == "test":
                named = {f"baseline_{name}": values for name, values in naive.items()}
                forecasts = {"target_start": first_W, "true": true_WNK, "forecast": forecast_WNK, **named}
                if series.stamps is not None:
                    stamps_T = series.stamps.tz_localize(None).to_numpy("datetime64[s]")
                    forecasts["time"] = stamps_T[first_W[:, None] + np.arange(length)]
    return forecasts


def _write_results(
    writer: RunWriter, spec: ExperimentSpec, dataset: Dataset, model: Any, forecasts: Forecasts, progress: _Progress
) -> None:
    from seqexp.figures.forecast import draw_forecast
    from seqexp.models.forecast import save_model

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
