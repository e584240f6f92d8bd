"""The tracking store of one machine: a SQLite file, which is made whole or not at all."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from seqexp.assets import user_cache
from seqexp.errors import StoreError
from seqexp.store.client_writer import ClientWriter
from seqexp.store.outage import suppress_of_store

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
    unfinished = path.with_name(f".{path.name}.new")
    for left in path.parent.glob(f"{unfinished.name}*"):  # with SQLite's journal beside it
        left.unlink()
    if (kept := _kept_store()) is not None:
        shutil.copyfile(kept, unfinished)
    else:
        _set_up(unfinished)
    _add_default(unfinished, path.parent.absolute() / "mlruns" / "0")
    unfinished.rename(path)


def is_current(path: Path) -> bool:
    """Say whether a local store is such as MLflow makes them in the version that is installed.

    MLflow refuses to open any other, and says how it is brought up to date.
    """
    kept = _kept_store()
    return kept is not None and (schema := _schema(kept)) is not None and _schema(path) == schema


def _kept_store() -> Path | None:
    """Return a store without experiments in the user's cache; None where there is no room for it.

    MLflow takes a second to set one up; new ones are copied from this one, and others held against it.
    """
    kept = user_cache() / "mlflow" / f"{version('mlflow')}.db"
    if _is_whole(kept):
        return kept
    with suppress_of_store():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=kept.parent) as scratch:
            made = Path(scratch) / kept.name
            _set_up(made)
            made.rename(kept)
        return kept
    return None


def _set_up(path: Path) -> None:
    ClientWriter(f"{_LOCAL}{path}")
    # The default experiment names this working directory.
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM experiments")


def _add_default(store: Path, place: Path) -> None:
    """Add the experiment that MLflow's fluent functions write to where no other is named."""
    columns = "experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time"
    now = int(time.time() * 1000)
    with closing(sqlite3.connect(store)) as database, database:
        words = f"INSERT INTO experiments ({columns}) VALUES (0, 'Default', ?, 'active', ?, ?)"
        database.execute(words, (str(place), now, now))


def _schema(store: Path) -> str | None:
    """Return what MLflow names the form of a store's tables; None where it is none."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
            return found and str(found[0])
    except sqlite3.Error:
        return None


def _is_whole(store: Path) -> bool:
    """Say whether a kept store can be used: without a fault that SQLite finds, set up to the end, and never used."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True)) as database:
            is_sound = database.execute("PRAGMA quick_check").fetchone() == ("ok",)
            is_set_up = database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
            return is_sound and is_set_up and database.execute("SELECT 1 FROM experiments").fetchone() is None
    except sqlite3.Error:
        return False


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
