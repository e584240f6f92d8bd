"""Scale columns with statistics of the training split, and scale forecasts back.

Axis letters: T steps, F columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from seqexp.errors import DataError
from seqexp.plugins.table import find
from seqexp.spec.parts import Part

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


def fit_scaler(kind: str | Part, values_TF: Array) -> Scaler:
    """Fit a scaler; NaN counts for nothing, and a constant column is only centred.

    ``standard``: mean and standard deviation; ``minmax``: to 0..1; ``robust``: median and interquartile range; a part
    names a user's own.

    Raises:
        DataError: A user's own fails, or gives something else than two numbers.
    """
    # One column after another: the statistics take copies in double precision.
    fit = partial(_center_and_scale, kind) if isinstance(kind, str) else _own(kind)
    pairs = [fit(np.asarray(values_T, np.float64)) for values_T in values_TF.T]
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


def _own(part: Part) -> Callable[[Array], tuple[float, float]]:
    """Return what a user's own scaler does to a column, held against what it must give."""
    own = find("scaler", part.name)
    assert own is not None  # a spec names what is registered

    def fit(values_T: Array) -> tuple[float, float]:
        observed_T = values_T[~np.isnan(values_T)]
        try:
            if isinstance(own.entry, type):
                center, scale = map(float, own.entry(**part.args).fit(observed_T))
            else:
                center, scale = map(float, own.entry(observed_T, **part.args))
        except Exception as error:  # it is a user's code
            message = f"the scaler {own.name} ({own.place}) fails: {type(error).__name__}: {error}"
            raise DataError(message, key="data.scaler", mend="It returns two numbers: center, scale.") from None
        if not (math.isfinite(center) and math.isfinite(scale) and scale >= 0):
            message = f"the scaler {own.name} gives center {center:g} and scale {scale:g}."
            raise DataError(message, key="data.scaler", mend="Both are numbers, and the scale is not below 0.")
        return center, scale

    return fit
