"""What a tracking store is asked to do with runs: find, begin, fill and end them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.store.projection import Point

LONGEST_PARAM = 6000  # characters: MLflow takes no more
LONGEST_TAG = 8000


@dataclass(frozen=True)
class SentRun:
    """A run that a tracking store has, as far as whoever writes it must know.

    Attributes:
        run_id: MLflow's.
        artifact_uri: Where its files are.
        started: Milliseconds since 1970.
        tags: All of them.
    """

    run_id: str
    artifact_uri: str
    started: int
    tags: Mapping[str, str]


class RunWriter(ABC):
    """Writes the runs of one tracking store; what is written twice is stored once."""

    @abstractmethod
    def find(self, experiment_id: str, tags: Mapping[str, str], *, status: str = "") -> list[SentRun]:
        """Return the runs that have all these tags, the newest first, but for deleted ones.

        Args:
            experiment_id: Whose runs.
            tags: Key -> value.
            status: The only one that is wanted; empty for any.
        """

    @abstractmethod
    def get(self, run_id: str) -> SentRun:
        """Return a run that is there."""

    @abstractmethod
    def begin(self, experiment_id: str, name: str, started: int, tags: Mapping[str, str]) -> SentRun:
        """Make a run, which is running."""

    @abstractmethod
    def log(
        self,
        run_id: str,
        params: Mapping[str, str],
        points: Sequence[Point] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run; the tags are there when everything else is. Tags can be changed, params not."""

    @abstractmethod
    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""

    @abstractmethod
    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """Say that a run is RUNNING again, or how it ended, and when (milliseconds since 1970)."""

    @abstractmethod
    def send_files(self, run: SentRun, files: Mapping[Path, str]) -> None:
        """Copy files to the artifacts of a run, each into its folder there (empty for the topmost)."""
