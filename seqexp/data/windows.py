"""Where windows start: positions only, so that memory stays that of the series.

Axis letters: W windows, T input steps (``timesteps``), N output steps (``output_length``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seqexp.spec.contract import Alignment, target_offset

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class WindowShape:
    """The form of every window of an experiment.

    Attributes:
        timesteps: T.
        output_length: N.
        offset: Steps from the first input step to the first target.
    """

    timesteps: int
    output_length: int
    offset: int

    @classmethod
    def of(cls, timesteps: int, output_length: int, alignment: Alignment, lead: int = 0) -> WindowShape:
        """Return the form that two lengths, an alignment and a lead give."""
        return cls(timesteps, output_length, target_offset(alignment, timesteps, output_length, lead))


def window_starts(shape: WindowShape, bounds: tuple[int, int], stride: int = 1, begin: int = 0) -> Array:
    """Return the first input step of every window whose targets all lie inside the bounds.

    The input may reach back before the bounds, never before the ``begin`` of the series or past the last target's step.
    So a split of n steps with enough history before it has ``n - N + 1`` windows at stride 1, whatever T is.

    >>> window_starts(WindowShape.of(3, 2, "future"), (5, 10)).tolist()
    [2, 3, 4, 5]
    """
    start, stop = bounds
    first = max(start - shape.offset, begin)
    last = stop - shape.output_length - shape.offset
    return np.arange(first, last + 1, stride, dtype=np.int64)


def issued_at(starts_W: Array, shape: WindowShape, at: str, stamps: pd.DatetimeIndex) -> Array:
    """Keep the windows whose last input step lies at a time of the day, ``"10:00"``."""
    minutes_W = stamps.hour[starts_W + shape.timesteps - 1] * 60 + stamps.minute[starts_W + shape.timesteps - 1]
    hours, _, rest = at.partition(":")
    kept: Array = starts_W[np.asarray(minutes_W) == int(hours) * 60 + int(rest)]
    return kept


def every_nth_step(starts_W: Array, every: int) -> Array:
    """Keep the first window and those that start a multiple of so many steps after it."""
    kept: Array = starts_W[(starts_W - starts_W[:1]) % every == 0]
    return kept


def without_holes(starts_W: Array, shape: WindowShape, input_holes_T: Array, target_holes_T: Array) -> Array:
    """Leave out the windows whose input or targets touch a hole."""
    if not (input_holes_T.any() or target_holes_T.any()):
        return starts_W
    inputs_W = _holes_in(starts_W, shape.timesteps, input_holes_T)
    targets_W = _holes_in(starts_W + shape.offset, shape.output_length, target_holes_T)
    kept: Array = starts_W[(inputs_W == 0) & (targets_W == 0)]
    return kept


def _holes_in(first_W: Array, length: int, holes_T: Array) -> Array:
    running = np.concatenate([[0], np.cumsum(holes_T)])
    counted: Array = running[first_W + length] - running[first_W]
    return counted


def gather(values_TF: Array, first_W: Array, length: int) -> Array:
    """Cut windows out of a series: ``(T, F)`` and W first steps to ``(W, length, F)``."""
    windows: Array = values_TF[first_W[:, None] + np.arange(length)]
    return windows
