"""Who hears how runs go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqexp.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from seqexp.store.run_dir import StoredRun
    from seqexp.training.watch import EpochEvent


class Reporter:
    """Hears how runs go on, each under a number of its own: several may go on at a time.

    This one says nothing; the command line has one that draws bars.
    """

    def planned(self, total: int) -> None:
        """So many runs are asked for."""

    def waiting(self, spec: ExperimentSpec) -> None:
        """Another process is at the same run; it is waited for."""

    def started(self, number: int, worker: str, spec: ExperimentSpec, title: str) -> None:
        """A run begins on a worker; again, if it is tried again."""

    def epoch(self, number: int, event: EpochEvent) -> None:
        """An epoch of a run is over."""

    def lost(self, number: int, message: str) -> None:
        """The worker of a run died, as the message says; the run is to be begun again, on another."""

    def skipped(self, number: int) -> None:
        """A run was done before; nothing is trained."""

    def ended(self, number: int, stored: StoredRun | None = None) -> None:
        """A run is over, well or not."""

    def sending(self, what: str) -> None:
        """MLflow is waited for, as this says."""

    def closed(self) -> None:
        """Nothing more is to be heard."""
