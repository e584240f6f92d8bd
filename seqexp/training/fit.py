"""Train a model with the engine that the config names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.arrays import Array, TrainingArrays
from seqexp.training.checkpoint import Checkpoint
from seqexp.training.compiled_engine import CompiledEngine
from seqexp.training.keras_engine import KerasEngine
from seqexp.training.watch import OnEpoch, Watch

_ENGINES: dict[str, type[CompiledEngine] | type[KerasEngine]] = {"compiled": CompiledEngine, "keras": KerasEngine}


@dataclass(frozen=True)
class Fit:
    """How a training ended.

    Attributes:
        best_epoch: The epoch whose weights the model holds.
        stopped_early: Whether it stopped before its time.
        engine: What the record says of the engine.
        compile_seconds: What tracing and compiling took, where the engine does it apart.
        forecast: First input steps ``(W,)`` in; scaled forecasts out, in the model's output shape.
    """

    best_epoch: int
    stopped_early: bool
    engine: dict[str, Any]
    compile_seconds: float | None
    forecast: Callable[[Array], Array]


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
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Train a model in place and leave it with the weights of its best epoch on validation.

    Without validation windows the last epoch's weights stay. With a checkpoint the training goes on from it, if it was
    begun before, to the same bits; the epochs before are reported as well.

    Raises:
        RunFailed: A loss is no longer a number.
    """
    engine = _ENGINES[training.engine](model, arrays, training, optimizer, seed)
    watch = Watch(training.early_stopping, on_epoch, checkpoint)
    if checkpoint is not None:
        devices = ", ".join(device.device_type for device in tf.config.list_physical_devices())
        watch.resume(engine.variables, engine.kept, devices=devices)
    engine.fit(watch)
    return Fit(watch.best_epoch, watch.stopped_early, engine.description, engine.compile_seconds, engine.forecast)
