"""Runs and models written straight into the tables of a local store.

MLflow takes 1.3 s of a core to import, and its client makes an object of every row, of which a run has hundreds: 50 ms
for each run of a sweep, in place of 10. A test holds that the rows of all tables are the same. They are written only
where the columns are those that MLflow 3.13 to 3.17 make; any other store is left to the client.
"""

from __future__ import annotations

import math
import posixpath
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from urllib.request import url2pathname
from uuid import uuid4

from seqexp.errors import StoreError
from seqexp.store.client_writer import upload
from seqexp.store.local_database import LocalDatabase
from seqexp.store.mlflow_model import save_pyfunc
from seqexp.store.projection import LoggedModel, Point
from seqexp.store.store_writer import LONGEST_PARAM, LONGEST_TAG, SentExperiment, SentRun, StoreWriter, Texts

_LARGEST = 1.7976931348623157e308  # what MLflow keeps of an infinite number
_RUN_NAME, _USER = "mlflow.runName", "mlflow.user"  # tags that stand in a run's row, too
_NAME = re.compile(r"[/\w.\- :]{1,250}")  # of params, metrics and tags
_PLACE = re.compile(r"(file://)?(/[^?#]*)")  # addresses to which MLflow adds names as to any path
_NOT_IN_MODELS = "/:.%\"'"
_READY = 2  # the status of a model that was logged whole, as MLflow counts them
_MAKE_EXPERIMENT = """
INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time)
VALUES (?, ?, 'active', ?, ?)"""
_RESTORE_EXPERIMENT = "UPDATE experiments SET lifecycle_stage = 'active', last_update_time = ? WHERE experiment_id = ?"
_RESTORE_RUNS = "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = ?"
_TAG_EXPERIMENT = """
INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?)
ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value"""
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
_HAS_MODEL = "SELECT 1 FROM logged_models WHERE source_run_id = ? AND status = ? AND lifecycle_stage = 'active'"
_ADD_MODEL = """
INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
                           last_updated_timestamp_ms, status, lifecycle_stage, source_run_id)
VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?)"""
_ADD_OUTPUT = """
INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step)
VALUES (?, 'RUN_OUTPUT', ?, 'MODEL_OUTPUT', ?, 0)"""
_SET_STATUS = "UPDATE runs SET status = ?, end_time = coalesce(?, end_time) WHERE run_uuid = ?"


