"""Train the model of an experiment and score its forecasts: the middle of a run.

Axis letters: T steps, K targets, W windows, N output steps, Q quantile levels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.data.dataset import Dataset
from seqexp.errors import RunFailed
from seqexp.evaluation.diagnostics import (
    diagnose_fit,
    diagnose_forecasts,
    diagnose_scores,
    diagnose_series,
    diagnose_windows,
)
from seqexp.evaluation.evaluate import SplitScores
from seqexp.evaluation.own import check_scores, with_own
from seqexp.execution.contract import too_long
from seqexp.spec.experiment import ExperimentSpec
from seqexp.training.arrays import TrainingArrays
from seqexp.workflows.running.issue import Forecast, Issued, Issuer
from seqexp.workflows.running.judge import make_judge

if TYPE_CHECKING:
    from seqexp.training.checkpoint import Checkpoint
    from seqexp.training.fit import Fit
    from seqexp.training.watch import EpochEvent

_KEPT = ("persistence", "seasonal_naive")  # whose forecasts are stored beside the model's
Forecasts = dict[str, np.ndarray[Any, np.dtype[Any]]]


class Progress:
    """What an attempt has given so far; a failed one records as much of it as there is.

    It holds the attempt to its time limit, too: before each stage and after each epoch, where nothing is half done.
    """

    def __init__(self, timeout: float | None = None) -> None:
        """Begin.

        Args:
            timeout: Seconds that the attempt may take; None for no limit.
        """
        self._timeout, self._began = timeout, time.monotonic()
        self.history: list[dict[str, float]] = []
        self.timings: dict[str, float] = {}
        self.fit: dict[str, Any] = {}
        self.scores: dict[str, SplitScores] = {}
        self.diagnostics: dict[str, str] = {}
        self.radius: list[list[float]] | None = None  # of intervals around points: step -> target -> source units

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes, in seconds.

        Raises:
            RunFailed: The time was over before it.
        """
        self.check_time()
        began = time.perf_counter()
        yield
        self.timings[stage] = round(time.perf_counter() - began, 3)

    def check_time(self) -> None:
        """End the attempt if it has taken too long.

        Raises:
            RunFailed: It has.
        """
        if self._timeout is not None and time.monotonic() - self._began > self._timeout:
            raise RunFailed("timeout", too_long(self._timeout))


def arrays_of(dataset: Dataset) -> TrainingArrays:
    """Return what an engine trains on."""
    return TrainingArrays(
        inputs_TF=dataset.inputs_TF,
        targets_TK=dataset.targets_TK,
        weights_T=dataset.weights_T,
        train_W=dataset.starts["train"],
        validation_W=dataset.starts["validation"],
        timesteps=dataset.shape.timesteps,
        output_length=dataset.shape.output_length,
        offset=dataset.shape.offset,
        ahead=dataset.ahead,
    )


def train(
    spec: ExperimentSpec,
    dataset: Dataset,
    progress: Progress,
    tell: Callable[[EpochEvent], None],
    checkpoint: Checkpoint | None = None,
) -> tuple[Any, Forecast]:
    """Build and train the model of an experiment; the history and the fit go into ``progress``.

    The checkpoint is that of the first training: a last one on train and validation is not gone on with half-way.

    Returns:
        The model, and what forecasts the windows of a split: test with it, the others with what had not seen them.

    Raises:
        ModelError: Keras refuses a layer or another argument, or the output has the wrong shape.
        RunFailed: The loss is no longer a number, or the time is over.
    """
    with progress.timed("start"):
        from seqexp.training.start import start_tensorflow, threads_in_use

        start_tensorflow(spec.training.cores)
        from seqexp.models.build import build_model
        from seqexp.training.fit import fit_model, set_seed
        from seqexp.training.hash_weights import hash_weights
        from seqexp.training.optimizers import check_settings
    set_seed(spec.seed)
    with progress.timed("build"):
        built = build_model(spec)
        check_settings(spec.optimizer, spec.training, targets=spec.data.n_targets)
        check_scores(spec.evaluation.metrics, steps=spec.output_length, targets=spec.data.n_targets)
        initial = hash_weights(built.model)
    arrays = arrays_of(dataset)

    def on_epoch(event: EpochEvent) -> None:
        progress.history.append(event.as_row())
        tell(event)
        progress.check_time()

    with progress.timed("fit"):
        fit: Fit = fit_model(
            built.model,
            arrays,
            spec.training,
            spec.optimizer,
            seed=spec.seed,
            on_epoch=on_epoch,
            checkpoint=checkpoint,
        )
    if checkpoint is not None:  # what the epochs before took is part of what the result took
        before = sum(row["seconds"] for row in progress.history[: checkpoint.resumed_at])
        progress.timings["fit"] = round(progress.timings["fit"] + before, 3)
    progress.fit = {
        "best_epoch": fit.best_epoch,
        "epochs": len(progress.history),
        "stopped_early": fit.stopped_early,
        "weights": int(built.model.count_params()),
        "initial_hash": initial,
        "final_hash": hash_weights(built.model),
        "threads": threads_in_use(),
        **fit.engine,
        **(checkpoint.described() if checkpoint is not None else {}),
    }
    progress.diagnostics |= diagnose_fit(progress.history, fit.best_epoch) | _unread_steps(spec)
    if fit.compile_seconds is not None:
        progress.timings["compile"] = round(fit.compile_seconds, 3)
    if dataset.refit_W is None:
        return built.model, lambda split, starts_W: fit.forecast(starts_W)
    with progress.timed("refit"):
        set_seed(spec.seed)
        rebuilt = build_model(spec)
        whole = replace(arrays, train_W=dataset.refit_W, validation_W=arrays.validation_W[:0])
        training = spec.training.model_copy(update={"epochs": fit.best_epoch, "early_stopping": None})
        refit = fit_model(
            rebuilt.model,
            whole,
            training,
            spec.optimizer,
            seed=spec.seed,
            on_epoch=lambda event: progress.check_time(),
        )
    progress.fit |= {"refit_windows": len(dataset.refit_W), "final_hash": hash_weights(rebuilt.model)}
    return rebuilt.model, lambda split, starts_W: (refit if split == "test" else fit).forecast(starts_W)


