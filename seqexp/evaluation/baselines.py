"""Naive forecasts on exactly the windows of a model: what every number has to beat.

The simple methods are those of Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, 5.2,
https://otexts.com/fpp3/simple-methods.html.

Axis letters: T steps, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqexp.evaluation.history import History
from seqexp.evaluation.linear import forecast_linearly
from seqexp.registry import Registry

Array = np.ndarray[Any, np.dtype[Any]]
Baseline = Callable[[History, Array], Array | None]
BASELINES: Registry[Baseline] = Registry("baseline")


def naive_forecasts(history: History, first_W: Array, own: Mapping[str, Baseline] | None = None) -> dict[str, Array]:
    """Return the forecasts of every baseline, shape ``(W, N, K)`` each.

    A baseline that cannot forecast every window is left out: it is never scored on fewer windows than the model. So is
    one that would say what another says in any case.

    Args:
        history: The series; a value after the last step that a forecast may use changes nothing in it.
        first_W: First target step of every window.
        own: A user's own baselines, by name.
    """
    every = {**{name: BASELINES[name] for name in BASELINES}, **(own or {})}
    forecasts = {name: forecast(history, first_W) for name, forecast in every.items()}
    return {name: forecast_WNK for name, forecast_WNK in forecasts.items() if forecast_WNK is not None}


@BASELINES.register("persistence")
def persistence(history: History, first_W: Array) -> Array | None:
    """Repeat the last known value."""
    return history.values_at(history.known_WN(first_W), first_W)


@BASELINES.register("seasonal_naive")
def seasonal_naive(history: History, first_W: Array) -> Array | None:
    """Repeat the last known value of the same season."""
    return _back(history, first_W, history.season)


@BASELINES.register("year_before")
def year_before(history: History, first_W: Array) -> Array | None:
    """Repeat the value of a year before, on the same day of the week or hour of the day."""
    return None if history.year is None else _back(history, first_W, history.year)


@BASELINES.register("period_before")
def period_before(history: History, first_W: Array) -> Array | None:
    """Repeat the N values before the forecast, where N is no season anyway."""
    length = history.output_length
    if length in (1, history.season, history.year) or history.alignment == "next":
        return None
    return _back(history, first_W, length)


@BASELINES.register("drift")
def drift(history: History, first_W: Array) -> Array | None:
    """Go on along the line from the first observed value to the last known one."""
    known_WN, target_WN = history.known_WN(first_W), history.target_WN(first_W)
    last_WNK = history.values_at(known_WN, first_W)
    parts = np.split(~np.isnan(history.filled_TK), history.begins[1:])
    start_PK = np.stack([begin + part.argmax(axis=0) for begin, part in zip(history.begins, parts, strict=True)])
    start_WK = start_PK[np.searchsorted(np.asarray(history.begins), first_W, side="right") - 1]
    if last_WNK is None or (known_WN[..., None] <= start_WK[:, None]).any():
        return None
    first_WK = history.filled_TK[start_WK, np.arange(start_WK.shape[1])]
    slope_WNK = (last_WNK - first_WK[:, None]) / (known_WN[..., None] - start_WK[:, None])
    forecast_WNK: Array = last_WNK + (target_WN - known_WN)[..., None] * slope_WNK
    return forecast_WNK


@BASELINES.register("mean")
def mean(history: History, first_W: Array) -> Array | None:
    """Repeat the mean of everything observed so far."""
    known_WN = history.known_WN(first_W)
    if history.values_at(known_WN, first_W) is None:
        return None
    means_WNK: Array = history.by_series(_running_mean, history.targets_TK)[known_WN]
    return means_WNK


@BASELINES.register("linear")
def linear(history: History, first_W: Array) -> Array | None:
    """Map the steps that the model reads linearly to those that it gives."""
    return forecast_linearly(history, first_W)


def _running_mean(values_TK: Array) -> Array:
    is_known_TK = ~np.isnan(values_TK)
    known_TK = values_TK if is_known_TK.all() else np.where(is_known_TK, values_TK, 0.0)
    means_TK = np.cumsum(known_TK, axis=0, dtype=np.float64)
    with np.errstate(
        invalid="ignore"
    ):  # in place: of a long series, these arrays are what scoring needs most memory for
        means_TK /= np.cumsum(is_known_TK, axis=0, dtype=np.int32)
    return means_TK


def _back(history: History, first_W: Array, lag: int) -> Array | None:
    """Repeat the value of as many whole lags back as are needed for it to be known."""
    target_WN = history.target_WN(first_W)
    lags_WN = -(-(target_WN - history.known_WN(first_W)) // lag)
    return history.values_at(target_WN - lag * lags_WN, first_W)
