"""The epoch as one program: the loop over batches is inside, and so are the windows, which are cut where they are used.

A program belongs to a shape of experiment, not to a run: it owns a twin of the model, into which the variables of a run
are copied before it trains and from which they are read afterwards. Seed, learning rate, data and number of batches are
arguments, so runs that differ in nothing else share it.

Axis letters: P steps of the padded series, F features, K targets, B batch, N output steps, S windows of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from seqexp.spec.parts import Part
from seqexp.spec.settings import OptimizerSpec
from seqexp.training.compiled_function import CompiledFunction
from seqexp.training.keras_engine import evaluation_batch
from seqexp.training.lstm_loop import fuse_lstms
from seqexp.training.optimizers import make_loss, make_metric, make_optimizer
from seqexp.training.time_distributed import fold_time_distributed

# A call cannot be interrupted (Ctrl-C waits for it): these keep it below a second or so.
_WINDOWS_PER_CALL = 8192
_WORK_PER_CALL = 20_000_000_000  # windows times input steps times weights
_MOST_STEPS_PER_CALL = 512
_NAMES = ("inputs", "targets", "weights")


@dataclass(frozen=True)
class Recipe:
    """What a program is made for besides its model: everything that is no argument of it.

    Attributes:
        loss: The loss.
        metrics: Metrics that are told for every epoch.
        optimizer: The optimizer; its learning rate counts for nothing.
        batch_size: B.
        timesteps: Input steps of a window.
        output_length: N.
        offset: Steps from a window's first input step to its first target.
        features: F.
        targets: K.
        ahead: Columns of the inputs that are also read at the steps of the targets.
        weighted: Whether steps have weights.
        rows: P.
    """

    loss: Part
    metrics: tuple[Part, ...]
    optimizer: OptimizerSpec
    batch_size: int
    timesteps: int
    output_length: int
    offset: int
    features: int
    targets: int
    ahead: tuple[int, ...]
    weighted: bool
    rows: int

    def as_values(self) -> dict[str, Any]:
        """Return what tells programs apart, as plain values."""
        optimizer = {key: value for key, value in self.optimizer.args.items() if key != "learning_rate"}
        return {
            **{key: value for key, value in vars(self).items() if key not in {"loss", "metrics", "optimizer"}},
            "loss": self.loss.as_written(),
            "metrics": [metric.as_written() for metric in self.metrics],
            "optimizer": {"name": self.optimizer.name, **optimizer},
        }


class EpochProgram:
    """Training and evaluation of one shape of experiment, compiled.

    Attributes:
        model: The twin.
        optimizer: Its optimizer, whose learning rate is set before every step.
        metrics: Its metrics; they count until they are reset.
        steps_per_call: Batches that one call of training takes at most.
        evaluation_steps: The same of evaluation.
        evaluation_batch: Windows that are evaluated at once.
        uses_xla: Whether it is to be compiled with XLA.
        mixes_rows: Whether a window's result depends on the others in its batch, so that none may be padded.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, *, xla: bool, key: str = "") -> None:
        """Make the twin; nothing is traced yet.

        Args:
            model: That of a run.
            recipe: What else the program is made for.
            xla: Whether it is to be compiled with XLA.
            key: Names the shape of experiment, for what is kept of it on disk; empty where nothing is to be kept.
        """
        self.recipe, self._key = recipe, key
        self.model = keras.models.clone_model(model)
        fold_time_distributed(self.model)
        fuse_lstms(self.model)
        self.optimizer = make_optimizer(recipe.optimizer, learning_rate=1.0)
        self.optimizer.build(self.model.trainable_variables)
        self.metrics = [make_metric(part) for part in recipe.metrics]
        self.mixes_rows = _mixes_rows(self.model) or not all(_is_mean(metric) for metric in self.metrics)
        windows = _windows_per_call(recipe.timesteps, self.model.count_params())
        self.steps_per_call = _steps_per_call(recipe.batch_size, windows)
        self.evaluation_batch = evaluation_batch(recipe.batch_size)
        self.evaluation_steps = _steps_per_call(self.evaluation_batch, windows // 4)
        self._loss = make_loss(recipe.loss, weighted=True)  # weights: 0 where a batch is padded
        self.uses_xla = xla
        self._functions: dict[tuple[str, int], CompiledFunction] = {}

    @property
    def refused(self) -> str:
        """Why XLA did not compile a part of it; empty where it compiled all."""
        return next((function.refused for function in self._functions.values() if function.refused), "")

    @property
    def _variables(self) -> list[Any]:
        counted = [variable for metric in self.metrics for variable in metric.variables]
        return [*self.model.variables, *self.optimizer.variables, *counted]

    def load(self, model: keras.Model, optimizer: keras.optimizers.Optimizer | None = None) -> None:
        """Take over the variables of a run."""
        copy_variables(model.variables, self.model.variables)
        if optimizer is not None:
            copy_variables(optimizer.variables, self.optimizer.variables)

    def training(self, remainder: int) -> CompiledFunction:
        """Return the function of up to :attr:`steps_per_call` steps.

        Its arguments are the series (inputs, targets, and weights where there are any), the first input step of each
        window ``(S,)``, the number of windows that count, and a learning rate for each step; it gives the sum of the
        windows' losses. Where rows mix, ``remainder`` windows are left for a last step of their own size.
        """
        return self._function("train", remainder, self._train, self.recipe.batch_size, self.steps_per_call, rates=True)

    def evaluation(self, remainder: int) -> CompiledFunction:
        """Return the function of evaluation: no rates, and besides the sum of losses the forecasts of S windows."""
        return self._function("evaluate", remainder, self._evaluate, self.evaluation_batch, self.evaluation_steps)

    def remainder(self, n_windows: int, batch_size: int) -> int:
        """Return how many windows the last step takes, 0 where it is padded to a whole batch."""
        return n_windows % batch_size if self.mixes_rows else 0

    def _function(
        self, name: str, remainder: int, body: Callable[..., Any], batch: int, steps: int, *, rates: bool = False
    ) -> CompiledFunction:
        if (name, remainder) not in self._functions:
            recipe = self.recipe
            widths = (recipe.features, recipe.targets, None)
            series = [
                tf.TensorSpec((recipe.rows,) if width is None else (recipe.rows, width), tf.float32)
                for width in widths[: 3 if recipe.weighted else 2]
            ]
            windows = [tf.TensorSpec((batch * steps,), tf.int32), tf.TensorSpec((), tf.int32)]
            signature = [*series, *windows, *([tf.TensorSpec((steps,), tf.float32)] if rates else [])]

            def function(*arguments: Any) -> Sequence[Any]:
                named = dict(zip(_NAMES, arguments[: len(series)], strict=False))
                given: Sequence[Any] = body(named, batch, remainder, *arguments[len(series) :])
                return given

            self._functions[name, remainder] = CompiledFunction(
                function,
                signature,
                xla=self.uses_xla,
                variables=self._variables,
                key=f"{self._key} {name} {remainder}" if self._key else "",
            )
        return self._functions[name, remainder]

    def _train(self, series: Any, batch: int, remainder: int, starts_S: Any, n: Any, rates: Any) -> Sequence[Any]:
        def step(number: Any, size: int, total: Any) -> Any:
            inputs, targets, weights, counted = self._cut(series, starts_S, number * batch, size, n)
            with tf.GradientTape() as tape:
                given = self.model(inputs, training=True)
                loss = self._whole_loss(targets, given, weights)
            gradients = tape.gradient(loss, [variable.value for variable in self.model.trainable_variables])
            self.optimizer.learning_rate.assign(rates[number])
            self.optimizer.apply(
                [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients],
                self.model.trainable_variables,
            )
            self._count(targets, given, weights)
            return total + loss * counted

        full = _full_batches(n, batch, remainder)
        _, total = tf.while_loop(
            lambda number, _: number < full,
            lambda number, total: (number + 1, step(number, batch, total)),
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )
        return [step(full, remainder, total) if remainder else total]

    def _evaluate(self, series: Any, batch: int, remainder: int, starts_S: Any, n: Any) -> Sequence[Any]:
        shape = tuple(self.model.output_shape[1:])

        def step(number: Any, size: int, total: Any) -> tuple[Any, Any]:
            inputs, targets, weights, counted = self._cut(series, starts_S, number * batch, size, n)
            given = self.model(inputs, training=False)
            loss = self._whole_loss(targets, given, weights)
            self._count(targets, given, weights)
            return total + loss * counted, given

        def body(number: Any, total: Any, found: Any) -> Any:
            total, given = step(number, batch, total)
            return number + 1, total, found.write(number, given)

        full = _full_batches(n, batch, remainder)
        steps = starts_S.shape[0] // batch
        found = tf.TensorArray(tf.float32, steps, element_shape=(batch, *shape))
        start = (tf.constant(0), tf.constant(0.0), found)
        _, total, found = tf.while_loop(lambda number, *_: number < full, body, start, parallel_iterations=1)
        forecasts = tf.reshape(found.stack(), (steps * batch, *shape))
        if remainder:
            total, given = step(full, remainder, total)
            forecasts = tf.tensor_scatter_nd_update(forecasts, (full * batch + tf.range(remainder))[:, None], given)
        return [total, forecasts]

    def _cut(self, series: Any, starts_S: Any, first: Any, size: int, n: Any) -> tuple[Any, Any, Any, Any]:
        """Cut the windows of one batch: inputs, targets and weights in the model's shapes, and how many count.

        A head with several outputs for each target changes the last axis of the outputs, never that of the targets.
        """
        recipe, shape = self.recipe, (*self.model.output_shape[1:-1], self.recipe.targets)
        starts_B = tf.gather(starts_S, first + tf.range(size))  # a slice would be compiled anew for every ``first``
        inputs = tf.gather(series["inputs"], starts_B[:, None] + tf.range(recipe.timesteps))
        steps_BN = starts_B[:, None] + recipe.offset + tf.range(recipe.output_length)
        targets = tf.reshape(tf.gather(series["targets"], steps_BN), (size, *shape))
        counts_B = tf.cast(first + tf.range(size) < n, tf.float32)
        weights_BN = tf.tile(counts_B[:, None], (1, recipe.output_length))
        if recipe.weighted:
            weights_BN *= tf.gather(series["weights"], steps_BN)
        if recipe.ahead:
            ahead_BNA = tf.gather(tf.gather(series["inputs"], steps_BN), list(recipe.ahead), axis=-1)
            inputs = (inputs, ahead_BNA)
        return inputs, targets, tf.reshape(weights_BN, (size, *shape[:-1])), tf.reduce_sum(counts_B)

    def _whole_loss(self, targets: Any, given: Any, weights: Any) -> Any:
        """Return the loss with the penalties of the layers, as Keras' trainer counts it."""
        return tf.add_n([self._loss(targets, given, weights), *self.model.losses])

    def _count(self, targets: Any, given: Any, weights: Any) -> None:
        for metric in self.metrics:
            metric.update_state(targets, given, sample_weight=weights)


def copy_variables(sources: Sequence[Any], targets: Sequence[Any]) -> None:
    """Copy values from variables into others, pair by pair."""
    for source, target in zip(sources, targets, strict=True):
        target.assign(source)


def _windows_per_call(timesteps: int, weights: int) -> int:
    return min(_WINDOWS_PER_CALL, _WORK_PER_CALL // (timesteps * max(weights, 1)))


def _steps_per_call(batch_size: int, windows: int) -> int:
    return max(1, min(_MOST_STEPS_PER_CALL, windows // batch_size))


def _full_batches(n: Any, batch: int, remainder: int) -> Any:
    return (n - remainder) // batch if remainder else (n + batch - 1) // batch


def _is_mean(metric: Any) -> bool:
    """Whether a metric leaves out what has no weight; some others count rows."""
    return isinstance(metric, keras.metrics.Mean)


def _mixes_rows(model: keras.Model) -> bool:
    """Whether a layer takes its batch as a whole: its statistics, or a penalty on what it gives."""
    return any(
        isinstance(layer, (keras.layers.BatchNormalization, keras.layers.ActivityRegularization))
        or getattr(layer, "activity_regularizer", None) is not None
        for layer in model._flatten_layers()
    )
