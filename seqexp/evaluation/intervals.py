"""Intervals around forecasts: how wide they must be, and how often the truth lies inside.

Axis letters: W windows, N output steps, K targets, Q quantile levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Intervals:
    """Between which values the truth is expected.

    Attributes:
        level: The share of true values that should lie inside.
        lower_WNK: In source units.
        upper_WNK: In source units.
        quantiles_WNKQ: Of a head that gives them, else None.
        levels: Theirs.
    """

    level: float
    lower_WNK: Array
    upper_WNK: Array
    quantiles_WNKQ: Array | None = None
    levels: tuple[float, ...] = ()


def conformal_radius(true_WNK: Array, forecast_WNK: Array, level: float) -> Array:
    """Return how far from a forecast a share ``level`` of the truth lies, ``(N, K)``: split conformal prediction.

    Of n errors on windows that nothing was fitted on or chosen by, the ``ceil((n + 1) level)``-th smallest: the truth
    lies inside with at least that chance, if the windows to come are like those. Lei, G'Sell, Rinaldo, Tibshirani and
    Wasserman, 2018, https://doi.org/10.1080/01621459.2017.1307116. NaN where too few were observed.
    """
    errors_WNK = np.sort(np.abs(forecast_WNK - true_WNK), axis=0)  # NaN comes last
    count_NK = (~np.isnan(errors_WNK)).sum(axis=0)
    rank_NK = np.ceil((count_NK + 1) * level - 1e-9).astype(int)
    radius_NK = np.take_along_axis(errors_WNK, np.clip(rank_NK - 1, 0, len(errors_WNK) - 1)[None], axis=0)[0]
    found_NK: Array = np.where(rank_NK <= count_NK, radius_NK, np.nan)
    return found_NK


def around(forecast_WNK: Array, radius_NK: Array, level: float) -> Intervals:
    """Return intervals of the same width at every origin."""
    return Intervals(level, forecast_WNK - radius_NK, forecast_WNK + radius_NK)


def between(quantiles_WNKQ: Array, levels: Sequence[float]) -> Intervals:
    """Return the intervals from the lowest to the highest of several quantiles."""
    ends = quantiles_WNKQ[..., 0], quantiles_WNKQ[..., -1]
    return Intervals(levels[-1] - levels[0], *ends, quantiles_WNKQ, tuple(levels))


def score_intervals(true_WNK: Array, intervals: Intervals) -> dict[str, float]:
    """Return ``coverage``, ``interval_width`` and, of quantiles, ``pinball``: the mean quantile loss over levels.

    Coverage is the share of true values inside, ends included, to be held against the level; the width is in source
    units. The quantile loss: Koenker and Bassett, 1978, https://doi.org/10.2307/1913643.
    """
    known_WNK = ~np.isnan(true_WNK)
    if not known_WNK.any():
        return {}
    inside_WNK = (true_WNK >= intervals.lower_WNK) & (true_WNK <= intervals.upper_WNK)
    scores = {
        "coverage": float(inside_WNK[known_WNK].mean()),
        "interval_width": float((intervals.upper_WNK - intervals.lower_WNK)[known_WNK].mean()),
    }
    if intervals.quantiles_WNKQ is not None:
        error_WNKQ = true_WNK[..., None] - intervals.quantiles_WNKQ
        levels_Q = np.asarray(intervals.levels)
        scores["pinball"] = float(np.maximum(levels_Q * error_WNKQ, (levels_Q - 1) * error_WNKQ)[known_WNK].mean())
    return {name: value for name, value in scores.items() if np.isfinite(value)}


def score_interval_steps(true_WNK: Array, intervals: Intervals) -> dict[str, list[float]]:
    """Return the same for each step of the horizon: metric -> N values, NaN where one is not defined."""
    steps = []
    for n in range(true_WNK.shape[1]):
        step = slice(n, n + 1)
        quantiles = intervals.quantiles_WNKQ
        cut = None if quantiles is None else quantiles[:, step]
        own = Intervals(
            intervals.level, intervals.lower_WNK[:, step], intervals.upper_WNK[:, step], cut, intervals.levels
        )
        steps.append(score_intervals(true_WNK[:, step], own))
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: [step.get(name, float("nan")) for step in steps] for name in names}
