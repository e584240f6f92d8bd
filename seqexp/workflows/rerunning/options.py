"""How runs are repeated: what ``seqexp rerun`` takes beside the run and its overrides."""

from __future__ import annotations

from dataclasses import dataclass

from seqexp.workflows.rerunning.recorded_data import DataChoice
from seqexp.workflows.rerunning.verdict import TOLERANCE


@dataclass(frozen=True)
class RerunOptions:
    """How a run, or every run of a sweep, is repeated.

    Attributes:
        data: Which data are read: today's, the copy, or the copy where today's are others.
        tolerance: By how much figures may differ, relative to their size.
        from_mlflow: The tracking store that shows the run, which is not recorded here; empty for that of the workspace.
    """

    data: DataChoice = DataChoice.auto
    tolerance: float = TOLERANCE
    from_mlflow: str | None = None
