"""From a spec to Keras' optimizer, loss and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from seqexp.errors import ModelError
from seqexp.spec.catalogue import canonical_name
from seqexp.spec.parts import Part, split_part
from seqexp.spec.settings import OptimizerSpec, TrainingSpec


def make_optimizer(spec: OptimizerSpec) -> keras.optimizers.Optimizer:
    """Make an optimizer; a learning rate written as ``{CosineDecay: {...}}`` becomes a schedule."""
    args = dict(spec.args)
    rate = args.get("learning_rate")
    if found := split_part(rate):
        name, schedule_args = found
        args["learning_rate"] = getattr(keras.optimizers.schedules, name)(**schedule_args)
    return getattr(keras.optimizers, canonical_name("optimizers", spec.name))(**args)


def make_loss(part: Part, *, weighted: bool) -> keras.losses.Loss:
    """Make a loss; with weights, the mean is taken over the steps that count."""
    reduction = "mean_with_sample_weight" if weighted else "sum_over_batch_size"
    return getattr(keras.losses, canonical_name("losses", part.name))(reduction=reduction, **_tuples(part.args))


def make_metric(part: Part) -> keras.metrics.Metric:
    """Make a metric, which sees scaled values, like the loss."""
    return getattr(keras.metrics, canonical_name("metrics", part.name))(**_tuples(part.args))


def check_settings(optimizer: OptimizerSpec, training: TrainingSpec) -> None:
    """Make optimizer, loss and metrics once, and forget them.

    Raises:
        ModelError: Keras refuses an argument of one of them; the key says which.
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
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ModelError(f"Keras refuses this: {reason.strip()}", key=key) from None


def _tuples(args: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in args.items()}
