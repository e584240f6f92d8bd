"""Losses that Keras has not: a user's own, and those of heads that say how sure they are.

Of each target such a head gives several outputs, one after another.

Axis letters: B batch, N output steps, K targets, P outputs of a target. The axis of steps may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from seqexp.plugins.table import OwnPart
from seqexp.spec.topology import LEAST_DEVIATION


class Pinball(keras.losses.Loss):  # type: ignore[misc]
    """The quantile loss, the mean over levels: Koenker and Bassett, 1978, https://doi.org/10.2307/1913643."""

    def __init__(self, quantiles: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        self.quantiles = list(quantiles)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each step: ``(B, N, K)`` and ``(B, N, K * P)`` to ``(B, N)``."""
        given, true = _by_target(y_true, y_pred, len(self.quantiles))
        error = true - given
        levels = ops.convert_to_tensor(self.quantiles, given.dtype)
        return ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=(-2, -1))


class GaussianNLL(keras.losses.Loss):  # type: ignore[misc]
    """The negative log-likelihood of a normal distribution, by its mean and, before a softplus, its deviation."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each step: ``(B, N, K)`` and ``(B, N, K * 2)`` to ``(B, N)``."""
        given, true = _by_target(y_true, y_pred, 2)
        deviation = ops.softplus(given[..., 1]) + LEAST_DEVIATION
        distance = (true[..., 0] - given[..., 0]) / deviation
        likelihood = ops.log(deviation) + 0.5 * ops.square(distance) + 0.5 * math.log(2 * math.pi)
        return ops.mean(likelihood, axis=-1)


class OwnLoss(keras.losses.Loss):  # type: ignore[misc]
    """A user's function as a loss."""

    def __init__(self, part: OwnPart, args: dict[str, Any], **options: Any) -> None:
        super().__init__(name=part.name, **options)
        self._part, self._args = part, args

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each step: ``(B, N, K)`` twice to ``(B, N)``."""
        given = ops.convert_to_tensor(self._part.entry(y_true, y_pred, **self._args))
        wanted = tuple(y_pred.shape[:-1])
        if len(given.shape) != len(wanted) or any(
            None not in (size, other) and size != other for size, other in zip(given.shape, wanted, strict=True)
        ):
            raise ValueError(
                f"the loss {self._part.name} gives the shape {tuple(given.shape)} for {tuple(y_pred.shape)}: expected "
                f"one loss for each step, {wanted}. Take the mean over the last axis: ops.mean(..., axis=-1)."
            )
        return given


LOSSES = {"Pinball": Pinball, "GaussianNLL": GaussianNLL}


def _by_target(y_true: Any, y_pred: Any, outputs: int) -> tuple[Any, Any]:
    """Return outputs as ``(..., K, P)`` and targets as ``(..., K, 1)``."""
    given = ops.reshape(y_pred, (*y_pred.shape[:-1], y_pred.shape[-1] // outputs, outputs))
    return given, ops.cast(y_true, given.dtype)[..., None]
