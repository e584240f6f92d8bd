"""Errors of forecasts in source units, over all steps and for each step of the horizon.

Axis letters: W windows, N output steps, K targets.

True values may be NaN where nothing was observed: such values count for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
METRICS = ("mae", "rmse", "mse", "smape", "mase", "r2")


def seasonal_scale(targets_TK: Array, season: int) -> Array:
    """Return the scale of MASE: the mean absolute seasonal difference of the training split, shape ``(K,)``.

    Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006,
    https://doi.org/10.1016/j.ijforecast.2006.03.001. With fewer steps than a season, differences of one step count.
    """
    lag = season if len(targets_TK) > season else 1
    differences_TK = np.subtract(targets_TK[lag:], targets_TK[:-lag], dtype=np.float64)
    np.abs(differences_TK, out=differences_TK)
    scale_K: Array = np.nanmean(differences_TK, axis=0)
    return scale_K


def score(true_WNK: Array, forecast_WNK: Array, scale_K: Array) -> dict[str, float]:
    """Return every metric over all windows, steps and targets.

    sMAPE is in percent, 0 to 200, as in the M4 competition; R2 is the mean over targets. A metric that is not defined
    (R2 of a constant, MASE of a series that never changes) is left out.

    >>> y = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> {name: round(value, 3) for name, value in score(y, y + 1, np.array([2.0])).items()}
    {'mae': 1.0, 'rmse': 1.0, 'mse': 1.0, 'smape': 39.365, 'mase': 0.5, 'r2': 0.2}
    """
    error_WNK = forecast_WNK - true_WNK
    absolute_WNK = np.abs(error_WNK)
    mse = _mean(error_WNK**2)
    size_WNK = np.abs(true_WNK) + np.abs(forecast_WNK)
    share_WNK = np.divide(2 * absolute_WNK, size_WNK, out=np.zeros_like(size_WNK), where=size_WNK != 0)
    share_WNK[np.isnan(true_WNK)] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = {
            "mae": _mean(absolute_WNK),
            "rmse": float(np.sqrt(mse)),
            "mse": mse,
            "smape": 100 * _mean(share_WNK),
            "mase": _mean(absolute_WNK / scale_K),
            "r2": _r2(true_WNK, error_WNK),
        }
    return {name: value for name, value in scores.items() if np.isfinite(value)}


def score_steps(true_WNK: Array, forecast_WNK: Array, scale_K: Array) -> dict[str, list[float]]:
    """Return every metric for each step of the horizon: metric -> N values, NaN where one is not defined."""
    steps = [score(true_WNK[:, n : n + 1], forecast_WNK[:, n : n + 1], scale_K) for n in range(true_WNK.shape[1])]
    return {name: [step.get(name, float("nan")) for step in steps] for name in METRICS}


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _r2(true_WNK: Array, error_WNK: Array) -> float:
    true = true_WNK.reshape(-1, true_WNK.shape[-1])
    error = error_WNK.reshape(-1, true_WNK.shape[-1])
    known = ~np.isnan(true)
    if not known.any(axis=0).all():
        return float("nan")
    spread_K = np.nansum((true - np.nanmean(true, axis=0)) ** 2, axis=0)
    return float(np.mean(1 - np.nansum(error**2, axis=0) / spread_K))
