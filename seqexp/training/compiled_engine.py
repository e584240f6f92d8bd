"""The fast engine: a whole epoch is one compiled program, which runs of the same shape share.

It gives the weights that stock Keras gives, up to rounding: the same batches, losses, gradients and steps.

Axis letters: P steps of the padded series, F features, K targets, W windows, N output steps, S windows of a call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqexp.padding import pad, padded_rows
from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.arrays import Array, TrainingArrays, epoch_order
from seqexp.training.epoch_program import Recipe
from seqexp.training.optimizers import LearningRates, make_optimizer
from seqexp.training.programs import find_program
from seqexp.training.watch import Watch, Weights


class CompiledEngine:
    """Trains a model with a program for its shape.

    Attributes:
        compile_seconds: What tracing and compiling took; 0.0 where the process held the program already.
    """

    compile_seconds: float | None

    def __init__(
        self, model: keras.Model, arrays: TrainingArrays, training: TrainingSpec, optimizer: OptimizerSpec, seed: int
    ) -> None:
        self._model, self._arrays, self._training = model, arrays, training
        self._seed = seed if training.shuffle else None
        self._rates = LearningRates(optimizer)
        self._optimizer = make_optimizer(optimizer, learning_rate=1.0)
        self._optimizer.build(model.trainable_variables)
        began = time.perf_counter()
        recipe = Recipe(
            loss=training.loss,
            metrics=training.metrics,
            optimizer=optimizer,
            batch_size=training.batch_size,
            timesteps=arrays.timesteps,
            output_length=arrays.output_length,
            offset=arrays.offset,
            features=arrays.inputs_TF.shape[1],
            targets=arrays.targets_TK.shape[1],
            ahead=arrays.ahead,
            weighted=arrays.weights_T is not None,
            rows=padded_rows(len(arrays.inputs_TF)),
        )
        self._program, is_new = find_program(model, recipe)
        inputs = _padded(arrays.inputs_TF)
        targets = inputs if arrays.targets_TK is arrays.inputs_TF else _padded(arrays.targets_TK)
        weights = [] if arrays.weights_T is None else [_padded(arrays.weights_T)]
        self._series = [inputs, targets, *weights]
        if is_new:
            self._compile()
        self.compile_seconds = time.perf_counter() - began if is_new else 0.0

    @property
    def description(self) -> dict[str, Any]:
        """What the record says of the engine: whether XLA compiled it, and if not, why."""
        refused = self._program.refused
        described = {"engine": "compiled", "xla": self._program.uses_xla and not refused}
        return {**described, "xla_refused": refused} if refused else described

    @property
    def variables(self) -> list[Any]:
        """All that training changes, as it starts."""
        return [*self._model.variables, *self._optimizer.variables]

    @property
    def kept(self) -> list[Any]:
        """Those of which the watch keeps the best values."""
        return list(self._model.variables)

    def fit(self, watch: Watch) -> None:
        """Train, and leave the model with the best weights."""
        program, arrays, training = self._program, self._arrays, self._training
        program.load(self._model, self._optimizer)
        for epoch in watch.left(training.epochs):
            began = time.perf_counter()
            order_W = arrays.train_W[epoch_order(len(arrays.train_W), self._seed, epoch)]
            values, rate = self._train(order_W, epoch)
            if len(arrays.validation_W):
                losses = self._evaluate(arrays.validation_W, lambda forecasts: None)
                values |= {f"val/{name}": value for name, value in losses.items()}
            seconds = time.perf_counter() - began
            if not watch.epoch_ended(
                epoch + 1,
                values,
                learning_rate=rate,
                seconds=seconds,
                weights=lambda: _values(program.model),
                state=lambda: [*_values(program.model), *_values(program.optimizer)],
            ):
                break
        program.optimizer.finalize_variable_values(program.model.trainable_variables)
        for variable, value in zip(self._model.variables, watch.best_weights or _values(program.model), strict=True):
            variable.assign(value)

    def forecast(self, starts_W: Array) -> Array:
        """Return the scaled forecasts of windows, float64, in the model's output shape: ``(W, N, K)`` or ``(W, K)``."""
        self._program.load(self._model)  # another run may have used the program meanwhile
        pieces = [np.zeros((0, *self._model.output_shape[1:]))]
        self._evaluate(starts_W, lambda forecasts: pieces.append(forecasts.astype(np.float64)))
        return np.concatenate(pieces)

    def _train(self, starts_W: Array, epoch: int) -> tuple[dict[str, float], float]:
        """Train one epoch; return its losses by name, and the learning rate after it."""
        program, batch = self._program, self._training.batch_size
        n_steps = -(-len(starts_W) // batch)
        rates = self._rates.of_steps(epoch * n_steps, n_steps + 1)  # and that of the step after
        self._reset_metrics()
        total = 0.0
        for first, padded_S, n, is_last in _calls(starts_W, batch, program.steps_per_call):
            function = program.training(program.remainder(n, batch) if is_last else 0)
            rates_of_call = np.zeros(program.steps_per_call, np.float32)
            chosen = rates[first // batch : -1][: program.steps_per_call]
            rates_of_call[: len(chosen)] = chosen
            (loss,) = function(*self._series, tf.constant(padded_S), tf.constant(n), tf.constant(rates_of_call))
            total += float(loss)
        values = {"train/loss": total / len(starts_W)}
        return values | {f"train/{name}": value for name, value in self._metric_values().items()}, float(rates[-1])

    def _evaluate(self, starts_W: Array, take: Callable[[Array], None]) -> dict[str, float]:
        """Return losses by name; hand over the forecasts of one call after another."""
        program, batch = self._program, self._program.evaluation_batch
        self._reset_metrics()
        total = 0.0
        for _, padded_S, n, is_last in _calls(starts_W, batch, program.evaluation_steps):
            function = program.evaluation(program.remainder(n, batch) if is_last else 0)
            loss, forecasts = function(*self._series, tf.constant(padded_S), tf.constant(n))
            total += float(loss)
            take(forecasts.numpy()[:n])
        return {"loss": total / max(len(starts_W), 1), **self._metric_values()}

    def _compile(self) -> None:
        """Trace and compile before the clock of the first epoch starts, training beside evaluation.

        The variables of the twin are spoilt by it; those of the run are copied into it afterwards.
        """
        program, arrays = self._program, self._arrays
        n_train, n_validation = len(arrays.train_W), len(arrays.validation_W)
        remainder = program.remainder(n_train, self._training.batch_size)
        training = program.training(remainder)
        starts = np.full(program.steps_per_call * self._training.batch_size, arrays.train_W[0], np.int32)
        rates = np.zeros(program.steps_per_call, np.float32)
        few = [tf.constant(starts), tf.constant(remainder), tf.constant(rates)]
        with ThreadPoolExecutor(1) as beside:  # compiling needs no Python
            compiling = beside.submit(training.compile, *self._series, *few)
            if n_validation:
                remainder = program.remainder(n_validation, program.evaluation_batch)
                evaluation = program.evaluation(remainder)
                starts = np.full(program.evaluation_steps * program.evaluation_batch, arrays.train_W[0], np.int32)
                evaluation.compile(*self._series, tf.constant(starts), tf.constant(remainder))
            compiling.result()

    def _reset_metrics(self) -> None:
        for metric in self._program.metrics:
            metric.reset_state()

    def _metric_values(self) -> dict[str, float]:
        return {metric.name: float(metric.result()) for metric in self._program.metrics}


def _calls(starts_W: Array, batch: int, steps: int) -> Iterator[tuple[int, Array, int, bool]]:
    """Part windows into calls: position, starts padded with the first, number that counts, whether it is the last."""
    size = batch * steps
    for first in range(0, len(starts_W), size):
        chosen = starts_W[first : first + size]
        padded_S = np.full(size, starts_W[0], np.int32)  # a window that is whole, whatever holes the series has
        padded_S[: len(chosen)] = chosen
        yield first, padded_S, len(chosen), first + size >= len(starts_W)


def _padded(values: Array) -> tf.Tensor:
    """Return a padded float32 tensor, which takes over the memory of the values where there is room behind them."""
    return tf.experimental.dlpack.from_dlpack(pad(values).__dlpack__())


def _values(holder: keras.Model | keras.optimizers.Optimizer) -> Weights:
    return [variable.numpy() for variable in holder.variables]
