"""What a run is to be that repeats another: which one it repeats, and the copy of the data that it reads."""

from __future__ import annotations

from dataclasses import dataclass

from seqexp.data.dataset import read_data
from seqexp.data.series import Series
from seqexp.data.snapshot import KeptSeries
from seqexp.spec.experiment import ExperimentSpec


@dataclass(frozen=True)
class Again:
    """How a run repeats another; as it stands, one that repeats none.

    Attributes:
        rerun_of: ``<run key>-<attempt>`` of that run, or its MLflow run id.
        kept: The copy of the data to read in place of what the spec names.
    """

    rerun_of: str = ""
    kept: KeptSeries | None = None

    def read(self, spec: ExperimentSpec) -> Series:
        """Read the series of the run.

        Raises:
            DataError: It cannot be read.
        """
        return self.kept.read() if self.kept else read_data(spec)


FIRST = Again()


FIRST = Again()
