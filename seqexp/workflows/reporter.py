"""Who hears how a run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqexp.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from seqexp.training.watch import EpochEvent


class Reporter:
    """Hears how a run goes on. This one says nothing; the command line has one that draws a bar."""

    def waiting(self, spec: ExperimentSpec) -> None:
        """Another process is at the same run; it is waited for."""

    def started(self, spec: ExperimentSpec) -> None:
        """A run begins to train."""

    def skipped(self) -> None:
        """A run was done before; nothing is trained."""

    def epoch(self, event: EpochEvent) -> None:
        """An epoch is over."""

    def ended(self) -> None:
        """The run is over, well or not."""
