"""What is done to the target columns before they are scaled, and undone before a forecast is scored.

Axis letters: T steps, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqexp.errors import DataError
from seqexp.spec.contract import Alignment

Array = np.ndarray[Any, np.dtype[Any]]
LOG = 0  # stands for a logarithm among the lags


@dataclass(frozen=True)
class Transform:
    """Steps of a transform in their order: :data:`LOG`, or the lag of a difference."""

    steps: tuple[int, ...] = ()

    @property
    def lags(self) -> int:
        """How many steps of the past a transformed value reaches back."""
        return sum(self.steps)

    def apply(self, values_TK: Array) -> Array:
        """Return transformed values, float64, NaN where a difference reaches before the first step.

        The last two axes are steps and targets; there may be others before them.
        """
        return self._levels(values_TK)[-1]

    def invert(self, forecast_WNK: Array, first_W: Array, values_TK: Array, alignment: Alignment) -> Array:
        """Return forecasts in source units.

        Differences are summed up from the values before the first target on; with alignment ``next`` from the values
        that are known at each output's own input step.

        Args:
            forecast_WNK: Transformed.
            first_W: First target step of every window.
            values_TK: The series in source units, as :meth:`apply` was given it; nothing from a target step on is read
                but, with alignment ``next``, the values between the targets.
            alignment: Where the targets lie.
        """
        levels = self._levels(values_TK) if self.steps else []  # without steps a large series is not copied
        for position in reversed(range(len(self.steps))):
            lag = self.steps[position]
            if lag == LOG:
                forecast_WNK = np.exp(forecast_WNK)
            else:
                forecast_WNK = _sum_up(forecast_WNK, first_W, levels[position], lag, alignment)
        return forecast_WNK

    def _levels(self, values_TK: Array) -> list[Array]:
        levels = [np.asarray(values_TK, np.float64)]
        for lag in self.steps:
            before_TK = levels[-1]
            if lag == LOG:
                with np.errstate(invalid="ignore", divide="ignore"):
                    levels.append(np.log(before_TK))
            else:
                after_TK = np.full_like(before_TK, np.nan)
                after_TK[..., lag:, :] = before_TK[..., lag:, :] - before_TK[..., :-lag, :]
                levels.append(after_TK)
        return levels


def _sum_up(forecast_WNK: Array, first_W: Array, before_TK: Array, lag: int, alignment: Alignment) -> Array:
    summed_WNK = np.array(forecast_WNK, np.float64)
    for n in range(summed_WNK.shape[1]):
        reads_forecast = n >= lag and alignment == "future"
        summed_WNK[:, n] += summed_WNK[:, n - lag] if reads_forecast else before_TK[first_W + n - lag]
    return summed_WNK


def make_transform(words: Sequence[str], season: int) -> Transform:
    """Return the transform that ``data.transform`` describes.

    Raises:
        DataError: A seasonal difference without a season.
    """
    if "seasonal_difference" in words and season < 2:
        message = "a seasonal difference needs a season of more than one step."
        raise DataError(message, key="data.transform", mend="Set data.season, or leave seasonal_difference out.")
    lags = {"log": LOG, "difference": 1, "seasonal_difference": season}
    return Transform(tuple(lags[word] for word in words))


def check_positive(values_TK: Array, names: Sequence[str]) -> None:
    """Refuse values that have no logarithm.

    Raises:
        DataError: Naming the column and the step.
    """
    wrong_TK = values_TK <= 0
    if wrong_TK.any():
        step, k = (int(place) for place in np.argwhere(wrong_TK)[0])
        message = f"a logarithm needs values above 0, and {names[k]!r} is {values_TK[step, k]:g} in step {step}."
        raise DataError(
            message, key="data.transform", mend="Leave log out, or add to the column what lifts it above 0."
        )
