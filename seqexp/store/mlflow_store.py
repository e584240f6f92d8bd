"""The MLflow side of the store: open it, fill a run, and do either twice without harm.

A local store is written to without MLflow (:mod:`local_writer`), any other through ``MlflowClient`` with explicit ids:
the fluent API keeps a run open behind one's back, and ends it as FINISHED when a process crashes.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from seqexp.errors import NoSuchStore
from seqexp.spec.tracking_uri import problem_of_uri
from seqexp.store.client_writer import ClientWriter
from seqexp.store.local_store import alone, is_current, local_path, make_store
from seqexp.store.local_writer import LocalWriter
from seqexp.store.mlflow_settings import asked_briefly, mlflow_settings
from seqexp.store.mlflow_view import RunsView
from seqexp.store.outage import does_not_answer, is_of_store, reason_of
from seqexp.store.projection import LoggedModel, Point, Projection, SweepProjection
from seqexp.store.store_writer import NewRun, SentRun, StoreWriter
from seqexp.store.view_shelf import ViewShelf

_TABLE = "leaderboard.json"
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
        self.uri = uri
        self._artifacts = artifacts
        with self._explained(), nullcontext() if is_patient else asked_briefly(), alone(uri):
            self._writer = _open(uri)
        self._shelf = ViewShelf(self._writer)

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
            made = self._writer.begin(experiment_id, run_name, started, tags)
            self._writer.log(made.run_id, params)
            return made.run_id

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add metrics to a run."""
        with self._explained():
            self._writer.log(run_id, {}, points)

    def end_left_behind(self, parent: str, ended: int) -> None:
        """Say that the runs which a killed process trained under a sweep were killed with it."""
        with self._explained():
            experiment_id = self._writer.get(parent).experiment_id
            self._end_left_behind(experiment_id, {"mlflow.parentRunId": parent}, ended)

    def publish(self, runs: Sequence[Projection]) -> list[str]:
        """Send runs, or what is missing of them, and return their MLflow run ids.

        A run is found again by its identity; a value that was sent before is sent with its own time and stored once.

        Raises:
            StoreError: The store refuses, or cannot be reached.
        """
        run_ids: dict[int, str] = {}
        new: dict[int, NewRun] = {}
        with self._explained():
            for number, run in enumerate(runs):
                experiment_id = self._experiment(run.experiment, run.view)
                found = self._find_sent(experiment_id, run)
                if found is None and not run.run_id and run.model is None:
                    new[number] = NewRun(experiment_id, run, _all_tags(run), _ready(run))
                elif found is not None and found.tags.get(READY):
                    run_ids[number] = found.run_id
                else:
                    run_ids[number] = self._complete(run, found or self._begin(experiment_id, run))
            run_ids |= zip(new, self._writer.add(list(new.values())), strict=True)
        return [run_ids[number] for number in range(len(runs))]

    def _complete(self, run: Projection, sent: SentRun) -> str:
        """Send what is missing of a run that is there."""
        tags = _ready(run)
        if "attempt" not in sent.tags:  # shown as it trained
            self._writer.rename(sent.run_id, run.run_name)
            tags = {**_all_tags(run), **tags}
        self._writer.send_files(sent, run.files)
        if run.model is not None and not self._writer.has_model(sent):
            self._writer.log_model(sent, run.model)
        self._writer.finish(sent.run_id, run.status, run.ended, run.params, run.points, tags)
        return sent.run_id

    def open_sweep(self, sweep: SweepProjection) -> str:
        """Show a sweep as running, or as running again, and return its MLflow run id."""
        with self._explained():
            experiment_id = self._experiment(sweep.experiment, sweep.view)
            if found := self._writer.find(experiment_id, sweep.identity):
                self._writer.set_status(found[0].run_id, "RUNNING")
                return found[0].run_id
            tags = {**sweep.tags, **sweep.identity, "mlflow.note.content": sweep.note}
            made = self._writer.begin(experiment_id, sweep.run_name, sweep.started, tags)
            self._writer.log(made.run_id, sweep.params)
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
            if table:
                texts = {**texts, _TABLE: json.dumps({"columns": list(table), "data": _rows(table)}, indent=2)}
                tags = {**tags, "mlflow.loggedArtifacts": json.dumps([{"path": _TABLE, "type": "table"}])}
            self._send_texts(run_id, texts)
            counts = [Point(name, value, 0, ended) for name, value in metrics.items()]
            self._writer.finish(run_id, status, ended, {}, counts, tags)

    def set_tags(self, run_id: str, tags: dict[str, str]) -> None:
        """Add tags to a run that is shown already."""
        with self._explained():
            self._writer.log(run_id, {}, tags=tags)

    def add_model(self, experiment: str, run_id: str, model: LoggedModel) -> None:
        """Log a model to a run that was published without one; its experiment is taken out of the trash."""
        with self._explained():
            self._experiment(experiment)
            run = self._writer.get(run_id)
            if not self._writer.has_model(run):
                self._writer.log_model(run, model)

    def add_file(self, run_id: str, path: Path) -> None:
        """Add a file to a run that was published without it."""
        with self._explained():
            self._writer.send_files(self._writer.get(run_id), {path: ""})

    def experiment_id(self, name: str) -> str:
        """Return the id of an experiment, which is made if there is none."""
        with self._explained():
            return self._experiment(name)

    def page_of(self, experiment: str, view: RunsView) -> str | None:
        """Return where the UI shows an experiment, from its server's address on; None where there is none."""
        with self._explained():
            return self._shelf.page_of(experiment, view)

    def _experiment(self, name: str, view: RunsView | None = None) -> str:
        found = self._writer.experiment(name)
        if found is not None and found.is_deleted:
            self._writer.restore_experiment(found.experiment_id)
        experiment_id = found.experiment_id if found is not None else self._make_experiment(name)
        if view is not None:
            self._shelf.put(experiment_id, found.tags if found is not None else {}, view)
        return experiment_id

    def _make_experiment(self, name: str) -> str:
        place = (self._artifacts / name).as_uri() if local_path(self.uri) else None
        with alone(self.uri):  # two first runs at once make one experiment
            if (again := self._writer.experiment(name)) is not None:
                return again.experiment_id
            return self._writer.make_experiment(name, place, _KIND)

    def _end_left_behind(self, experiment_id: str, tags: dict[str, str], ended: int) -> None:
        for run in self._writer.find(experiment_id, tags, status="RUNNING"):
            self._writer.set_status(run.run_id, "KILLED", ended)

    def _find_sent(self, experiment_id: str, run: Projection) -> SentRun | None:
        """Return what was sent of a run, or None.

        Not another run that had its identity before: whose directory was lost, so that the attempt was counted anew.
        """
        attempts = self._writer.find(experiment_id, {key: run.identity[key] for key in ("run_key", "workspace")})
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
            return self._writer.get(run.run_id)
        return self._writer.begin(experiment_id, run.run_name, run.started, _all_tags(run))

    def _send_texts(self, run_id: str, texts: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            files = {Path(scratch) / name: "" for name in texts}
            for path in files:
                path.write_text(texts[path.name], "utf-8")
            self._writer.send_files(self._writer.get(run_id), files)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with mlflow_settings():
                yield
        except Exception as error:
            if not is_of_store(error):
                raise
            mend = ""
            if local_path(self.uri) and _is_damaged(error):
                mend = " If the file is damaged, move it away and give the command again: the runs are sent anew."
            raise does_not_answer(error)(
                f"MLflow at {self.uri} does not answer: {reason_of(error)}.{mend}", key="tracking.uri"
            ) from None


def _open(uri: str) -> StoreWriter:
    """Open a store, of which a local one is set up if it is not there yet; nobody else does that meanwhile."""
    if (path := local_path(uri)) is None:
        return ClientWriter(uri)
    if not path.exists():
        make_store(path)
    client = None if is_current(path) else ClientWriter(uri)  # which says why it cannot be opened, if so
    return LocalWriter.of(uri) or client or ClientWriter(uri)


def _is_damaged(error: Exception) -> bool:
    """Whether SQLite says so: not of a file that another process is writing to, or that has no more room."""
    told = getattr(error, "orig", error)  # by SQLAlchemy
    return getattr(told, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _all_tags(run: Projection) -> dict[str, str]:
    return {**run.tags, **run.identity, "mlflow.note.content": run.note}


def _ready(run: Projection) -> dict[str, str]:
    return {READY: str(run.started)}


def _rows(table: dict[str, list[Any]]) -> list[list[Any]]:
    return [list(row) for row in zip(*table.values(), strict=True)]
