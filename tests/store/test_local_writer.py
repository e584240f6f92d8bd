"""A local store that is written to without MLflow: in trouble; and which stores are left to MLflow."""

from __future__ import annotations

import gc
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from seqexp.errors import StoreError
from seqexp.store.client_writer import ClientWriter
from seqexp.store.local_database import LocalDatabase
from seqexp.store.local_writer import LocalWriter
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.projection import LoggedModel, Point, Projection
from seqexp.store.store_writer import NewRun

EXPERIMENT = "1"


@pytest.fixture
def path(workspace: Path) -> Path:
    """The file of a store."""
    return workspace / "mlflow.db"


@pytest.fixture
def writer(path: Path) -> LocalWriter:
    """What writes to it; it has one experiment."""
    writer = LocalWriter(LocalDatabase(path))
    assert writer.make_experiment("sales", (path.parent / "mlartifacts").as_uri(), {}) == EXPERIMENT
    return writer


def _execute(path: Path, words: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(words).fetchall()


def test_one_that_is_added_and_refused_is_not_there(writer: LocalWriter, path: Path, tmp_path: Path) -> None:
    """Not half of it: that would be taken for a run that is still trained. Nor do its files take room."""
    (tmp_path / "run").mkdir()
    record = tmp_path / "run" / "record.json"
    record.write_text("{}")
    good = Projection("sales", "a", {}, "FAILED", 1, 2, {}, [Point("loss", 1.0, 0, 9)], {}, "", {record: ""})
    bad = replace(good, points=[Point("a%b", 1.0, 0, 9)])
    with pytest.raises(StoreError):
        writer.add([NewRun(EXPERIMENT, one, {}, {}) for one in (good, bad)])
    assert _execute(path, "SELECT * FROM runs") == []
    run = writer.begin(EXPERIMENT, "abcd-1", 1_000, {})
    MlflowClient(f"sqlite:///{path}").delete_run(run.run_id)
    model = LoggedModel("vector_output", record.parent, "seqexp", {"past": (-1, 24, 2)}, (-1, 6, 1), ("numpy",))
    with pytest.raises(StoreError):
        writer.log_model(run, model)
    assert [path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()] == []


def test_a_store_is_let_go_of_in_whatever_thread(path: Path) -> None:
    """Connections of other threads are closed with it, which may still be at something else."""
    writers = [LocalWriter(LocalDatabase(path))]
    was_used, is_over = threading.Event(), threading.Event()

    def use() -> None:
        writers[0].experiment("sales")
        was_used.set()
        is_over.wait()

    worker = threading.Thread(target=use)
    worker.start()
    was_used.wait()
    writers.clear()
    gc.collect()
    is_over.set()
    worker.join()


def test_a_store_that_is_moved_away_meanwhile_is_not_written_to(writer: LocalWriter, path: Path) -> None:
    """Its file is open all the time."""
    writer.begin(EXPERIMENT, "abcd-1", 1_000, {})
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(sqlite3.OperationalError):
        writer.begin(EXPERIMENT, "abcd-2", 2_000, {})
    shutil.copy(away, path)
    writer.begin(EXPERIMENT, "abcd-3", 3_000, {})
    assert _execute(path, "SELECT name FROM runs ORDER BY name") == [("abcd-1",), ("abcd-3",)]


def test_a_store_with_other_tables_is_left_to_the_client(path: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{path}"
    assert isinstance(MlflowStore(uri, tmp_path)._writer, LocalWriter)
    _execute(path, "ALTER TABLE runs ADD COLUMN archived_at BIGINT")
    assert isinstance(MlflowStore(uri, tmp_path)._writer, ClientWriter)


@pytest.mark.usefixtures("writer")
def test_so_is_one_in_which_workspaces_of_mlflow_are_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the name of an experiment does not tell which it is."""
    uri = f"sqlite:///{path}"
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_WORKSPACE", "team")
        assert LocalWriter.of(uri) is None
    assert LocalWriter.of(uri) is not None
    _execute(path, "UPDATE experiments SET workspace = 'team' WHERE name = 'sales'")
    assert LocalWriter.of(uri) is None


def test_so_is_one_whose_address_names_another_file_to_mlflow(tmp_path: Path, migrated_store: Path) -> None:
    (tmp_path / "store").mkdir()
    shutil.copy(migrated_store, tmp_path / "store" / "mlflow.db")
    assert LocalWriter.of(f"sqlite:///{tmp_path}/./store//mlflow.db") is not None
    for name in ("mlflow.db?timeout=5", "a%20b.db"):
        shutil.copy(migrated_store, tmp_path / name)
        assert LocalWriter.of(f"sqlite:///{tmp_path / name}") is None


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5000", "databricks", "uc:profile", "postgresql://user:p@ss@host/db"])
def test_so_is_one_on_a_server(uri: str) -> None:
    """Not every address of one is such as SQLAlchemy can read."""
    assert LocalWriter.of(uri) is None


def test_a_run_and_an_experiment_that_are_gone_are_named(writer: LocalWriter, path: Path) -> None:
    with pytest.raises(StoreError, match="no run beef"):
        writer.get("beef")
    with pytest.raises(StoreError, match="no experiment 77"):
        writer.begin("77", "abcd-1", 1_000, {})
    path.unlink()
    with pytest.raises(sqlite3.OperationalError):
        writer.get("beef")
    assert not path.exists(), "an empty file stands where the store was"


def test_nothing_of_a_call_that_fails_is_kept(writer: LocalWriter, path: Path) -> None:
    run_id = writer.begin(EXPERIMENT, "abcd-1", 1_000, {}).run_id
    with pytest.raises((sqlite3.Error, TypeError)):
        writer.log(run_id, {"units": "32"}, tags={"odd": b"bytes".hex})  # type: ignore[dict-item]
    assert MlflowClient(f"sqlite:///{path}").get_run(run_id).data.params == {}
