"""Errors of forecasts in source units, over all steps and for each step of the horizon.

Axis letters: W windows, N output steps, K targets.

True values may be NaN where nothing was observed: such values count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
METRICS = ("mae", "rmse", "mse", "mape", "smape", "wape", "mase", "rmsse", "r2")


@dataclass(frozen=True)
class Scale:
    """How much a series changes from season to season: what MASE and RMSSE divide by.

    Of several series each window has the scale of its own: ``(W, 1, K)`` in the place of ``(K,)``.

    Attributes:
        absolute_K: The mean absolute seasonal difference of each target.
        squared_K: The mean squared one.
    """

    absolute_K: Array
    squared_K: Array


def seasonal_scale(targets_TK: Array, season: int) -> Scale:
    """Return the scale that the training split gives.

    Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006,
    https://doi.org/10.1016/j.ijforecast.2006.03.001. With fewer steps than a season, differences of one step count.
    """
    lag = season if len(targets_TK) > season else 1
    differences_TK = np.subtract(targets_TK[lag:], targets_TK[:-lag], dtype=np.float64)
    np.abs(differences_TK, out=differences_TK)
    absolute_K = np.nanmean(differences_TK, axis=0)
    np.square(differences_TK, out=differences_TK)
    return Scale(absolute_K, np.nanmean(differences_TK, axis=0))


def score(true_WNK: Array, forecast_WNK: Array, scale: Scale) -> dict[str, float]:
    """Return every metric over all windows, steps and targets.

    MAPE, sMAPE (0 to 200, as in the M4 competition) and WAPE (the sum of the errors by that of the values) are in
    percent; RMSSE and R2 are the means over targets. A metric that is not defined (R2 of a constant, MAPE where a value
    is 0, MASE of a series that never changes) is left out. RMSSE: Makridakis, Spiliotis and Assimakopoulos, "M5
    accuracy competition", 2022, https://doi.org/10.1016/j.ijforecast.2021.11.013, with seasonal differences.

    >>> y = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> found = score(y, y + 1, Scale(np.array([2.0]), np.array([16.0])))
    >>> {name: round(value, 3) for name, value in found.items() if name in ("mae", "wape", "mase", "rmsse", "r2")}
    {'mae': 1.0, 'wape': 40.0, 'mase': 0.5, 'rmsse': 0.25, 'r2': 0.2}
    """
    error_WNK = forecast_WNK - true_WNK
    absolute_WNK = np.abs(error_WNK)
    mse = _mean(error_WNK**2)
    true_size_WNK = np.abs(true_WNK)
    size_WNK = true_size_WNK + np.abs(forecast_WNK)
    share_WNK = np.divide(2 * absolute_WNK, size_WNK, out=np.zeros_like(size_WNK), where=size_WNK != 0)
    share_WNK[np.isnan(true_WNK)] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = {
            "mae": _mean(absolute_WNK),
            "rmse": float(np.sqrt(mse)),
            "mse": mse,
            "mape": float("nan") if (true_WNK == 0).any() else 100 * _mean(absolute_WNK / true_size_WNK),
            "smape": 100 * _mean(share_WNK),
            "wape": float(100 * np.divide(_mean(absolute_WNK), _mean(true_size_WNK))),
            "mase": _mean(absolute_WNK / scale.absolute_K),
            "rmsse": float(np.sqrt(_mean_by_target(error_WNK**2 / scale.squared_K)).mean()),
            "r2": _r2(true_WNK, error_WNK),
        }
    return {name: value for name, value in scores.items() if np.isfinite(value)}


def score_steps(
    true_WNK: Array, forecast_WNK: Array, scale: Scale, names: Sequence[str] = METRICS
) -> dict[str, list[float]]:
    """Return metrics for each step of the horizon: metric -> N values, NaN where one is not defined."""
    steps = [score(true_WNK[:, n : n + 1], forecast_WNK[:, n : n + 1], scale) for n in range(true_WNK.shape[1])]
    return {name: [step.get(name, float("nan")) for step in steps] for name in names}


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _mean_by_target(values_WNK: Array) -> Array:
    values = values_WNK.reshape(-1, values_WNK.shape[-1])
    count_K = (~np.isnan(values)).sum(axis=0)
    means_K: Array = np.nansum(values, axis=0) / count_K
    return means_K


def _r2(true_WNK: Array, error_WNK: Array) -> float:
    true = true_WNK.reshape(-1, true_WNK.shape[-1])
    error = error_WNK.reshape(-1, true_WNK.shape[-1])
    known = ~np.isnan(true)
    if not known.any(axis=0).all():
        return float("nan")
    spread_K = np.nansum((true - np.nanmean(true, axis=0)) ** 2, axis=0)
    return float(np.mean(1 - np.nansum(error**2, axis=0) / spread_K))