def score(spec: ExperimentSpec, dataset: Dataset, forecast: Forecast, progress: Progress) -> Forecasts:
    """Score the model on validation and test, and return its forecasts of both, those of validation as ``val_...``."""
    forecasts: Forecasts = {}
    with progress.timed("evaluate"):
        judge = make_judge(spec, dataset)
        issuer = Issuer(spec, dataset, forecast)
        for split in ("validation", "test"):
            if not len(dataset.starts[split]):
                continue
            issued = issuer.issue(split)
            scores, naive = judge.score(split, issued)
            own = spec.evaluation.metrics
            progress.scores[split] = with_own(scores, own, issued.true_WNK, issued.forecast_WNK, naive)
            if split == "validation":  # there so that runs can be ranked on what they share
                forecasts |= {f"val_{name}": values for name, values in _arrays(issued, dataset).items()}
                continue
            named = {f"baseline_{name}": naive[name] for name in _KEPT if name in naive}
            forecasts |= {**_arrays(issued, dataset), **named}
            if not spec.data.is_tokens:
                last_WNK = naive.get("persistence")
                progress.diagnostics |= diagnose_forecasts(issued.true_WNK, issued.forecast_WNK, last_WNK)
    if issuer.radius_NK is not None:
        progress.radius = issuer.radius_NK.tolist()
    progress.diagnostics |= diagnose_scores(progress.scores)
    if spec.evaluation.backtest.fold is None:  # that is pooled with the others
        progress.diagnostics |= diagnose_windows({split: len(dataset.starts[split]) for split in progress.scores})
    if not spec.data.is_tokens:
        for bounds in dataset.splits:
            stretches = {split: bounds.of(split) for split in dataset.starts}
            found = diagnose_series(dataset.series.known_TK, stretches, dataset.series.target_names)
            progress.diagnostics = {**found, **progress.diagnostics}
    return forecasts


def _arrays(issued: Issued, dataset: Dataset) -> Forecasts:
    arrays = {"target_start": issued.first_W, "true": issued.true_WNK, "forecast": issued.forecast_WNK}
    if (intervals := issued.intervals) is not None:
        arrays |= {"lower": intervals.lower_WNK, "upper": intervals.upper_WNK}
        if intervals.quantiles_WNKQ is not None:
            arrays |= {"quantiles": intervals.quantiles_WNKQ, "levels": np.asarray(intervals.levels)}
    if dataset.series.stamps is not None:
        stamps_T = dataset.series.stamps.tz_localize(None).to_numpy("datetime64[s]")
        arrays["time"] = stamps_T[issued.first_W[:, None] + np.arange(dataset.shape.output_length)]
    return arrays


def _unread_steps(spec: ExperimentSpec) -> dict[str, str]:
    """Say so where the last outputs of a sequence are its forecasts: the first of them have not read all inputs."""
    contract, unread = spec.topology.contract, spec.output_length - 1
    is_sliced = contract.alignment == "future" and contract.output_length == "<= timesteps" and unread
    if not is_sliced or any(layer.name == "Bidirectional" for layer in spec.topology.layers):
        return {}
    message = f"the first output has not read the last {unread} of the {spec.timesteps} input steps, the second all but"
    return {
        "unread_steps": f"{message} {unread - 1}: vector_output and encoder_decoder read them all before the first."
    }
