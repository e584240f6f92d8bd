"""Baselines for windows that lie in no series: there is no last value to repeat.

Axis letters: W windows, X inputs of a window (T steps times F features), N output steps, K targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqexp.evaluation.linear import solve_ridge

Array = np.ndarray[Any, np.dtype[Any]]
_MOST_INPUTS = 2048  # of a window: the fit takes their third power
_BLOCK = 4096  # windows that are added up at once


class ExampleBaselines:
    """The mean of the training targets, and a ridge regression of all inputs, fitted on the training windows."""

    def __init__(self, inputs_WX: Array, targets_WNK: Array) -> None:
        self._shape = targets_WNK.shape[1:]
        answers_WM = targets_WNK.reshape(len(targets_WNK), -1)
        self._mean_M = answers_WM.mean(axis=0, dtype=np.float64)
        self._center_X = inputs_WX.mean(axis=0, dtype=np.float64)
        self._map_XM = self._fit(inputs_WX, answers_WM)

    def forecast(self, inputs_WX: Array) -> dict[str, Array]:
        """Return the forecasts of each, shape ``(W, N, K)``."""
        means_WM = np.broadcast_to(self._mean_M, (len(inputs_WX), len(self._mean_M)))
        found = {"mean": means_WM.reshape(-1, *self._shape)}
        if self._map_XM is not None:
            mapped_WM = (inputs_WX - self._center_X) @ self._map_XM + self._mean_M
            found["linear"] = mapped_WM.reshape(-1, *self._shape)
        return found

    def _fit(self, inputs_WX: Array, answers_WM: Array) -> Array | None:
        if inputs_WX.shape[1] > _MOST_INPUTS or len(inputs_WX) < 2:
            return None
        square_XX = np.zeros((inputs_WX.shape[1],) * 2)
        cross_XM = np.zeros((inputs_WX.shape[1], answers_WM.shape[1]))
        energy_M = np.zeros(answers_WM.shape[1])
        for first in range(0, len(inputs_WX), _BLOCK):
            past_WX = inputs_WX[first : first + _BLOCK] - self._center_X
            rest_WM = answers_WM[first : first + _BLOCK] - self._mean_M
            square_XX += past_WX.T @ past_WX
            cross_XM += past_WX.T @ rest_WM
            energy_M += (rest_WM**2).sum(axis=0)
        return solve_ridge(square_XX, cross_XM, energy_M, float(len(inputs_WX)))
