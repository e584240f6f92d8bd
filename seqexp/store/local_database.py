"""The SQLite file of a local tracking store, read and written without MLflow, whose import takes more than a second."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from seqexp.store.local_store import local_path

_PATIENCE = 20.0  # seconds to wait for another writer, as MLflow does
_TABLES = {
    "experiments": "artifact_location creation_time experiment_id last_update_time lifecycle_stage name workspace",
    "experiment_tags": "experiment_id key value",
    "runs": "artifact_uri deleted_time end_time entry_point_name experiment_id lifecycle_stage name run_uuid "
    "source_name source_type source_version start_time status user_id",
    "params": "key run_uuid value",
    "metrics": "is_nan key run_uuid step timestamp value",
    "latest_metrics": "is_nan key run_uuid step timestamp value",
    "tags": "key run_uuid value",
    "logged_models": "artifact_location creation_timestamp_ms experiment_id last_updated_timestamp_ms lifecycle_stage "
    "model_id model_type name source_run_id status status_message",
    "inputs": "destination_id destination_type input_uuid source_id source_type step",
}
_WORKSPACES = ("MLFLOW_ENABLE_WORKSPACES", "MLFLOW_WORKSPACE")  # MLflow's own, in one of which a name is looked for
_OF_OTHERS = "SELECT 1 FROM experiments WHERE workspace != 'default' LIMIT 1"


class LocalDatabase:
    """A local store that is set up.

    Attributes:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of_thread = threading.local()

    @classmethod
    def of(cls, uri: str) -> LocalDatabase | None:
        """Return the database at an address, or None where rows of ours might not be what MLflow makes of the same.

        That is where the store is on a server, where MLflow reads another file from the address (one with ``?`` or
        ``%``), where the tables are not those that MLflow 3.13 to 3.17 make, and where its workspaces are used.
        """
        path = local_path(uri)
        if path is None or "?" in uri or "%" in uri or any(map(os.environ.get, _WORKSPACES)):
            return None
        found = cls(path)
        with found.transaction() as database:
            for table, columns in _TABLES.items():
                if {row[1] for row in database.execute(f"PRAGMA table_info({table})")} != set(columns.split()):
                    return None
            return None if database.execute(_OF_OTHERS).fetchall() else found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection; what is written with it is kept at the end of the block, all or nothing.

        Each thread has one, which stays open: for a new one SQLite reads the definitions of MLflow's sixty tables.
        """
        held: _Connection | None = getattr(self._of_thread, "held", None)
        if held is None or not held.is_of(self.path):
            held = self._of_thread.held = _Connection(self.path)
        with held.database as database:
            yield database


class _Connection:
    """An open connection, which is closed when nothing refers to it any more: with its thread, at the latest."""

    def __init__(self, path: Path) -> None:
        there = f"file:{quote(str(path))}?mode=rw"  # not made anew where it was moved away
        # It may be closed by another thread than its own.
        self.database = sqlite3.connect(there, uri=True, timeout=_PATIENCE, check_same_thread=False)
        self.database.execute("PRAGMA foreign_keys = ON")
        self._file = _identity(path)

    def is_of(self, path: Path) -> bool:
        """Whether a path still leads to the file that was opened, which may have been moved away or made anew."""
        return self._file is not None and self._file == _identity(path)

    def __del__(self) -> None:
        if hasattr(self, "database"):  # it could be opened
            self.database.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
