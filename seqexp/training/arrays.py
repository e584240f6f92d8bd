"""What every engine trains on: one series, the windows in it, and their order.

Axis letters: T steps, F features, K targets, W windows, N output steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        ahead: Columns of the inputs that the model also reads at the steps of its targets; often none.
    """

    inputs_TF: Array
    targets_TK: Array
    weights_T: Array | None
    train_W: Array
    validation_W: Array
    timesteps: int
    output_length: int
    offset: int
    ahead: tuple[int, ...] = ()


def epoch_order(n_windows: int, seed: int | None, epoch: int) -> Array:
    """Return the order in which an epoch (counted from 0) goes through its windows; without a seed, that of time.

    The order is the same whatever engine trains on it.
    """
    if seed is None:
        return np.arange(n_windows)
    return np.random.default_rng([seed, epoch]).permutation(n_windows)
