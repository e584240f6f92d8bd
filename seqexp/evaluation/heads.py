"""From what a head gives to forecasts: a point, and the values that the truth stays below so often.

Axis letters: W windows, N output steps, K targets, P outputs of a target, Q quantile levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seqexp.spec.topology import LEAST_DEVIATION

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Head:
    """What the outputs of a model mean; everything is in scaled units.

    Attributes:
        kind: ``point``: the value itself. ``quantiles``: one output a level. ``gaussian``: mean and, before a softplus,
            standard deviation.
        levels: Of the quantiles that are told; empty for a point.
    """

    kind: Literal["point", "quantiles", "gaussian"]
    levels: tuple[float, ...]

    def point(self, given_WNKP: Array) -> Array:
        """Return the forecast to be scored: the value, the median or the mean, ``(W, N, K)``."""
        if self.kind == "quantiles":
            return self.quantiles(given_WNKP)[..., self.levels.index(0.5)]
        return given_WNKP[..., 0]

    def quantiles(self, given_WNKP: Array) -> Array:
        """Return the quantile of each level, ``(W, N, K, Q)``, in rising order.

        A network may cross them; sorting brings them nearer to the truth, never farther: Chernozhukov,
        Fernandez-Val and Galichon, 2010, https://doi.org/10.3982/ECTA7880.
        """
        if self.kind == "quantiles":
            return np.sort(given_WNKP, axis=-1)
        from scipy.special import ndtri  # 0.1 s of every start, for the runs that have such a head

        deviation_WNK = np.logaddexp(0.0, given_WNKP[..., 1]) + LEAST_DEVIATION
        quantiles_WNKQ: Array = given_WNKP[..., :1] + deviation_WNK[..., None] * ndtri(np.asarray(self.levels))
        return quantiles_WNKQ
