"""Naive forecasts on exactly the windows of a model: what every number has to beat.

Axis letters: T steps, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqexp.registry import Registry
from seqexp.spec.contract import Alignment

Array = np.ndarray[Any, np.dtype[Any]]
Baseline = Callable[[Array, Array, int], Array]
BASELINES: Registry[Baseline] = Registry("baseline")


def last_known_step(first_W: Array, output_length: int, alignment: Alignment) -> Array:
    """Return, for every target, the last step whose value a naive forecast may use, shape ``(W, N)``.

    ``future`` and ``same``: the step before the window's first target. ``next``: the step before each target, which
    is the input step that the output answers.
    """
    ahead_N = np.arange(output_length) if alignment == "next" else np.zeros(output_length, np.int64)
    known_WN: Array = first_W[:, None] - 1 + ahead_N
    return known_WN


@BASELINES.register("persistence")
def persistence(target_WN: Array, known_WN: Array, season: int) -> Array:
    """Repeat the last known value: the step whose value is forecast for each target."""
    return known_WN


@BASELINES.register("seasonal_naive")
def seasonal_naive(target_WN: Array, known_WN: Array, season: int) -> Array:
    """Repeat the last known value of the same season: as many whole seasons back as are needed to be known."""
    back_WN = -(-(target_WN - known_WN) // season)
    source_WN: Array = target_WN - season * back_WN
    return source_WN


def naive_forecasts(
    targets_TK: Array, first_W: Array, output_length: int, alignment: Alignment, season: int
) -> dict[str, Array]:
    """Return the forecasts of every baseline, shape ``(W, N, K)`` each.

    A baseline whose source would lie before the series for any window is left out: it is never scored on fewer
    windows than the model. Where a value is missing, the last one observed before it stands in.
    """
    known_TK = _fill_forward(targets_TK)
    target_WN = first_W[:, None] + np.arange(output_length)
    known_WN = last_known_step(first_W, output_length, alignment)
    forecasts = {}
    for name in BASELINES:
        source_WN = BASELINES[name](target_WN, known_WN, season)
        if source_WN.size and source_WN.min() >= 0 and not np.isnan(known_TK[source_WN]).any():
            forecasts[name] = np.asarray(known_TK[source_WN], np.float64)
    return forecasts


def _fill_forward(values_TK: Array) -> Array:
    if not np.isnan(values_TK).any():
        return values_TK
    step_T1 = np.arange(len(values_TK))[:, None]
    last_TK = np.maximum.accumulate(np.where(np.isnan(values_TK), 0, step_T1), axis=0)
    filled: Array = np.take_along_axis(values_TK, last_TK, axis=0)
    return filled
