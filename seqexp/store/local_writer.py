"""Runs written straight into the tables of a local store.

MLflow's client makes an object of every row, of which a run has hundreds: 50 ms of a core for each run of a sweep, in
place of 10. A test holds that the rows of all tables are the same. They are written only where the columns are those
that MLflow 3.13 to 3.17 make; any other store is left to the client.
"""

from __future__ import annotations

import math
import posixpath
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from seqexp.errors import StoreError
from seqexp.store.client_writer import upload
from seqexp.store.local_store import local_path
from seqexp.store.projection import Point
from seqexp.store.run_writer import LONGEST_PARAM, LONGEST_TAG, RunWriter, SentExperiment, SentRun, Texts

_PATIENCE = 20.0  # seconds to wait for another writer, as MLflow does
_LARGEST = 1.7976931348623157e308  # what MLflow keeps of an infinite number
_RUN_NAME, _USER = "mlflow.runName", "mlflow.user"  # tags that stand in a run's row, too
_NAME = re.compile(r"[/\w.\- :]{1,250}")  # of params, metrics and tags
_TABLES = {
    "runs": "artifact_uri deleted_time end_time entry_point_name experiment_id lifecycle_stage name run_uuid "
    "source_name source_type source_version start_time status user_id",
    "params": "key run_uuid value",
    "metrics": "is_nan key run_uuid step timestamp value",
    "latest_metrics": "is_nan key run_uuid step timestamp value",
    "tags": "key run_uuid value",
}
_NAMED_TWICE = "SELECT name FROM experiments GROUP BY name HAVING count(*) > 1"  # in several workspaces of MLflow's
_BEGIN = """
INSERT INTO runs (run_uuid, name, experiment_id, status, start_time, artifact_uri, user_id, lifecycle_stage,
                  source_type, source_name, source_version, entry_point_name)
VALUES (?, ?, ?, 'RUNNING', ?, ?, ?, 'active', 'UNKNOWN', '', '', '')"""
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
_SET_STATUS = "UPDATE runs SET status = ?, end_time = coalesce(?, end_time) WHERE run_uuid = ?"


