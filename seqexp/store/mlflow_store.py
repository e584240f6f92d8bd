"""The MLflow side of the store: open it, fill a run, and do either twice without harm.

Everything goes through ``MlflowClient`` with explicit ids, or past it where that is quicker (:mod:`local_writer`): the
fluent API keeps a run open behind one's back, and ends it as FINISHED when a process crashes.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from seqexp.errors import NoSuchStore
from seqexp.own_process import without_collection
from seqexp.spec.tracking_uri import problem_of_uri
from seqexp.store.client_writer import ClientWriter
from seqexp.store.local_store import alone, local_path, make_store
from seqexp.store.local_writer import LocalWriter
from seqexp.store.mlflow_model import save_pyfunc
from seqexp.store.mlflow_settings import asked_briefly, mlflow_settings
from seqexp.store.mlflow_view import RunsView, ViewShelf
from seqexp.store.outage import does_not_answer, reason_of
from seqexp.store.projection import LoggedModel, Point, Projection, SweepProjection
from seqexp.store.run_writer import RunWriter, SentRun

_SLACK = 1000  # milliseconds between when a run begins and when it is shown to have begun
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens with its pages for trained models
READY = "seqexp.published"  # set last, to when the run began: one without it was interrupted while it was sent
_OLDER = "true"  # what earlier releases set it to


class MlflowStore:
    """One tracking store, local or on a server."""

    def __init__(self, uri: str, artifacts: Path, *, is_patient: bool = False) -> None:
        """Open a store.

        Args:
            uri: Where it is.
            artifacts: Where a local one keeps files.
            is_patient: Nobody waits for it: a server may take as long to answer this time as at any other.

        Raises:
            StoreError: It cannot be opened or reached, or MLflow has no such store.
        """
        if problem := problem_of_uri(uri, "tracking.uri"):  # of an old record, and the environment's
            raise NoSuchStore([problem])
        with mlflow_settings(), without_collection():
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
            from sqlalchemy.exc import SQLAlchemyError

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells every migration of a new store

        self.uri = uri
        self._artifacts = artifacts
        self._failures = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError)
        with self._explained(), nullcontext() if is_patient else asked_briefly(), alone(uri):
            if (path := local_path(uri)) is not None and not path.exists():
                make_store(path)
            self._client = MlflowClient(tracking_uri=uri)
            self._client.search_experiments(max_results=1)
            self._runs: RunWriter = LocalWriter.of(uri) or ClientWriter(self._client, uri)
        self._shelf = ViewShelf(self._client, self._failures)

    def open_run(
        self,
        experiment: str,
        run_name: str,
        *,
        started: int,
        params: dict[str, str],
        tags: dict[str, str],
        view: RunsView | None = None,
    ) -> str:
        """Show a run that is being trained, and return its MLflow run id."""
        with self._explained():
            experiment_id = self._experiment(experiment, view)
            self._end_left_behind(experiment_id, {key: tags[key] for key in ("run_key", "workspace")}, started)
            made = self._runs.begin(experiment_id, run_name, started, tags)
            self._runs.log(made.run_id, params)
            return made.run_id

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add metrics to a run."""
        with self._explained():
            self._runs.log(run_id, {}, points)

    def end_left_behind(self, parent: str, ended: int) -> None:
        """Say that the runs which a killed process trained under a sweep were killed with it."""
        with self._explained():
            experiment_id = self._client.get_run(parent).info.experiment_id
            self._end_left_behind(experiment_id, {"mlflow.parentRunId": parent}, ended)

    def publish(self, run: Projection) -> str:
        """Send a run, or what is missing of it, and return its MLflow run id.

        The run is found again by its identity; a value that was sent before is sent with its own time and stored once.

        Raises:
            StoreError: The store refuses, or cannot be reached.
        """
        with self._explained(), self._runs.session():
            experiment_id = self._experiment(run.experiment, run.view)
            found = self._find_sent(experiment_id, run)
            if found is not None and found.tags.get(READY):
                return found.run_id
            sent = found or self._begin(experiment_id, run)
            tags = {READY: str(run.started)}
            if "attempt" not in sent.tags:  # shown as it trained
                self._runs.rename(sent.run_id, run.run_name)
                tags = {**_all_tags(run), **tags}
            self._runs.send_files(sent, run.files)
            if run.model is not None and not self._has_model(experiment_id, sent.run_id):
                self._log_model(experiment_id, sent.run_id, run.model)
            self._runs.finish(sent.run_id, run.status, run.ended, run.params, run.points, tags)
            return sent.run_id

    def open_sweep(self, sweep: SweepProjection) -> str:
        """Show a sweep as running, or as running again, and return its MLflow run id."""
        with self._explained():
            import mlflow.pyfunc  # noqa: F401  (for the models at its end: there is more time for it now)

            experiment_id = self._experiment(sweep.experiment, sweep.view)
            if found := self._runs.find(experiment_id, sweep.identity):
                self._runs.set_status(found[0].run_id, "RUNNING")
                return found[0].run_id
            tags = {**sweep.tags, **sweep.identity, "mlflow.note.content": sweep.note}
            made = self._runs.begin(experiment_id, sweep.run_name, sweep.started, tags)
            self._runs.log(made.run_id, sweep.params)
            return made.run_id

    def close_sweep(
        self,
        run_id: str,
        status: str,
        ended: int,
        *,
        metrics: dict[str, float],
        tags: dict[str, str],
        texts: dict[str, str],
        table: dict[str, list[Any]],
    ) -> None:
        """Say how a sweep ended.

        Args:
            run_id: Of its parent run.
            status: FINISHED, FAILED or KILLED.
            ended: Milliseconds since 1970.
            metrics: What is counted.
            tags: The best runs, and the note.
            texts: Artifact -> content.
            table: The leaderboard, column by column.
        """
        with self._explained():
            for name, text in texts.items():
                self._client.log_text(run_id, text, name)
            if table:
                self._client.log_dict(run_id, {"columns": list(table), "data": _rows(table)}, "leaderboard.json")
                tags = {**tags, "mlflow.loggedArtifacts": json.dumps([{"path": "leaderboard.json", "type": "table"}])}
            counts = [Point(name, value, 0, ended) for name, value in metrics.items()]
            self._runs.finish(run_id, status, ended, {}, counts, tags)

    def set_tags(self, run_id: str, tags: dict[str, str]) -> None:
        """Add tags to a run that is shown already."""
        with self._explained():
            self._runs.log(run_id, {}, tags=tags)

    def add_model(self, experiment: str, run_id: str, model: LoggedModel) -> None:
        """Log a model to a run that was published without one."""
        with self._explained():
            experiment_id = self._experiment(experiment)
            if not self._has_model(experiment_id, run_id):
                self._log_model(experiment_id, run_id, model)

    def add_file(self, run_id: str, path: Path) -> None:
        """Add a file to a run that was published without it."""
        with self._explained():
            self._client.log_artifact(run_id, str(path))

    def experiment_id(self, name: str) -> str:
        """Return the id of an experiment, which is made if there is none."""
        with self._explained():
            return self._experiment(name)

    def page_of(self, experiment: str, view: RunsView) -> str | None:
        """Return where the UI shows an experiment, from its server's address on; None where there is none."""
        with self._explained():
            return self._shelf.page_of(experiment, view)

    def _experiment(self, name: str, view: RunsView | None = None) -> str:
        found = self._runs.experiment(name)
        if found is not None and found.is_deleted:
            self._client.restore_experiment(found.experiment_id)
        experiment_id = found.experiment_id if found is not None else self._make_experiment(name)
        if view is not None:
            self._shelf.put(experiment_id, found.tags if found is not None else {}, view)
        return experiment_id

    def _make_experiment(self, name: str) -> str:
        place = (self._artifacts / name).as_uri() if local_path(self.uri) else None
        with alone(self.uri):  # two first runs at once make one experiment
            again = self._client.get_experiment_by_name(name)
            if again:
                return str(again.experiment_id)
            return str(self._client.create_experiment(name, artifact_location=place, tags=_KIND))

    def _end_left_behind(self, experiment_id: str, tags: dict[str, str], ended: int) -> None:
        for run in self._runs.find(experiment_id, tags, status="RUNNING"):
            self._runs.set_status(run.run_id, "KILLED", ended)

    def _find_sent(self, experiment_id: str, run: Projection) -> SentRun | None:
        """Return what was sent of a run, or None.

        Not another run that had its identity before: whose directory was lost, so that the attempt was counted anew.
        """
        attempts = self._runs.find(experiment_id, {key: run.identity[key] for key in ("run_key", "workspace")})
        for found in attempts:
            if found.tags.get("attempt") == run.identity["attempt"]:
                sent = found.tags.get(READY)
                if sent in (None, str(run.started)) or (sent == _OLDER and found.run_id != run.tags.get("rerun_of")):
                    return found
        # One that was shown while it trained, and whose end could not be sent: it began meanwhile.
        shown = (found for found in attempts if "attempt" not in found.tags)
        return next((one for one in shown if run.started - _SLACK <= one.started <= run.ended), None)

    def _begin(self, experiment_id: str, run: Projection) -> SentRun:
        if run.run_id:
            return self._runs.get(run.run_id)
        return self._runs.begin(experiment_id, run.run_name, run.started, _all_tags(run))

    def _has_model(self, experiment_id: str, run_id: str) -> bool:
        words = f"source_run_id = '{run_id}'"
        return bool(self._client.search_logged_models([experiment_id], filter_string=words, max_results=1))

    def _log_model(self, experiment_id: str, run_id: str, model: LoggedModel) -> None:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        logged = self._client.create_logged_model(experiment_id, name=model.name, source_run_id=run_id)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            save_pyfunc(folder, model, run_id=run_id, model_id=logged.model_id)
            self._client.log_model_artifacts(logged.model_id, str(folder))
        self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(run_id, models=[LoggedModelOutput(logged.model_id, step=0)])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with mlflow_settings():
                yield
        except self._failures as error:
            mend = ""
            if local_path(self.uri) and _is_damaged(error):
                mend = " If the file is damaged, move it away and give the command again: the runs are sent anew."
            raise does_not_answer(error)(
                f"MLflow at {self.uri} does not answer: {reason_of(error)}.{mend}", key="tracking.uri"
            ) from None


def _is_damaged(error: Exception) -> bool:
    """Whether SQLite says so: not of a file that another process is writing to, or that has no more room."""
    told = getattr(error, "orig", error)  # by SQLAlchemy
    return getattr(told, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _all_tags(run: Projection) -> dict[str, str]:
    return {**run.tags, **run.identity, "mlflow.note.content": run.note}


def _rows(table: dict[str, list[Any]]) -> list[list[Any]]:
    return [list(row) for row in zip(*table.values(), strict=True)]
