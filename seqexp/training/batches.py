"""Gather batches of windows out of one series: memory stays that of the series.

Axis letters: T steps, F features, K targets, W windows, N output steps, B batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class TrainingArrays:
    """What a fit reads.

    Attributes:
        inputs_TF: Scaled features, float32.
        targets_TK: Scaled targets, float32.
        weights_T: 1 where a step counts, 0 where its target was filled; None where all count.
        train_W: First input step of every training window.
        validation_W: The same of every validation window; may be empty.
        timesteps: Input steps of a window.
        output_length: N.
        offset: Steps from a window's first input step to its first target.
    """

    inputs_TF: Array
    targets_TK: Array
    weights_T: Array | None
    train_W: Array
    validation_W: Array
    timesteps: int
    output_length: int
    offset: int


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The windows of one split in batches; with a seed, in a new order every epoch.

    The order of epoch ``e`` is ``numpy.random.default_rng([seed, e]).permutation(W)``, whatever trains on it.
    """

    def __init__(
        self, arrays: TrainingArrays, starts_W: Array, batch_size: int, target_shape: tuple[int, ...], seed: int | None
    ) -> None:
        super().__init__()
        self._arrays = arrays
        self._starts_W = starts_W
        self._batch_size = batch_size
        self._target_shape = target_shape
        self._seed = seed
        self._epoch = 0
        self._order_W = self._new_order()

    def __len__(self) -> int:
        return -(-len(self._starts_W) // self._batch_size)

    def __getitem__(self, position: int) -> tuple[Array, ...]:
        """Return the batch at a position: ``(B, timesteps, F)``, targets in the model's shape, weights if any."""
        chosen_B = self._order_W[position * self._batch_size : (position + 1) * self._batch_size]
        arrays, starts_B = self._arrays, self._starts_W[chosen_B]
        inputs = arrays.inputs_TF[starts_B[:, None] + np.arange(arrays.timesteps)]
        steps_BN = starts_B[:, None] + arrays.offset + np.arange(arrays.output_length)
        targets = arrays.targets_TK[steps_BN].reshape(len(starts_B), *self._target_shape)
        if arrays.weights_T is None:
            return inputs, targets
        return inputs, targets, arrays.weights_T[steps_BN].reshape(len(starts_B), *self._target_shape[:-1])

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._epoch += 1
        self._order_W = self._new_order()

    def _new_order(self) -> Array:
        if self._seed is None:
            return np.arange(len(self._starts_W))
        return np.random.default_rng([self._seed, self._epoch]).permutation(len(self._starts_W))
