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
        scaled: Array = (values_TF - self.center_F) / self.scale_F
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
    if kind == "standard":
        center_F, scale_F = np.nanmean(values_TF, axis=0), np.nanstd(values_TF, axis=0)
    elif kind == "minmax":
        center_F = np.nanmin(values_TF, axis=0)
        scale_F = np.nanmax(values_TF, axis=0) - center_F
    elif kind == "robust":
        low_F, center_F, high_F = np.nanpercentile(values_TF, [25, 50, 75], axis=0)
        scale_F = high_F - low_F
    else:
        center_F, scale_F = np.zeros(values_TF.shape[1]), np.ones(values_TF.shape[1])
    # Rounding leaves a spread of some 1e-16 of the value in a constant column: that is no scale.
    constant_F = scale_F <= 1e-12 * np.maximum(np.abs(center_F), 1e-300)
    return Scaler(center_F, np.where(constant_F, 1.0, scale_F))
