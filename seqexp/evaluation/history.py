"""What a baseline may know of a series: its values up to an origin, and its seasons.

Axis letters: T steps, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seqexp.spec.contract import Alignment

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class History:
    """A series, and how forecasts of it are issued.

    Attributes:
        targets_TK: Values in source units, NaN where none was observed.
        timesteps: How many steps a model reads.
        output_length: N.
        alignment: Where the targets of a window lie.
        season: Steps in a season.
        year: Steps in a year, in whole seasons; None where a season is a year, or the steps have no time.
        train_W: First target step of every training window: what a baseline may be fitted on.
        begins: First step of each series, where there are several end to end.
        lead: Steps between the last known one and a window's first target, with alignment ``future``.
    """

    targets_TK: Array
    timesteps: int
    output_length: int
    alignment: Alignment
    season: int
    year: int | None
    train_W: Array
    lead: int = 0
    begins: tuple[int, ...] = (0,)

    def target_WN(self, first_W: Array) -> Array:
        """Return the steps that the windows with these first target steps forecast."""
        target_WN: Array = first_W[:, None] + np.arange(self.output_length)
        return target_WN

    def known_WN(self, first_W: Array) -> Array:
        """Return, for every target, the last step whose value a forecast may use, shape ``(W, N)``.

        ``future`` and ``same``: the step before the window's first target and the lead. ``next``: the step before each
        target, which is the input step that the output answers.
        """
        ahead_N = np.arange(self.output_length) if self.alignment == "next" else np.zeros(self.output_length, np.int64)
        known_WN: Array = first_W[:, None] - 1 - self.lead + ahead_N
        return known_WN

    @cached_property
    def filled_TK(self) -> Array:
        """The values, with the last one observed in the place of each that is missing; NaN where there is none."""
        values_TK = np.asarray(self.targets_TK, np.float64)
        if not np.isnan(values_TK).any():
            return values_TK
        return self.by_series(_filled, values_TK)

    def by_series(self, work: Callable[[Array], Array], values_TK: Array) -> Array:
        """Return what some work makes of each series, end to end again."""
        if len(self.begins) == 1:  # without a copy
            return work(values_TK)
        return np.concatenate([work(part_TK) for part_TK in np.split(values_TK, self.begins[1:])])

    def begin_of(self, step: Array) -> Array:
        """Return the first step of the series that each step lies in, shape as given."""
        begins = np.asarray(self.begins)
        found: Array = begins[np.searchsorted(begins, step, side="right") - 1]
        return found

    def values_at(self, source_WN: Array, first_W: Array) -> Array | None:
        """Return the values at steps, ``(W, N, K)``; None where one lies before the first that was observed.

        ``first_W``: the first target step of each window, which says in what series it lies.
        """
        if not source_WN.size or (source_WN < self.begin_of(first_W)[:, None]).any():
            return None
        values_WNK: Array = self.filled_TK[source_WN]
        return None if np.isnan(values_WNK).any() else values_WNK


def _filled(values_TK: Array) -> Array:
    step_T1 = np.arange(len(values_TK))[:, None]
    last_TK = np.maximum.accumulate(np.where(np.isnan(values_TK), 0, step_T1), axis=0)
    filled_TK: Array = np.take_along_axis(values_TK, last_TK, axis=0)
    return filled_TK
