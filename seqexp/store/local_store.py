"""The tracking store of one machine: a SQLite file, which is made whole or not at all."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from seqexp.errors import StoreError

_LOCAL = "sqlite:///"


def local_path(uri: str) -> Path | None:
    """Return the file of a local store, or None where the store is on a server."""
    return Path(uri[len(_LOCAL) :]) if uri.startswith(_LOCAL) else None


def may_hold(uri: str, run_id: str) -> bool:
    """Say whether a store may hold a run, without opening it with MLflow (which takes seconds).

    Of a local store it is known: a file that was deleted, or made anew, holds no run of before. A server is believed.
    """
    if (path := local_path(uri)) is None:
        return True
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM runs WHERE run_uuid = ?", (run_id,)).fetchone() is not None
    except sqlite3.Error:
        return False


def make_store(path: Path) -> None:
    """Set up a local store under another name and rename it: one that is cut off half-way could never be opened."""
    from mlflow.tracking import MlflowClient

    unfinished = path.with_name(f".{path.name}.new")
    for left in path.parent.glob(f"{unfinished.name}*"):  # with SQLite's journal beside it
        left.unlink()
    MlflowClient(tracking_uri=f"{_LOCAL}{unfinished}").search_experiments(max_results=1)
    unfinished.rename(path)


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Let one process at a time set up a local store: several that migrate a new one at once break it for good."""
    path = local_path(uri)
    if path is None:
        yield
        return
    if path.is_dir():
        raise StoreError(f"{path} is a folder.", key="tracking.uri", mend="Name the file of an SQLite store.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
