"""The rows that MLflow's tables hold of experiments, runs and models: what MLflow's client would have written."""

from __future__ import annotations

import math
import posixpath
import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from uuid import uuid4

from seqexp.errors import StoreError
from seqexp.store.projection import Point
from seqexp.store.store_writer import LONGEST_PARAM, LONGEST_TAG, SentRun, Texts

_LARGEST = 1.7976931348623157e308  # what MLflow keeps of an infinite number
RUN_NAME, _USER = "mlflow.runName", "mlflow.user"  # tags that stand in a run's row, too
_NAME = re.compile(r"[/\w.\- :]{1,250}")  # of params, metrics and tags
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
_RENAME = "UPDATE runs SET name = ? WHERE run_uuid = ?"
_SET_STATUS = "UPDATE runs SET status = ?, end_time = coalesce(?, end_time) WHERE run_uuid = ?"


def make_experiment(database: sqlite3.Connection, name: str, place: str | None, tags: Texts) -> str:
    """Add an experiment with its tags, and return its id."""
    check_names(tags)
    now = _now()
    made = database.execute(_MAKE_EXPERIMENT, (name, place, now, now)).lastrowid
    database.executemany(_TAG_EXPERIMENT, ((made, *tag) for tag in tags.items()))
    return str(made)


def restore_experiment(database: sqlite3.Connection, experiment_id: str) -> None:
    """Take an experiment out of the trash, and all of its runs."""
    database.execute(_RESTORE_EXPERIMENT, (_now(), experiment_id))
    database.execute(_RESTORE_RUNS, (experiment_id,))


def tag_experiment(database: sqlite3.Connection, experiment_id: str, key: str, value: str) -> None:
    """Add a tag to an experiment, or change it."""
    check_names([key])
    database.execute(_TAG_EXPERIMENT, (experiment_id, key, value))


def begin_run(database: sqlite3.Connection, run: SentRun) -> None:
    """Add a run, which is running."""
    user = run.tags.get(_USER, "unknown")
    database.execute(_BEGIN, (run.run_id, run.tags[RUN_NAME], run.experiment_id, run.started, run.artifact_uri, user))
    database.executemany(_SET_TAG, ((run.run_id, *tag) for tag in run.tags.items()))


def rename_run(database: sqlite3.Connection, run_id: str, name: str) -> None:
    """Give a run another name."""
    database.execute(_RENAME, (name, run_id))
    set_tags(database, run_id, {RUN_NAME: name})


def set_status(database: sqlite3.Connection, run_id: str, status: str, ended: int | None) -> None:
    """Say what a run is at, and when it ended, if it has."""
    database.execute(_SET_STATUS, (status, ended, run_id))


def log(database: sqlite3.Connection, run_id: str, params: Texts, points: Sequence[Point], tags: Texts) -> None:
    """Add to a run what is not there yet; a tag takes its new value."""
    check_names({**params, **tags}.keys() | {point.name for point in points})
    rows = [(run_id, point.name, int(point.step), point.time, *_stored(float(point.value))) for point in points]
    rows.sort()  # near ones of the table stand together, and the last of each metric is the last here
    database.executemany(_ADD_PARAM, ((run_id, key, value[:LONGEST_PARAM]) for key, value in sorted(params.items())))
    database.executemany(_ADD_POINT, rows)
    database.executemany(_KEEP_LATEST, {row[1]: row for row in rows}.values())  # as tables of runs show it
    set_tags(database, run_id, tags)


def set_tags(database: sqlite3.Connection, run_id: str, tags: Texts) -> None:
    """Give a run tags, or new values for them; cut, where MLflow cuts them, but for those that a run begins with."""
    database.executemany(_SET_TAG, ((run_id, key, value[:LONGEST_TAG]) for key, value in tags.items()))


def find_runs(database: sqlite3.Connection, words: str, values: Sequence[str]) -> list[SentRun]:
    """Return the runs that a condition in SQL holds of, with their tags."""
    columns = "run_uuid, experiment_id, artifact_uri, start_time"
    runs = database.execute(f"SELECT {columns} FROM runs WHERE {words}", values).fetchall()
    of_run = "SELECT key, value FROM tags WHERE run_uuid = ?"
    return [
        SentRun(run_id, str(experiment_id), artifact_uri, started or 0, dict(database.execute(of_run, (run_id,))))
        for run_id, experiment_id, artifact_uri, started in runs
    ]


def has_model(database: sqlite3.Connection, run_id: str) -> bool:
    """Whether a model of a run is there whole."""
    return bool(database.execute(_HAS_MODEL, (run_id, _READY)).fetchall())


def add_model(database: sqlite3.Connection, run: SentRun, name: str, model_id: str, artifact_uri: str) -> None:
    """Add a model, which is there whole, as what came of a run."""
    now = _now()
    database.execute(_ADD_MODEL, (model_id, run.experiment_id, name, artifact_uri, now, now, _READY, run.run_id))
    database.execute(_ADD_OUTPUT, (uuid4().hex, run.run_id, model_id))


def check_names(names: Iterable[str]) -> None:
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
    if -_LARGEST <= value <= _LARGEST:
        return value, False
    return (0.0, True) if math.isnan(value) else (math.copysign(_LARGEST, value), False)


def _now() -> int:
    return int(time.time() * 1000)