class LocalWriter(RunWriter):
    """Writes to the SQLite file of a store that is set up; each call is one transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of_thread = threading.local()

    @classmethod
    def of(cls, uri: str) -> LocalWriter | None:
        """Return the writer of a store, or None where it is not sure that the same rows come of it.

        That is where the store is on a server, where MLflow reads another file from the address (one with ``?`` or
        ``%``), and where the tables are not those that are known.
        """
        from sqlalchemy.engine import make_url

        path = local_path(uri)
        if path is None or Path(make_url(uri).database or "") != path:
            return None
        writer = cls(path)
        with writer._database() as database:
            for table, columns in _TABLES.items():
                found = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                if found != set(columns.split()):
                    return None
            return None if database.execute(_NAMED_TWICE).fetchall() else writer

    @contextmanager
    def session(self) -> Iterator[None]:
        """Keep one connection open: whenever it opens one, SQLite reads the definitions of MLflow's sixty tables."""
        with self._opened() as self._of_thread.database:
            try:
                yield
            finally:
                self._of_thread.database = None

    def experiment(self, name: str) -> SentExperiment | None:
        """Look for it by its name."""
        with self._database() as database:
            words = "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?"
            if not (found := database.execute(words, (name,)).fetchall()):
                return None
            ((experiment_id, stage),) = found
            of_experiment = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
            tags = dict(database.execute(of_experiment, (experiment_id,)))
        return SentExperiment(str(experiment_id), stage == "deleted", tags)

    def find(self, experiment_id: str, tags: Texts, *, status: str = "") -> list[SentRun]:
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

    def begin(self, experiment_id: str, name: str, started: int, tags: Texts) -> SentRun:
        """Make a run."""
        from mlflow.utils.uri import append_to_uri_path

        _check_names(tags)
        run_id, all_tags = uuid4().hex, {**tags, _RUN_NAME: name}
        with self._database() as database:
            words = "SELECT artifact_location FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'"
            if not (found := database.execute(words, (experiment_id,)).fetchall()):
                raise StoreError(f"The store {self._path} has no experiment {experiment_id}.", key="tracking.uri")
            artifact_uri = append_to_uri_path(found[0][0], run_id, "artifacts")
            user = tags.get(_USER, "unknown")
            database.execute(_BEGIN, (run_id, name, experiment_id, started, artifact_uri, user))
            _set_tags(database, run_id, all_tags)
        return SentRun(run_id, artifact_uri, started, all_tags)

    def log(self, run_id: str, params: Texts, points: Sequence[Point] = (), tags: Texts | None = None) -> None:
        """Write all of it at once."""
        with self._run(run_id) as database:
            _log(database, run_id, params, points, tags or {})

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        with self._run(run_id) as database:
            database.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (name, run_id))
            _set_tags(database, run_id, {_RUN_NAME: name})

    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """Say that it runs again, or how it ended."""
        with self._run(run_id) as database:
            database.execute(_SET_STATUS, (status, ended, run_id))

    def finish(self, run_id: str, status: str, ended: int, params: Texts, points: Sequence[Point], tags: Texts) -> None:
        """Write all of it at once."""
        with self._run(run_id) as database:
            database.execute(_SET_STATUS, (status, ended, run_id))
            _log(database, run_id, params, points, tags)

    def send_files(self, run: SentRun, files: Mapping[Path, str]) -> None:
        """Copy files; where the experiment keeps its own elsewhere, MLflow knows how."""
        from mlflow.utils.file_utils import local_file_uri_to_path

        place = local_file_uri_to_path(run.artifact_uri)
        if not Path(place).is_absolute():
            upload(run, files, f"sqlite:///{self._path}")
            return
        for path, folder in files.items():
            target = Path(place) / folder
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    @contextmanager
    def _run(self, run_id: str) -> Iterator[sqlite3.Connection]:
        """Begin to write to a run, which must not be deleted."""
        with self._database() as database:
            words = "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
            if not database.execute(words, (run_id,)).fetchall():
                raise StoreError(f"The run {run_id} was deleted from the store {self._path}.", key="tracking.uri")
            yield database

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Give the connection of the session, or one for this call; what is written with it is kept at the end."""
        if (database := getattr(self._of_thread, "database", None)) is not None:
            with database:
                yield database
        else:
            with self._opened() as database, database:
                yield database

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        there = f"file:{quote(str(self._path))}?mode=rw"  # not made anew where it was moved away
        with closing(sqlite3.connect(there, uri=True, timeout=_PATIENCE)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            yield database


def _log(database: sqlite3.Connection, run_id: str, params: Texts, points: Sequence[Point], tags: Texts) -> None:
    _check_names({**params, **tags}.keys() | {point.name for point in points})
    rows = [(run_id, point.name, int(point.step), point.time, *_stored(float(point.value))) for point in points]
    database.executemany(_ADD_PARAM, ((run_id, key, value[:LONGEST_PARAM]) for key, value in params.items()))
    database.executemany(_ADD_POINT, rows)
    # The last of each metric, as tables of runs show it.
    database.executemany(_KEEP_LATEST, {row[1]: row for row in sorted(rows)}.values())
    _set_tags(database, run_id, tags)


def _set_tags(database: sqlite3.Connection, run_id: str, tags: Texts) -> None:
    database.executemany(_SET_TAG, ((run_id, key, value[:LONGEST_TAG]) for key, value in tags.items()))


def _sent(database: sqlite3.Connection, words: str, values: Sequence[str]) -> list[SentRun]:
    runs = database.execute(f"SELECT run_uuid, artifact_uri, start_time FROM runs WHERE {words}", values).fetchall()
    of_run = "SELECT key, value FROM tags WHERE run_uuid = ?"
    return [
        SentRun(run_id, artifact_uri, started or 0, dict(database.execute(of_run, (run_id,))))
        for run_id, artifact_uri, started in runs
    ]


def _check_names(names: Iterable[str]) -> None:
    """Refuse what MLflow's client would refuse: pages and later exports rely on it."""
    for name in names:
        if not _is_name(name):
            mend = "Letters, digits and _ - . : / and spaces make a name."
            raise StoreError(f"MLflow takes no param, metric or tag of the name {name!r}.", mend=mend)


@lru_cache(10_000)  # those of one run are those of the next
def _is_name(name: str) -> bool:
    is_plain_path = posixpath.normpath(name) == name and name != "." and not name.startswith(("..", "/"))
    return is_plain_path and _NAME.fullmatch(name) is not None


def _stored(value: float) -> tuple[float, bool]:
    """Return a number as MLflow keeps it, and whether it is none."""
    if math.isnan(value):
        return 0.0, True
    return max(-_LARGEST, min(_LARGEST, value)), False
