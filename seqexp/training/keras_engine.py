"""The stock engine: Keras' own ``fit`` and ``predict``. What the compiled engine is held against.

Axis letters: F features, K targets, W windows, N output steps, B batch.
"""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np

from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.arrays import Array, TrainingArrays, epoch_order
from seqexp.training.optimizers import make_loss, make_metric, make_optimizer
from seqexp.training.watch import Watch, Weights

_CHUNK = 4096  # windows held in memory at once when forecasting


class KerasEngine:
    """Trains a model with stock Keras.

    Attributes:
        compile_seconds: None; Keras traces and compiles inside the first batch.
        description: What the record says of the engine.
    """

    compile_seconds: float | None = None
    description: dict[str, Any] = {"engine": "keras", "xla": False}

    def __init__(
        self, model: keras.Model, arrays: TrainingArrays, training: TrainingSpec, optimizer: OptimizerSpec, seed: int
    ) -> None:
        self._model, self._arrays, self._training = model, arrays, training
        self._seed = seed if training.shuffle else None
        weighted = arrays.weights_T is not None
        metrics = [make_metric(part) for part in training.metrics]
        model.compile(
            optimizer=make_optimizer(optimizer),
            loss=make_loss(training.loss, weighted=weighted),
            **{"weighted_metrics" if weighted else "metrics": metrics},
        )
        # Built inside ``fit``, ScheduleFreeAdamW would lose the weights that it starts from.
        model.optimizer.build(model.trainable_variables)

    @property
    def variables(self) -> list[Any]:
        """All that training changes."""
        return [*self._model.variables, *self._model.optimizer.variables]

    @property
    def kept(self) -> list[Any]:
        """Those of which the watch keeps the best values."""
        return list(self._model.weights)

    def fit(self, watch: Watch) -> None:
        """Train, and leave the model with the best weights."""
        batch_size = self._training.batch_size
        shape = (*self._model.output_shape[1:-1], self._arrays.targets_TK.shape[1])
        train = Batches(self._arrays, self._arrays.train_W, batch_size, shape, self._seed)
        validation = None
        if len(self._arrays.validation_W):
            validation = Batches(self._arrays, self._arrays.validation_W, evaluation_batch(batch_size), shape, None)
        self._model.fit(
            train,
            validation_data=validation,
            epochs=self._training.epochs,
            initial_epoch=watch.left(self._training.epochs).start,
            shuffle=False,
            verbose=0,
            callbacks=[_Callback(watch, train, self)],
        )
        if watch.best_weights is not None:
            self._model.set_weights(watch.best_weights)

    def forecast(self, starts_W: Array) -> Array:
        """Return the scaled forecasts of windows, float64, in the model's output shape: ``(W, N, K)`` or ``(W, K)``."""
        pieces = [np.zeros((0, *self._model.output_shape[1:]))]
        for first in range(0, len(starts_W), _CHUNK):
            inputs = cut_inputs(self._arrays, starts_W[first : first + _CHUNK])
            given = self._model.predict(inputs, batch_size=256, verbose=0)
            pieces.append(np.asarray(given, np.float64))
        return np.concatenate(pieces)


def cut_inputs(arrays: TrainingArrays, starts_W: Array) -> Any:
    """Cut what a model reads: the past ``(W, timesteps, F)``, and what is known ahead ``(W, N, A)`` if it reads any."""
    past_WTF = arrays.inputs_TF[starts_W[:, None] + np.arange(arrays.timesteps)]
    if not arrays.ahead:
        return past_WTF
    steps_WN = starts_W[:, None] + arrays.offset + np.arange(arrays.output_length)
    return past_WTF, arrays.inputs_TF[steps_WN[..., None], list(arrays.ahead)]


def evaluation_batch(batch_size: int) -> int:
    """Return how many windows are evaluated at once: no weights change, so a larger batch is only faster."""
    return max(batch_size, 256)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The windows of one split in batches; with a seed, in a new order every epoch."""

    def __init__(
        self, arrays: TrainingArrays, starts_W: Array, batch_size: int, target_shape: tuple[int, ...], seed: int | None
    ) -> None:
        super().__init__()
        self._arrays = arrays
        self._starts_W = starts_W
        self._batch_size = batch_size
        self._target_shape = target_shape
        self._seed = seed
        self.start_epoch(0)

    def __len__(self) -> int:
        return -(-len(self._starts_W) // self._batch_size)

    def __getitem__(self, position: int) -> tuple[Any, ...]:
        """Return the batch at a position: ``(B, timesteps, F)``, targets in the model's shape, weights if any."""
        chosen_B = self._order_W[position * self._batch_size : (position + 1) * self._batch_size]
        arrays, starts_B = self._arrays, self._starts_W[chosen_B]
        inputs = cut_inputs(arrays, starts_B)
        steps_BN = starts_B[:, None] + arrays.offset + np.arange(arrays.output_length)
        targets = arrays.targets_TK[steps_BN].reshape(len(starts_B), *self._target_shape)
        if arrays.weights_T is None:
            return inputs, targets
        return inputs, targets, arrays.weights_T[steps_BN].reshape(len(starts_B), *self._target_shape[:-1])

    def start_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0. (Keras calls its own hook also when ``fit`` only peeks.)"""
        self._order_W = epoch_order(len(self._starts_W), self._seed, epoch)


class _Callback(keras.callbacks.Callback):  # type: ignore[misc]
    """Draws the order of every epoch, and tells the watch of it."""

    def __init__(self, watch: Watch, batches: Batches, engine: KerasEngine) -> None:
        super().__init__()
        self._watch = watch
        self._batches = batches
        self._engine = engine
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._batches.start_epoch(epoch)
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        go_on = self._watch.epoch_ended(
            epoch + 1,
            {_event_name(name): float(value) for name, value in (logs or {}).items()},
            learning_rate=float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            seconds=time.perf_counter() - self._began,
            weights=self._weights,
            state=self._state,
        )
        self.model.stop_training = not go_on

    def _weights(self) -> Weights:
        weights: Weights = self.model.get_weights()
        return weights

    def _state(self) -> Weights:
        return [variable.numpy() for variable in self._engine.variables]


def _event_name(name: str) -> str:
    return f"val/{name[4:]}" if name.startswith("val_") else f"train/{name}"
