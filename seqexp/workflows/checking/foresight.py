"""Find columns that know the targets to come, whoever put that into them: a shifted column, a centred mean.

What a source or a table did before it was read cannot be done again with another future. But it shows: with the past of
such a column the next target is no forecast any more, it is told to the last digit.

Axis letters: T steps, K targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqexp.data.dataset import Dataset

Array = np.ndarray[Any, np.dtype[Any]]
_LAGS = 24  # steps of the past: a centred mean over more than twice of them goes unseen
_MOST = 4000  # steps that are looked at
_TOLD = 1e-4  # of the variance of the next target may be left: no measured series tells another so well
_NOT_TOLD = 1e-2  # and so much has to be left without the column, or the target tells itself


def knowing_columns(dataset: Dataset) -> dict[str, str]:
    """Return the columns that tell the next value of a target, each with that target; known ahead is none of them.

    A linear regression of the next value on the last steps of the target leaves some of it, and one on those and on the
    last steps of the column nothing. Training steps alone are looked at.
    """
    start, stop = max(dataset.stretches("train"), key=lambda stretch: stretch[1] - stretch[0])
    rows = slice(start, min(stop, start + _MOST))
    names, targets = dataset.series.feature_names, dataset.series.target_names
    found: dict[str, str] = {}
    for k, target in enumerate(targets):
        target_T = dataset.targets_TK[rows, k].astype(np.float64)
        for position, name in enumerate(names):
            if name in targets or position in dataset.ahead:
                continue
            if _is_told(target_T, dataset.inputs_TF[rows, position].astype(np.float64)):
                found.setdefault(name, target)
    return found


def _is_told(target_T: Array, column_T: Array) -> bool:
    """Whether the past of a column makes the next value of a target certain."""
    lags = min(_LAGS, len(target_T) // 8)
    if lags < 1:
        return False
    past, more = (_lagged(values_T, lags) for values_T in (target_T, column_T))
    next_T = target_T[lags:]
    seen = np.isfinite(np.column_stack([past, more, next_T])).all(axis=1)
    if seen.sum() < 4 * lags or not np.ptp(next_T[seen]):
        return False
    without = _left(past[seen], next_T[seen])
    return without > _NOT_TOLD and _left(np.column_stack([past, more])[seen], next_T[seen]) < _TOLD


def _lagged(values_T: Array, lags: int) -> Array:
    """Return of each step but the first the steps before it, ``(T - lags, lags)``."""
    return np.lib.stride_tricks.sliding_window_view(values_T, lags)[:-1]


def _left(known: Array, wanted_T: Array) -> float:
    """Return the share of the variance that a linear regression leaves."""
    columns = np.column_stack([known, np.ones(len(known))])
    weights, *_ = np.linalg.lstsq(columns, wanted_T, rcond=None)
    return float(np.var(wanted_T - columns @ weights) / np.var(wanted_T))
