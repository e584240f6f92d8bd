"""Issue the forecasts of a split with a trained model: in source units, with intervals where the experiment has any.

Axis letters: W windows, N output steps, K targets, P outputs of a target, Q quantile levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqexp.data.dataset import Dataset
from seqexp.errors import RunFailed
from seqexp.evaluation.heads import Head
from seqexp.evaluation.intervals import Intervals, around, between, conformal_radius
from seqexp.spec.experiment import ExperimentSpec

Array = np.ndarray[Any, np.dtype[Any]]
Forecast = Callable[[str, Array], Array]


@dataclass(frozen=True)
class Issued:
    """The forecasts of one split.

    Attributes:
        first_W: First target step of every window.
        true_WNK: In source units, NaN where nothing was observed.
        forecast_WNK: In source units.
        intervals: None where the experiment has none.
    """

    first_W: Array
    true_WNK: Array
    forecast_WNK: Array
    intervals: Intervals | None


class Issuer:
    """Issues forecasts; intervals around points are calibrated first.

    Attributes:
        radius_NK: How far they reach from a point forecast; None without.
    """

    def __init__(self, spec: ExperimentSpec, dataset: Dataset, forecast: Forecast) -> None:
        """Take what gives scaled outputs, in the model's output shape, for a split and the first steps of its windows.

        Raises:
            RunFailed: The forecasts are not all numbers.
        """
        self._spec, self._dataset, self._forecast = spec, dataset, forecast
        self._head = Head(spec.topology.head, spec.topology.quantiles)
        self.radius_NK: Array | None = None
        if (conformal := spec.evaluation.conformal) is not None:
            calibration = self.issue("calibration")
            self.radius_NK = conformal_radius(calibration.true_WNK, calibration.forecast_WNK, conformal.level)

    def issue(self, split: str) -> Issued:
        """Return the forecasts of every window of a split.

        Raises:
            RunFailed: They are not all numbers.
        """
        spec, dataset = self._spec, self._dataset
        starts_W, first_W = dataset.starts[split], dataset.target_starts(split)
        shape = (len(starts_W), spec.output_length, spec.data.n_targets, spec.topology.outputs_per_target)
        given_WNKP = self._forecast(split, starts_W).reshape(shape)
        if not np.isfinite(given_WNKP).all():
            raise RunFailed("diverged", f"the forecasts of the {split} split are not all numbers.")
        forecast_WNK = self._in_source_units(self._head.point(given_WNKP), first_W)
        intervals = None
        if self._head.kind != "point":
            scaled_WNKQ = self._head.quantiles(given_WNKP)
            levels = [self._in_source_units(scaled_WNKQ[..., q], first_W) for q in range(scaled_WNKQ.shape[-1])]
            intervals = between(np.stack(levels, axis=-1), self._head.levels)
        elif self.radius_NK is not None and spec.evaluation.conformal is not None:
            intervals = around(forecast_WNK, self.radius_NK, spec.evaluation.conformal.level)
        return Issued(first_W, dataset.true_WNK(split), forecast_WNK, intervals)

    def _in_source_units(self, scaled_WNK: Array, first_W: Array) -> Array:
        return self._dataset.in_source_units(scaled_WNK, first_W, self._spec.topology.contract.alignment)
