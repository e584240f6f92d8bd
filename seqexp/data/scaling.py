"""Scale columns with statistics of the training split, and scale forecasts back.

Axis letters: T steps, F columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Scaler:
    """``scaled = (value - center) / scale``, for each column by itself."""

    center_F: Array
    scale_F: Array

    def transform(self, values_TF: Array) -> Array:
        """Return scaled values, shape as given."""
        scaled: Array = (np.asarray(values_TF, np.float64) - self.center_F) / self.scale_F
        return scaled

    def inverse(self, scaled_TF: Array) -> Array:
        """Return values in source units, shape as given."""
        values: Array = scaled_TF * self.scale_F + self.center_F
        return values

    def as_values(self) -> dict[str, list[float]]:
        """Return the statistics as plain values, for a record."""
        return {"center": self.center_F.tolist(), "scale": self.scale_F.tolist()}


def fit_scaler(kind: Literal["standard", "minmax", "robust", "none"], values_TF: Array) -> Scaler:
    """Fit a scaler; NaN counts for nothing, and a constant column is only centred.

    ``standard``: mean and standard deviation; ``minmax``: to 0..1; ``robust``: median and interquartile range.
    """
    # One column after another: the statistics take copies in double precision.
    pairs = [_center_and_scale(kind, np.asarray(values_T, np.float64)) for values_T in values_TF.T]
    center_F, scale_F = np.array(pairs).T
    # Rounding leaves a spread of some 1e-16 of the value in a constant column: that is no scale.
    constant_F = scale_F <= 1e-12 * np.maximum(np.abs(center_F), 1e-300)
    return Scaler(center_F, np.where(constant_F, 1.0, scale_F))


def _center_and_scale(kind: str, values_T: Array) -> tuple[float, float]:
    if kind == "standard":
        return float(np.nanmean(values_T)), float(np.nanstd(values_T))
    if kind == "minmax":
        low, high = float(np.nanmin(values_T)), float(np.nanmax(values_T))
        return low, high - low
    if kind == "robust":
        low, center, high = np.nanpercentile(values_T, [25, 50, 75])
        return float(center), float(high - low)
    return 0.0, 1.0
