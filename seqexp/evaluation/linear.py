"""A regularised linear map of the window, fitted on the training windows: a yardstick that many networks do not reach.

It is NLinear of Zeng et al., "Are Transformers Effective for Time Series Forecasting?", 2023,
https://arxiv.org/abs/2205.13504: the window minus its last value, one linear layer, the last value added again; one map
for all targets. Instead of by gradient descent it is fitted by ridge regression, the strength of which is chosen by
generalised cross-validation on the training windows (Golub, Heath and Wahba, 1979,
https://doi.org/10.1080/00401706.1979.10489751).

Axis letters: T steps, L steps that are read, K targets, W windows, N output steps.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from seqexp.evaluation.history import History

Array = np.ndarray[Any, np.dtype[Any]]
_STRENGTHS = tuple(10.0**power for power in range(-4, 5))  # of the ridge, as a share of the mean squared input
_BLOCK = 4096  # windows that are looked at at once
_LONGEST = 1024  # steps: the fit takes the third power of them


def forecast_linearly(history: History, first_W: Array) -> Array | None:
    """Fit on the training windows, and forecast others: ``(W, N, K)`` in source units.

    None where there is nothing to fit on, a window reaches before the series, or the model reads more than 1,024 steps.
    An alignment ``next`` is one map to the next step, of the steps that every output of a window has read.
    """
    length = history.timesteps - (history.output_length - 1 if history.alignment == "next" else 0)
    ahead = 1 if history.alignment == "next" else history.output_length
    origins_WM = np.unique(history.known_WN(history.train_W)) if ahead == 1 else history.train_W - 1 - history.lead
    is_next = ahead == 1 and history.alignment == "next"
    wanted = history.known_WN(first_W) if is_next else first_W[:, None] - 1 - history.lead
    if history.alignment == "same" or length > _LONGEST or not first_W.size:
        return None
    if (wanted + 1 - history.begin_of(first_W)[:, None] < length).any():
        return None
    origins_W = origins_WM[origins_WM + 1 - history.begin_of(origins_WM) >= length]
    ahead_N = 1 + history.lead + np.arange(ahead)
    with _one_thread():
        weights = _fit(history, origins_W, length, ahead_N)
        if weights is None:
            return None
        forecasts = [_apply(history.filled_TK, origin_W, length, *weights) for origin_W in wanted.T]
    forecast_WNK = np.concatenate(forecasts, axis=1)
    return None if np.isnan(forecast_WNK).any() else forecast_WNK


def _one_thread() -> Any:
    """Return a context in which BLAS and LAPACK use one thread: with more, the last bits depend on how many."""
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def _fit(history: History, origins_W: Array, length: int, ahead_N: Array) -> tuple[Array, Array] | None:
    """Return the map, ``(L, N)``, and what it adds to every step, ``(N,)`` for each target: ``(K, N)``.

    ``ahead_N``: how far each target lies after its origin.
    """
    ahead, filled_TK, targets_TK = len(ahead_N), history.filled_TK, history.targets_TK
    scale_K = _spread(history, origins_W, int(ahead_N.max())) if len(origins_W) else np.zeros(1)
    if not (scale_K > 0).all():
        return None
    # Sums over all windows and targets, block by block: the windows themselves may not fit into memory.
    square_LL, cross_LN = np.zeros((length, length)), np.zeros((length, ahead))
    sum_KL, sum_KN = np.zeros((len(scale_K), length)), np.zeros((len(scale_K), ahead))
    count_K, energy_N = np.zeros(len(scale_K)), np.zeros(ahead)
    for first in range(0, len(origins_W), _BLOCK):
        origin_W = origins_W[first : first + _BLOCK]
        last_WK = filled_TK[origin_W]
        past_WLK = (filled_TK[origin_W[:, None] - length + 1 + np.arange(length)] - last_WK[:, None]) / scale_K
        future_WNK = (targets_TK[origin_W[:, None] + ahead_N] - last_WK[:, None]) / scale_K
        for k in range(len(scale_K)):
            whole_W = ~(np.isnan(past_WLK[..., k]).any(axis=1) | np.isnan(future_WNK[..., k]).any(axis=1))
            past_WL, future_WN = past_WLK[whole_W, :, k], future_WNK[whole_W, :, k]
            square_LL += past_WL.T @ past_WL
            cross_LN += past_WL.T @ future_WN
            sum_KL[k] += past_WL.sum(axis=0)
            sum_KN[k] += future_WN.sum(axis=0)
            count_K[k] += len(past_WL)
            energy_N += (future_WN**2).sum(axis=0)
    if (count_K < 2).any():
        return None
    # Centring by target gives each an intercept of its own.
    square_LL -= np.einsum("kl,km,k->lm", sum_KL, sum_KL, 1 / count_K)
    cross_LN -= np.einsum("kl,kn,k->ln", sum_KL, sum_KN, 1 / count_K)
    energy_N -= np.einsum("kn,kn,k->n", sum_KN, sum_KN, 1 / count_K)
    map_LN = solve_ridge(square_LL, cross_LN, energy_N, count_K.sum())
    added_KN = (sum_KN - sum_KL @ map_LN) / count_K[:, None] * scale_K[:, None]
    return map_LN, added_KN


def _spread(history: History, origins_W: Array, ahead: int) -> Array:
    """Return the standard deviation of each target over what the training windows span."""
    begins_W = history.begin_of(origins_W)
    spans = [slice(begin, origins_W[begins_W == begin].max() + 1 + ahead) for begin in np.unique(begins_W)]
    if len(spans) == 1:  # a slice copies nothing
        one_K: Array = np.nanstd(history.targets_TK[spans[0]], axis=0)
        return one_K
    all_K: Array = np.nanstd(np.concatenate([history.targets_TK[span] for span in spans]), axis=0)
    return all_K


def solve_ridge(square_LL: Array, cross_LN: Array, energy_N: Array, count: float) -> Array:
    """Return the map with the strength that generalised cross-validation prefers."""
    eigen_L, vectors_LL = np.linalg.eigh(square_LL)
    eigen_L = np.maximum(eigen_L, 0.0)
    rotated_LN = vectors_LL.T @ cross_LN
    unit = max(float(eigen_L.mean()), 1e-12)
    best: tuple[float, Array] | None = None
    for strength in _STRENGTHS:
        shrunk_LN = rotated_LN / (eigen_L + strength * unit)[:, None]
        error = float((energy_N - 2 * (shrunk_LN * rotated_LN).sum(0) + (shrunk_LN**2 * eigen_L[:, None]).sum(0)).sum())
        freedom = float((eigen_L / (eigen_L + strength * unit)).sum())
        if freedom < count and (best is None or error / (count - freedom) ** 2 < best[0]):
            best = error / (count - freedom) ** 2, shrunk_LN
    assert best is not None  # the strongest ridge leaves next to no freedom
    map_LN: Array = vectors_LL @ best[1]
    return map_LN


def _apply(filled_TK: Array, origin_W: Array, length: int, map_LN: Array, added_KN: Array) -> Array:
    forecasts = []
    for first in range(0, len(origin_W), _BLOCK):
        block_W = origin_W[first : first + _BLOCK]
        last_WK = filled_TK[block_W]
        past_WLK = filled_TK[block_W[:, None] - length + 1 + np.arange(length)] - last_WK[:, None]
        forecasts.append(np.einsum("wlk,ln->wnk", past_WLK, map_LN, optimize=True) + added_KN.T + last_WK[:, None])
    return np.concatenate(forecasts)
