"""Whether a difference between forecasts is larger than chance.

Axis letters: W forecast origins, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def diebold_mariano(loss_W: Array, other_W: Array, horizon: int) -> float:
    """Return the chance of a mean difference of losses at least as large, if there were none in truth (two-sided).

    Diebold and Mariano, "Comparing predictive accuracy", 1995, https://doi.org/10.1080/07350015.1995.10524599, with the
    correction for small samples of Harvey, Leybourne and Newbold, 1997,
    https://doi.org/10.1016/S0169-2070(96)00719-4. Errors of overlapping windows resemble each other: the variance
    counts ``horizon - 1`` neighbours, with Bartlett's weights, so that it is never negative.

    Args:
        loss_W: The loss of one forecast at each origin, in order of time.
        other_W: That of the other at the same origins.
        horizon: How many neighbouring origins forecast a common step, counting the origin itself.

    Returns:
        The p-value; 1 where the losses are the same, NaN with fewer than 3 origins.
    """
    from scipy.stats import t

    difference_W = np.asarray(loss_W, np.float64) - other_W
    count, lags = len(difference_W), min(horizon, len(difference_W) - 1)
    if count < 3:
        return float("nan")
    mean = difference_W.mean()
    centred_W = difference_W - mean
    variance = centred_W @ centred_W / count
    for lag in range(1, lags):
        variance += 2 * (1 - lag / lags) * (centred_W[lag:] @ centred_W[:-lag]) / count
    if variance <= 0:
        return 1.0 if mean == 0 else 0.0
    small = max((count + 1 - 2 * lags + lags * (lags - 1) / count) / count, 0.0)
    statistic = mean / np.sqrt(variance / count) * np.sqrt(small)
    return float(2 * t.sf(abs(statistic), count - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for there being several of them (Holm, "A simple sequentially rejective test", 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, position in enumerate(sorted(range(len(p_values)), key=lambda position: p_values[position])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[position]))
        adjusted[position] = highest
    return adjusted


def interval_of_mean(values_S: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's 95% interval of the mean of paired differences; None for a single one."""
    if len(values_S) < 2:
        return None
    from scipy.stats import t

    mean, error = float(np.mean(values_S)), float(np.std(values_S, ddof=1) / np.sqrt(len(values_S)))
    reach = float(t.ppf(0.975, len(values_S) - 1)) * error
    return mean - reach, mean + reach
