"""Train a model with the engine that the config names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.arrays import Array, TrainingArrays
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
) -> Fit:
    """Train a model in place and leave it with the weights of its best epoch on validation.

    Without validation windows the last epoch's weights stay.

    Raises:
        RunFailed: A loss is no longer a number.
    """
    engine = _ENGINES[training.engine](model, arrays, training, optimizer, seed)
    watch = Watch(training.early_stopping, on_epoch)
    engine.fit(watch)
    return Fit(watch.best_epoch, watch.stopped_early, engine.description, engine.compile_seconds, engine.forecast)
