"""Runs written by MLflow's own client: to a server, and to a local store whose tables are not those that we know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqexp.store.mlflow_batches import batches
from seqexp.store.projection import Point
from seqexp.store.run_writer import RunWriter, SentExperiment, SentRun, Texts


class ClientWriter(RunWriter):
    """Calls an ``MlflowClient``."""

    def __init__(self, client: Any, uri: str) -> None:
        """Take the client of the store at an address."""
        self._client, self._uri = client, uri

    def experiment(self, name: str) -> SentExperiment | None:
        """Ask for it by its name."""
        if (found := self._client.get_experiment_by_name(name)) is None:
            return None
        return SentExperiment(str(found.experiment_id), found.lifecycle_stage == "deleted", found.tags)

    def find(self, experiment_id: str, tags: Texts, *, status: str = "") -> list[SentRun]:
        """Search by tags."""
        words = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
        words += [f"attributes.status = '{status}'"] if status else []
        return [_sent(run) for run in self._client.search_runs([experiment_id], " and ".join(words))]

    def get(self, run_id: str) -> SentRun:
        """Return a run that is there."""
        return _sent(self._client.get_run(run_id))

    def begin(self, experiment_id: str, name: str, started: int, tags: Texts) -> SentRun:
        """Make a run."""
        return _sent(self._client.create_run(experiment_id, started, dict(tags), name))

    def log(self, run_id: str, params: Texts, points: Sequence[Point] = (), tags: Texts | None = None) -> None:
        """Log all of it in as few calls as MLflow allows."""
        for batch in batches(params, points, tags or {}):
            self._client.log_batch(run_id, **batch)

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._client.update_run(run_id, name=name)

    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """Say that it runs again, or how it ended."""
        if ended is None:
            self._client.update_run(run_id, status=status)
        else:
            self._client.set_terminated(run_id, status, end_time=ended)

    def finish(self, run_id: str, status: str, ended: int, params: Texts, points: Sequence[Point], tags: Texts) -> None:
        """End it first: to do that, a store reads all that was logged."""
        self.set_status(run_id, status, ended)
        self.log(run_id, params, points, tags)

    def send_files(self, run: SentRun, files: Mapping[Path, str]) -> None:
        """Copy or upload files, as the kind of place asks for."""
        upload(run, files, self._uri)


def upload(run: SentRun, files: Mapping[Path, str], tracking_uri: str) -> None:
    """Send files to wherever the artifacts of a run are kept."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # Of the client itself each file would be a question for the run first.
    artifacts = get_artifact_repository(run.artifact_uri, tracking_uri=tracking_uri)
    for path, folder in files.items():
        artifacts.log_artifact(str(path), folder or None)


def _sent(run: Any) -> SentRun:
    return SentRun(run.info.run_id, run.info.artifact_uri, run.info.start_time or 0, dict(run.data.tags))
