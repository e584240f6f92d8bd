"""What a tracking store is asked to do: make experiments; find, begin, fill and end runs; log models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.store.projection import LoggedModel, Point, Projection

LONGEST_PARAM = 6000  # characters: MLflow takes no more
LONGEST_TAG = 8000
Texts = Mapping[str, str]


@dataclass(frozen=True)
class SentExperiment:
    """An experiment that a tracking store has."""

    experiment_id: str
    is_deleted: bool
    tags: Texts


@dataclass(frozen=True)
class SentRun:
    """A run that a tracking store has, as far as whoever writes it must know.

    Attributes:
        run_id: MLflow's.
        experiment_id: Of the experiment that it is in.
        artifact_uri: Where its files are.
        started: Milliseconds since 1970.
        tags: All of them.
    """

    run_id: str
    experiment_id: str
    artifact_uri: str
    started: int
    tags: Texts


@dataclass(frozen=True)
class NewRun:
    """A run that is over, and that a tracking store does not have yet.

    Attributes:
        experiment_id: The experiment that it goes to.
        run: All but its model.
        tags: All that it begins with.
        last_tags: Set when everything else is there.
    """

    experiment_id: str
    run: Projection
    tags: Texts
    last_tags: Texts


class StoreWriter(ABC):
    """Writes to one tracking store; a run that was deleted there is not written to any more.

    What is logged twice is stored once. A tag can be given another value, a param not.
    """

    @abstractmethod
    def experiment(self, name: str) -> SentExperiment | None:
        """Return the experiment of a name, a deleted one too; None where there is none."""

    @abstractmethod
    def make_experiment(self, name: str, place: str | None, tags: Texts) -> str:
        """Make an experiment and return its id.

        Args:
            name: Which no other has.
            place: The address of the folder in which it keeps files; None where the store has one of its own.
            tags: Key -> value.
        """

    @abstractmethod
    def restore_experiment(self, experiment_id: str) -> None:
        """Take an experiment that was deleted out of the trash, and its runs with it."""

    @abstractmethod
    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, or the tag another value."""

    @abstractmethod
    def find(self, experiment_id: str, tags: Texts, *, status: str = "") -> list[SentRun]:
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
    def begin(self, experiment_id: str, name: str, started: int, tags: Texts) -> SentRun:
        """Make a run, which is running."""

    def add(self, runs: Sequence[NewRun]) -> list[str]:
        """Make runs with their points and their files, and return their ids."""
        return [self._add(new) for new in runs]

    def _add(self, new: NewRun) -> str:
        run = new.run
        begun = self.begin(new.experiment_id, run.run_name, run.started, new.tags)
        self.send_files(begun, run.files)
        self.finish(begun.run_id, run.status, run.ended, run.params, run.points, new.last_tags)
        return begun.run_id

    @abstractmethod
    def log(self, run_id: str, params: Texts, points: Sequence[Point] = (), tags: Texts | None = None) -> None:
        """Add to a run; the tags are there when everything else is."""

    @abstractmethod
    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""

    @abstractmethod
    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """Say that a run is RUNNING again, or how it ended, and when (milliseconds since 1970)."""

    @abstractmethod
    def finish(self, run_id: str, status: str, ended: int, params: Texts, points: Sequence[Point], tags: Texts) -> None:
        """Do both: end a run and add what is known of it."""

    @abstractmethod
    def send_files(self, run: SentRun, files: Mapping[Path, str]) -> None:
        """Copy files to the artifacts of a run, each into its folder there (empty for the topmost)."""

    @abstractmethod
    def has_model(self, run: SentRun) -> bool:
        """Say whether a model of a run was logged whole."""

    @abstractmethod
    def log_model(self, run: SentRun, model: LoggedModel) -> None:
        """Log a model as what came of a run."""