class LocalWriter(StoreWriter):
    """Writes to the SQLite file of a store that is set up; each call is one transaction."""

    def __init__(self, database: LocalDatabase) -> None:
        self._database = database

    @classmethod
    def of(cls, uri: str) -> LocalWriter | None:
        """Return what writes to the store at an address; None where that is better left to MLflow's client."""
        database = LocalDatabase.of(uri)
        return None if database is None else cls(database)

    def session(self) -> AbstractContextManager[object]:
        """Keep one connection open."""
        return self._database.session()

    def experiment(self, name: str) -> SentExperiment | None:
        """Look for it by its name."""
        with self._database.transaction() as database:
            words = "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?"
            if not (found := database.execute(words, (name,)).fetchall()):
                return None
            ((experiment_id, stage),) = found
            of_experiment = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
            tags = dict(database.execute(of_experiment, (experiment_id,)))
        return SentExperiment(str(experiment_id), stage == "deleted", tags)

    def make_experiment(self, name: str, place: str | None, tags: Texts) -> str:
        """Make an experiment, which is given a place: a local store has none of its own."""
        _check_names(tags)
        now = _now()
        with self._database.transaction() as database:
            made = database.execute(_MAKE_EXPERIMENT, (name, place, now, now)).lastrowid
            database.executemany(_TAG_EXPERIMENT, ((made, *tag) for tag in tags.items()))
        return str(made)

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore all of its runs, as MLflow does."""
        with self._database.transaction() as database:
            database.execute(_RESTORE_EXPERIMENT, (_now(), experiment_id))
            database.execute(_RESTORE_RUNS, (experiment_id,))

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Write one row."""
        _check_names([key])
        with self._database.transaction() as database:
            database.execute(_TAG_EXPERIMENT, (experiment_id, key, value))

    def find(self, experiment_id: str, tags: Texts, *, status: str = "") -> list[SentRun]:
        """Search by tags."""
        words, values = "experiment_id = ? AND lifecycle_stage = 'active'", [experiment_id]
        if status:
            words, values = f"{words} AND status = ?", [*values, status]
        for tag in tags.items():
            words += " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
            values += tag
        with self._database.transaction() as database:
            return _sent(database, f"{words} ORDER BY start_time DESC, run_uuid", values)

    def get(self, run_id: str) -> SentRun:
        """Return a run that is there."""
        with self._database.transaction() as database:
            if not (found := _sent(database, "run_uuid = ?", [run_id])):
                raise StoreError(f"The store {self._database.path} has no run {run_id}.", key="tracking.uri")
            return found[0]

    def begin(self, experiment_id: str, name: str, started: int, tags: Texts) -> SentRun:
        """Make a run."""
        _check_names(tags)
        run_id, all_tags = uuid4().hex, {**tags, _RUN_NAME: name}
        with self._database.transaction() as database:
            artifact_uri = _below(self._place(database, experiment_id), run_id, "artifacts")
            user = tags.get(_USER, "unknown")
            database.execute(_BEGIN, (run_id, name, experiment_id, started, artifact_uri, user))
            _set_tags(database, run_id, all_tags)
        return SentRun(run_id, experiment_id, artifact_uri, started, all_tags)

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
        if (place := _folder(run.artifact_uri)) is None:
            upload(run, files, f"sqlite:///{self._database.path}")
            return
        for path, folder in files.items():
            target = place / folder
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    def has_model(self, run: SentRun) -> bool:
        """Look for a row."""
        with self._database.transaction() as database:
            return bool(database.execute(_HAS_MODEL, (run.run_id, _READY)).fetchall())

    def log_model(self, run: SentRun, model: LoggedModel) -> None:
        """Write its folder, and then its rows: one that is interrupted leaves none."""
        if not model.name or set(model.name) & set(_NOT_IN_MODELS):
            mend = f"It holds none of {' '.join(_NOT_IN_MODELS)}."
            raise StoreError(f"MLflow takes no model of the name {model.name!r}.", mend=mend)
        model_id = f"m-{uuid4().hex}"
        with self._database.transaction() as database:
            artifact_uri = _below(self._place(database, run.experiment_id), "models", model_id, "artifacts")
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / "model"
            save_pyfunc(made, model, run_id=run.run_id, model_id=model_id)
            files = {path: str(path.parent.relative_to(made)) for path in made.rglob("*") if path.is_file()}
            self.send_files(replace(run, artifact_uri=artifact_uri), files)
        with self._run(run.run_id) as database:
            now = _now()
            row = (model_id, run.experiment_id, model.name, artifact_uri, now, now, _READY, run.run_id)
            database.execute(_ADD_MODEL, row)
            database.execute(_ADD_OUTPUT, (uuid4().hex, run.run_id, model_id))

    def _place(self, database: sqlite3.Connection, experiment_id: str) -> str:
        """Return where an experiment keeps its files, which must not be deleted."""
        words = "SELECT artifact_location FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'"
        if not (found := database.execute(words, (experiment_id,)).fetchall()):
            raise StoreError(f"The store {self._database.path} has no experiment {experiment_id}.", key="tracking.uri")
        return str(found[0][0])

    @contextmanager
    def _run(self, run_id: str) -> Iterator[sqlite3.Connection]:
        """Begin to write to a run, which must not be deleted."""
        with self._database.transaction() as database:
            words = "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
            if not database.execute(words, (run_id,)).fetchall():
                raise StoreError(
                    f"The run {run_id} was deleted from the store {self._database.path}.", key="tracking.uri"
                )
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
    columns = "run_uuid, experiment_id, artifact_uri, start_time"
    runs = database.execute(f"SELECT {columns} FROM runs WHERE {words}", values).fetchall()
    of_run = "SELECT key, value FROM tags WHERE run_uuid = ?"
    return [
        SentRun(run_id, str(experiment_id), artifact_uri, started or 0, dict(database.execute(of_run, (run_id,))))
        for run_id, experiment_id, artifact_uri, started in runs
    ]


def _now() -> int:
    return int(time.time() * 1000)


def _below(place: str, *names: str) -> str:
    """Return the address of a folder below another."""
    if _PLACE.fullmatch(place):
        return "/".join((place.rstrip("/"), *names))
    from mlflow.utils.uri import append_to_uri_path

    return str(append_to_uri_path(place, *names))


def _folder(address: str) -> Path | None:
    """Return the folder of an address on this machine, or None of any other."""
    found = _PLACE.fullmatch(address)
    return Path(url2pathname(found[2])) if found else None


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
