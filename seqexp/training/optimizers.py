"""From a spec to Keras' optimizer, loss and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqexp.errors import ModelError, OwnCodeFailed
from seqexp.plugins.table import find
from seqexp.spec.catalogue import arguments_of, canonical_name
from seqexp.spec.parts import Part, split_part
from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.losses import LOSSES, OwnLoss

Array = np.ndarray[Any, np.dtype[Any]]


def make_optimizer(spec: OptimizerSpec, *, learning_rate: float | None = None) -> keras.optimizers.Optimizer:
    """Make an optimizer; a learning rate written as ``{CosineDecay: {...}}`` becomes a schedule.

    Args:
        spec: What to make.
        learning_rate: Stands in for that of the spec, where the rate of each step is given from outside.
    """
    args = dict(spec.args)
    if learning_rate is not None:
        args["learning_rate"] = learning_rate
    elif "learning_rate" in args:
        args["learning_rate"] = _learning_rate(args["learning_rate"])
    return getattr(keras.optimizers, canonical_name("optimizers", spec.name))(**args)


def _learning_rate(value: Any) -> Any:
    if found := split_part(value):
        name, args = found
        return getattr(keras.optimizers.schedules, canonical_name("schedules", name))(**args)
    return value


class LearningRates:
    """The learning rate of every step of a training, worked out before the steps are taken."""

    def __init__(self, spec: OptimizerSpec) -> None:
        rate = _learning_rate(spec.args["learning_rate"]) if "learning_rate" in spec.args else _default_rate(spec)
        self._constant = None if callable(rate) else float(rate)
        self._schedule = tf.function(lambda steps: tf.map_fn(rate, steps, fn_output_signature=tf.float32))

    def of_steps(self, first: int, n_steps: int) -> Array:
        """Return the rates of ``n_steps`` steps from the ``first`` on (counted from 0), float32."""
        if self._constant is not None:
            return np.full(n_steps, self._constant, np.float32)
        rates: Array = self._schedule(tf.range(first, first + n_steps, dtype=tf.int64)).numpy()
        return rates


def _default_rate(spec: OptimizerSpec) -> Any:
    known = arguments_of("optimizers", spec.name) or {}
    return known["learning_rate"]["default"]


def make_loss(part: Part, *, weighted: bool) -> keras.losses.Loss:
    """Make a loss; with weights, the mean is taken over the steps that count."""
    reduction = "mean_with_sample_weight" if weighted else "sum_over_batch_size"
    name = canonical_name("losses", part.name)
    if (own := find("loss", part.name)) is not None:
        if not isinstance(own.entry, type):
            return OwnLoss(own, part.args, reduction=reduction)
        loss: keras.losses.Loss = own.entry(**part.args)
        loss.reduction = reduction  # set afterwards: its own ``__init__`` need not know of it
        return loss
    made: keras.losses.Loss = (LOSSES.get(name) or getattr(keras.losses, name))(
        reduction=reduction, **_tuples(part.args)
    )
    return made


def make_metric(part: Part) -> keras.metrics.Metric:
    """Make a metric, which sees scaled values, like the loss."""
    return getattr(keras.metrics, canonical_name("metrics", part.name))(**_tuples(part.args))


def check_settings(optimizer: OptimizerSpec, training: TrainingSpec, *, targets: int = 1) -> None:
    """Make optimizer, loss and metrics once, and forget them; a user's own loss is called with a few zeros.

    Raises:
        ModelError: Keras refuses an argument of one of them; the key says which.
        OwnCodeFailed: The loss fails.
    """
    made: dict[str, Callable[[], object]] = {
        "optimizer": lambda: make_optimizer(optimizer),
        "training.loss": lambda: make_loss(training.loss, weighted=False),
        "training.metrics": lambda: [make_metric(part) for part in training.metrics],
    }
    for key, make in made.items():
        try:
            make()
        except (TypeError, ValueError) as error:
            raise ModelError(f"Keras refuses this: {_first_line(error)}", key=key) from None
    if (own := find("loss", training.loss.name)) is not None:
        zeros_BNK = keras.ops.zeros((2, 3, targets))
        try:
            make_loss(training.loss, weighted=True)(zeros_BNK, zeros_BNK, keras.ops.ones((2, 3)))
        except Exception as error:  # it is a user's code
            message = f"the loss {own.name} ({own.place}) fails: {type(error).__name__}: {_first_line(error)}"
            raise OwnCodeFailed(message, key="training.loss") from None


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _tuples(args: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in args.items()}
