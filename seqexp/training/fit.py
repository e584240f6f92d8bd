"""Train a model: the epochs, the best weights, and when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from seqexp.errors import RunFailed
from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.batches import Batches, TrainingArrays
from seqexp.training.optimizers import make_loss, make_metric, make_optimizer


@dataclass(frozen=True)
class EpochEvent:
    """What one epoch gave.

    Attributes:
        epoch: Counted from 1.
        values: ``train/loss``, ``val/loss`` and the metrics of ``training.metrics``, in scaled units.
        learning_rate: At the end of the epoch.
        seconds: How long it took.
        time: When it ended, in seconds since 1970.
    """

    epoch: int
    values: dict[str, float]
    learning_rate: float
    seconds: float
    time: float


@dataclass(frozen=True)
class Fit:
    """How a training ended: the epoch whose weights the model holds, and whether it stopped before its time."""

    best_epoch: int
    stopped_early: bool


OnEpoch = Callable[[EpochEvent], None]


def set_seed(seed: int) -> None:
    """Start from a clean state: the same seed gives the same weights, batches and dropout."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def fit_model(
    model: keras.Model,
    arrays: TrainingArrays,
    training: TrainingSpec,
    optimizer: OptimizerSpec,
    *,
    seed: int,
    on_epoch: OnEpoch,
) -> Fit:
    """Train a model in place and leave it with the weights of its best epoch on validation.

    Without validation windows the last epoch's weights stay.

    Raises:
        RunFailed: A loss is no longer a number.
    """
    weighted = arrays.weights_T is not None
    metrics = [make_metric(part) for part in training.metrics]
    model.compile(
        optimizer=make_optimizer(optimizer),
        loss=make_loss(training.loss, weighted=weighted),
        **{"weighted_metrics" if weighted else "metrics": metrics},
    )
    target_shape = tuple(model.output_shape[1:])
    order_seed = seed if training.shuffle else None
    train = Batches(arrays, arrays.train_W, training.batch_size, target_shape, order_seed)
    validation = None
    if len(arrays.validation_W):
        validation = Batches(arrays, arrays.validation_W, max(training.batch_size, 256), target_shape, None)
    watch = _Watch(training, on_epoch)
    model.fit(train, validation_data=validation, epochs=training.epochs, shuffle=False, verbose=0, callbacks=[watch])
    return Fit(watch.best_epoch, watch.stopped_early)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports epochs, keeps the best weights, stops when validation no longer falls or the loss is no number."""

    def __init__(self, training: TrainingSpec, on_epoch: OnEpoch) -> None:
        super().__init__()
        self._stopping = training.early_stopping
        self._on_epoch = on_epoch
        self._best_loss = math.inf
        self._best_weights: list[Any] | None = None
        self._reference_loss = math.inf
        self._waited = 0
        self._began = 0.0
        self.best_epoch = 0
        self.stopped_early = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = {_event_name(name): float(value) for name, value in (logs or {}).items()}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._on_epoch(EpochEvent(epoch + 1, values, rate, time.perf_counter() - self._began, time.time()))
        for name in ("train/loss", "val/loss"):
            if not math.isfinite(values.get(name, 0.0)):
                raise RunFailed("diverged", f"{name} is {values[name]} in epoch {epoch + 1}: the training diverged.")
        self._keep_best(epoch + 1, values.get("val/loss"))

    def _keep_best(self, epoch: int, loss: float | None) -> None:
        if loss is None:
            self.best_epoch = epoch
            return
        if loss < self._best_loss:
            self._best_loss, self.best_epoch = loss, epoch
            self._best_weights = self.model.get_weights()
        if self._stopping is None:
            return
        if loss < self._reference_loss - self._stopping.min_delta:
            self._reference_loss, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited > self._stopping.patience:
            self.model.stop_training = self.stopped_early = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)


def _event_name(name: str) -> str:
    return f"val/{name[4:]}" if name.startswith("val_") else f"train/{name}"
