"""What a run is to be that repeats another: which one, the copy of the data that it reads, whose refit it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqexp.data.dataset import read_data
from seqexp.data.series import Series
from seqexp.data.snapshot import KeptSeries
from seqexp.spec.experiment import ExperimentSpec

REFIT_OF = "refit_of"  # in the part ``fit`` of a record, and the tag in MLflow


@dataclass(frozen=True)
class Again:
    """How a run repeats another; as it stands, one that repeats none.

    Attributes:
        rerun_of: ``<run key>-<attempt>`` of that run, or its MLflow run id.
        kept: The copy of the data to read in place of what the spec names.
        refit_of: The run whose spec is trained on every row, as ``<run key>-<attempt>``; empty for any other run.
        radius: Of that run: how far intervals reach from its point forecasts, ``(N, K)``.
    """

    rerun_of: str = ""
    kept: KeptSeries | None = None
    refit_of: str = ""
    radius: list[list[float]] | None = None

    def read(self, spec: ExperimentSpec) -> Series:
        """Read the series of the run.

        Raises:
            DataError: It cannot be read.
        """
        return self.kept.read() if self.kept else read_data(spec)

    def carried(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return what a record says of a run; of a refit with its parent, whose errors say how wide intervals are."""
        if not self.refit_of:
            return values
        fit, data = values.get("fit", {}), values.get("data", {})
        return {**values, "fit": {**fit, REFIT_OF: self.refit_of}, "data": {**data, "radius": self.radius}}


FIRST = Again()
