"""Runs written straight into the tables of a local store.

MLflow's client makes an object of every row, of which a run has hundreds: 50 ms of a core for each run of a sweep,
where SQLite takes 2. The rows are the same, as a test holds for all tables. They are written only where the tables are
those that MLflow 3.13 to 3.17 make; any other store is left to the client.
"""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse
from uuid import uuid4

from seqexp.errors import StoreError
from seqexp.store.client_writer import upload
from seqexp.store.local_store import local_path
from seqexp.store.projection import Point
from seqexp.store.run_writer import LONGEST_PARAM, LONGEST_TAG, RunWriter, SentRun

_PATIENCE = 20.0  # seconds to wait for another writer, as MLflow does
_LARGEST = 1.7976931348623157e308  # what MLflow keeps of an infinite number
_RUN_NAME = "mlflow.runName"  # a run's name stands in its row and in this tag
_TABLES = {
    "runs": "artifact_uri deleted_time end_time entry_point_name experiment_id lifecycle_stage name run_uuid "
    "source_name source_type source_version start_time status user_id",
    "params": "key run_uuid value",
    "metrics": "is_nan key run_uuid step timestamp value",
    "latest_metrics": "is_nan key run_uuid step timestamp value",
    "tags": "key run_uuid value",
}
_BEGIN = """
INSERT INTO runs (run_uuid, name, experiment_id, status, start_time, artifact_uri, user_id, lifecycle_stage,
                  source_type, source_name, source_version, entry_point_name)
VALUES (?, ?, ?, 'RUNNING', ?, ?, 'unknown', 'active', 'UNKNOWN', '', '', '')"""
_ADD_PARAM = "INSERT OR IGNORE INTO params (run_uuid, key, value) VALUES (?, ?, ?)"
_ADD_POINT = "INSERT OR IGNORE INTO metrics (run_uuid, key, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?, ?)"
_KEEP_LATEST = """
INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE
SET step = excluded.step, timestamp = excluded.timestamp, value = excluded.value, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)"""
_SET_TAG = """
INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"""


class LocalWriter(RunWriter):
    """Writes to the SQLite file of a store that is set up; each call is one transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, uri: str) -> LocalWriter | None:
        """Return the writer of a store, or None where it is not sure that the same rows come of it.

        That is where the store is on a server, where MLflow reads another file from the address (one with ``?`` or
        ``%``), and where the tables are not those that are known.
        """
        from sqlalchemy.engine import make_url

        path = local_path(uri)
        if path is None or make_url(uri).database != str(path):
            return None
        writer = cls(path)
        with writer._database() as database:
            for table, columns in _TABLES.items():
                found = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                if found != set(columns.split()):
                    return None
        return writer

    def find(self, experiment_id: str, tags: Mapping[str, str], *, status: str = "") -> list[SentRun]:
        """Search by tags."""
        words, values = "experiment_id = ? AND lifecycle_stage = 'active'", [experiment_id]
        if status:
            words, values = f"{words} AND status = ?", [*values, status]
        for tag in tags.items():
            words += " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
            values += tag
        with self._database() as database:
            return _sent(database, f"{words} ORDER BY start_time DESC, run_uuid", values)

    def get(self, run_id: str) -> SentRun:
        """Return a run that is there."""
        with self._database() as database:
            if not (found := _sent(database, "run_uuid = ?", [run_id])):
                raise StoreError(f"The store {self._path} has no run {run_id}.", key="tracking.uri")
            return found[0]

    def begin(self, experiment_id: str, name: str, started: int, tags: Mapping[str, str]) -> SentRun:
        """Make a run."""
        from mlflow.utils.uri import append_to_uri_path

        run_id = uuid4().hex
        with self._database() as database:
            of_experiment = "SELECT artifact_location FROM experiments WHERE experiment_id = ?"
            if (place := database.execute(of_experiment, (experiment_id,)).fetchone()) is None:
                raise StoreError(f"The store {self._path} has no experiment {experiment_id}.", key="tracking.uri")
            artifact_uri = append_to_uri_path(place[0], run_id, "artifacts")
            database.execute(_BEGIN, (run_id, name, experiment_id, started, artifact_uri))
            _set_tags(database, run_id, {**tags, _RUN_NAME: name})
        return SentRun(run_id, artifact_uri, started, {**tags, _RUN_NAME: name})

    def log(
        self,
        run_id: str,
        params: Mapping[str, str],
        points: Sequence[Point] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write all of it at once."""
        rows = [(run_id, point.name, int(point.step), point.time, *_stored(float(point.value))) for point in points]
        with self._database() as database:
            database.executemany(_ADD_PARAM, ((run_id, key, value[:LONGEST_PARAM]) for key, value in params.items()))
            database.executemany(_ADD_POINT, rows)
            # The last of each metric, as tables of runs show it.
            database.executemany(_KEEP_LATEST, {row[1]: row for row in sorted(rows)}.values())
            _set_tags(database, run_id, tags or {})

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        with self._database() as database:
            database.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (name, run_id))
            _set_tags(database, run_id, {_RUN_NAME: name})

    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """Say that it runs again, or how it ended."""
        with self._database() as database:
            words = "UPDATE runs SET status = ?, end_time = coalesce(?, end_time) WHERE run_uuid = ?"
            database.execute(words, (status, ended, run_id))

    def send_files(self, run: SentRun, files: Mapping[Path, str]) -> None:
        """Copy files; where the experiment keeps its own elsewhere, MLflow knows how."""
        place = urlparse(run.artifact_uri)
        if place.scheme not in ("", "file"):
            upload(run, files, f"sqlite:///{self._path}")
            return
        for path, folder in files.items():
            target = Path(unquote(place.path)) / folder
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as database, database:
            database.execute("PRAGMA foreign_keys = ON")
            yield database


def _set_tags(database: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    database.executemany(_SET_TAG, ((run_id, key, value[:LONGEST_TAG]) for key, value in tags.items()))


def _sent(database: sqlite3.Connection, words: str, values: Sequence[str]) -> list[SentRun]:
    runs = database.execute(f"SELECT run_uuid, artifact_uri, start_time FROM runs WHERE {words}", values).fetchall()
    of_run = "SELECT key, value FROM tags WHERE run_uuid = ?"
    return [
        SentRun(run_id, artifact_uri, started or 0, dict(database.execute(of_run, (run_id,))))
        for run_id, artifact_uri, started in runs
    ]


def _stored(value: float) -> tuple[float, bool]:
    """Return a number as MLflow keeps it, and whether it is none."""
    if math.isnan(value):
        return 0.0, True
    return max(-_LARGEST, min(_LARGEST, value)), False
