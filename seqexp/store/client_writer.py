"""What MLflow's own client writes: to a server, and to a local store whose tables are not those that we know."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqexp.own_process import without_collection
from seqexp.store.mlflow_batches import batches
from seqexp.store.mlflow_model import save_pyfunc
from seqexp.store.mlflow_settings import mlflow_settings
from seqexp.store.projection import LoggedModel, Point
from seqexp.store.store_writer import SentExperiment, SentRun, StoreWriter, Texts


class ClientWriter(StoreWriter):
    """Calls an ``MlflowClient``."""

    def __init__(self, uri: str) -> None:
        """Import MLflow and open the store at an address; what it raises where it cannot is passed on."""
        with mlflow_settings(), without_collection():
            from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells every migration of a new store
        self._uri = uri
        self._client: Any = MlflowClient(tracking_uri=uri)
        self._client.search_experiments(max_results=1)

    def experiment(self, name: str) -> SentExperiment | None:
        """Ask for it by its name."""
        if (found := self._client.get_experiment_by_name(name)) is None:
            return None
        return SentExperiment(str(found.experiment_id), found.lifecycle_stage == "deleted", found.tags)

    def make_experiment(self, name: str, place: str | None, tags: Texts) -> str:
        """Create it."""
        return str(self._client.create_experiment(name, artifact_location=place, tags=dict(tags)))

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore it."""
        self._client.restore_experiment(experiment_id)

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Set one tag."""
        self._client.set_experiment_tag(experiment_id, key, value)

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

    def has_model(self, run: SentRun) -> bool:
        """Search by the run."""
        words = f"source_run_id = '{run.run_id}'"
        found = self._client.search_logged_models([run.experiment_id], filter_string=words)
        return any(model.status == "READY" for model in found)

    def log_model(self, run: SentRun, model: LoggedModel) -> None:
        """Say that it is there when its files are."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        logged = self._client.create_logged_model(run.experiment_id, name=model.name, source_run_id=run.run_id)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            save_pyfunc(folder, model, run_id=run.run_id, model_id=logged.model_id)
            self._client.log_model_artifacts(logged.model_id, str(folder))
        self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(run.run_id, models=[LoggedModelOutput(logged.model_id, step=0)])


def upload(run: SentRun, files: Mapping[Path, str], tracking_uri: str) -> None:
    """Send files to wherever the artifacts of a run are kept."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # Of the client itself each file would be a question for the run first.
    artifacts = get_artifact_repository(run.artifact_uri, tracking_uri=tracking_uri)
    for path, folder in files.items():
        artifacts.log_artifact(str(path), folder or None)


def _sent(run: Any) -> SentRun:
    info = run.info
    return SentRun(info.run_id, info.experiment_id, info.artifact_uri, info.start_time or 0, dict(run.data.tags))
