"""A local store is made whole or not at all; one that cannot be read is explained."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from seqexp.errors import StoreError
from seqexp.store.local_store import local_path
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.projection import Projection

OPEN = "import sys; from pathlib import Path; from seqexp.store.mlflow_store import MlflowStore; "
OPEN += "MlflowStore(f'sqlite:///{sys.argv[1]}/mlflow.db', Path(sys.argv[1]) / 'mlartifacts')"


def _open(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", OPEN, str(folder)], stderr=subprocess.PIPE)


def test_a_damaged_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("garbage")
    with pytest.raises(StoreError, match=r"not a database.*move it away"):
        MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")


def test_a_folder_in_its_place_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")


def test_one_killed_while_it_is_made_does_no_harm(tmp_path: Path) -> None:
    unfinished = tmp_path / ".mlflow.db.new"
    with _open(tmp_path) as maker:
        while maker.poll() is None and not (unfinished.is_file() and unfinished.stat().st_size > 20_000):
            time.sleep(0.01)
        assert maker.poll() is None, "it was made before it could be killed"
        maker.kill()
    assert not (tmp_path / "mlflow.db").exists()
    MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts").experiment_id("n")
    assert not list(tmp_path.glob(".mlflow.db.new*"))


def test_several_first_starts_at_once_make_one_store(tmp_path: Path) -> None:
    makers = [_open(tmp_path) for _ in range(3)]
    for maker in makers:
        _, said = maker.communicate(timeout=120)
        assert maker.returncode == 0, said.decode()
    assert (tmp_path / "mlflow.db").is_file()


def test_a_server_has_no_path() -> None:
    assert local_path("http://127.0.0.1:5000") is None
    assert local_path("sqlite:////tmp/mlflow.db") == Path("/tmp/mlflow.db")


def test_a_run_that_was_shown_while_it_trained_is_not_shown_twice(tmp_path: Path, migrated_store: Path) -> None:
    """Its end could not be sent, and it was taken for one that was left behind."""
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    store = MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")
    tags = {"run_key": "abcd", "workspace": "w"}
    shown = store.open_run("sales", "abcd", started=5_000, params={}, tags=tags)
    later = store.open_run("sales", "abcd", started=20_000, params={}, tags=tags)  # which ends the first
    run = Projection("sales", "abcd-1", {**tags, "attempt": "1"}, "KILLED", 4_990, 9_000, {}, [], {}, "")
    assert store.publish(run) == shown
    assert store.publish(run) == shown
    second = replace(run, identity={**tags, "attempt": "2"}, started=19_990, ended=30_000, status="FINISHED")
    assert store.publish(second) == later
    assert store.publish(replace(second, identity={**tags, "attempt": "3"}, started=40_000, ended=50_000)) not in (
        shown,
        later,
    )
