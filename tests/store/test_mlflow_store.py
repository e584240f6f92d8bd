"""A local store is made whole or not at all; one that cannot be read is explained."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import seqexp.store.local_store
from seqexp.errors import StoreError
from seqexp.store.client_writer import ClientWriter
from seqexp.store.local_store import local_path
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.projection import LoggedModel, Point, Projection

OPEN = "import sys; from pathlib import Path; from seqexp.store.mlflow_store import MlflowStore; "
OPEN += "MlflowStore(f'sqlite:///{sys.argv[1]}/mlflow.db', Path(sys.argv[1]) / 'mlartifacts')"


def _open(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}  # which has no store to copy
    return subprocess.Popen([sys.executable, "-c", OPEN, str(folder)], stderr=subprocess.PIPE, env=environment)


def _stores(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.db") if path.is_file()]


def test_a_damaged_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("garbage")
    with pytest.raises(StoreError, match=r"not a database.*move it away"):
        MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")


def test_a_folder_in_its_place_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")


def test_one_killed_while_it_is_made_does_no_harm(tmp_path: Path) -> None:
    with _open(tmp_path) as maker:
        while maker.poll() is None and not any(path.stat().st_size > 20_000 for path in _stores(tmp_path / "cache")):
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
    assert store.publish([run]) == [shown]
    assert store.publish([run]) == [shown]
    second = replace(run, identity={**tags, "attempt": "2"}, started=19_990, ended=30_000, status="FINISHED")
    assert store.publish([second]) == [later]
    assert store.publish([replace(second, identity={**tags, "attempt": "3"}, started=40_000, ended=50_000)])[0] not in (
        shown,
        later,
    )


def test_what_is_sent_is_shared_out_to_as_few_calls_as_mlflow_takes(tmp_path: Path, migrated_store: Path) -> None:
    """Each costs a way to the server; a larger one than MLflow takes is refused whole."""
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    store = MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")
    store._writer = writer = ClientWriter(store.uri)
    calls = []
    log_batch = writer._client.log_batch
    writer._client.log_batch = lambda run_id, **batch: calls.append(batch) or log_batch(run_id, **batch)
    identity = {"run_key": "abcd", "workspace": "w", "attempt": "1"}
    params = {f"p{number}": "x" for number in range(130)}
    points = [Point("loss", float(number), number, 5_000) for number in range(1950)]
    run = Projection("sales", "abcd-1", identity, "FINISHED", 5_000, 9_000, params, points, {}, "")
    shown = writer._client.get_run(store.publish([run])[0])
    assert [{kind: len(items) for kind, items in batch.items()} for batch in calls] == [
        {"params": 100},
        {"params": 30, "metrics": 970},
        {"metrics": 980, "tags": 1},
    ]
    assert shown.data.params == params
    assert len(writer._client.get_metric_history(shown.info.run_id, "loss")) == 1950
    assert (shown.info.status, shown.info.end_time) == ("FINISHED", 9_000)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a new store is kept for the next workspace."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "seqexp" / "mlflow" / f"{version('mlflow')}.db"


def _new_store(folder: Path) -> MlflowStore:
    folder.mkdir()
    return MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts")


def test_a_second_store_is_a_copy_that_knows_nothing_of_the_first(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow sets one up in a second, a copy takes none; its default experiment has a place beside it."""
    first = _new_store(tmp_path / "first")
    first.experiment_id("sales")
    made = kept.read_bytes()
    monkeypatch.setattr(seqexp.store.local_store, "_set_up", lambda path: pytest.fail("set up anew"))
    second = _new_store(tmp_path / "second")
    (only,) = MlflowClient(tracking_uri=second.uri).search_experiments()
    assert (only.experiment_id, only.name) == ("0", "Default")
    assert only.artifact_location == str(tmp_path / "second" / "mlruns" / "0")
    assert second.experiment_id("stock") == "1"
    assert kept.read_bytes() == made


@pytest.mark.parametrize("damage", ["cut", "text", "used"])
def test_a_kept_store_that_is_damaged_is_made_anew(
    damage: str, tmp_path: Path, kept: Path, migrated_store: Path
) -> None:
    """Every new workspace would be given the fault."""
    kept.parent.mkdir(parents=True)
    whole = migrated_store.read_bytes()
    kept.write_bytes({"cut": whole[: len(whole) // 2], "text": b"nothing", "used": whole}[damage])
    store = _new_store(tmp_path / "first")
    assert store.experiment_id("sales") == "1"
    with closing(sqlite3.connect(kept)) as database:
        assert database.execute("SELECT count(*) FROM experiments").fetchone() == (0,)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, kept: Path) -> None:
    """The store is set up all the same."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert _new_store(tmp_path / "first").experiment_id("sales") == "1"


def test_one_is_opened_where_the_cache_has_no_room(
    tmp_path: Path, kept: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be on another disk."""

    def is_full(path: Path) -> None:
        if path.name == kept.name:
            raise sqlite3.OperationalError("database or disk is full")
        set_up(path)

    set_up = seqexp.store.local_store._set_up
    monkeypatch.setattr(seqexp.store.local_store, "_set_up", is_full)
    assert MlflowStore(f"sqlite:///{workspace / 'mlflow.db'}", workspace / "mlartifacts").experiment_id("sales") == "1"
    assert _new_store(tmp_path / "first").experiment_id("sales") == "1"
    assert not kept.exists()


def test_the_default_experiment_has_a_place_of_its_own_though_the_address_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = MlflowStore("sqlite:///below/mlflow.db", tmp_path / "mlartifacts")
    default = MlflowClient(tracking_uri=store.uri).get_experiment("0")
    assert default.artifact_location == str(tmp_path / "below" / "mlruns" / "0")


def test_runs_that_are_sent_together_are_told_apart(workspace: Path) -> None:
    """One is there whole, one was shown as it trained, one is new."""
    store = MlflowStore(f"sqlite:///{workspace / 'mlflow.db'}", workspace / "mlartifacts")

    def run(key: str) -> Projection:
        identity = {"run_key": key, "workspace": "w", "attempt": "1"}
        return Projection("sales", f"{key}-1", identity, "FINISHED", 5_000, 9_000, {}, [], {}, "")

    there = store.publish([run("a")])
    tags = {"run_key": "c", "workspace": "w"}
    shown = store.open_run("sales", "c", started=5_000, params={}, tags=tags)
    sent = store.publish([run("b"), run("a"), run("c"), run("d")])
    assert (sent[1], sent[2]) == (*there, shown)
    client = MlflowClient(tracking_uri=store.uri)
    assert [client.get_run(run_id).data.tags["run_key"] for run_id in sent] == ["b", "a", "c", "d"]
    assert store.publish([run("d"), run("b")]) == [sent[3], sent[0]]
    assert len(client.search_runs(["1"])) == 4


def test_a_model_is_added_to_a_run_whose_experiment_was_deleted(workspace: Path) -> None:
    """It is asked for by somebody who names the run; it would be loaded, and be seen by nobody."""
    store = MlflowStore(f"sqlite:///{workspace / 'mlflow.db'}", workspace / "mlartifacts")
    run_id = store.open_run("sales", "abcd", started=5_000, params={}, tags={"run_key": "abcd", "workspace": "w"})
    client = MlflowClient(tracking_uri=store.uri)
    client.delete_experiment("1")
    (workspace / "run").mkdir()
    model = LoggedModel("vector_output", workspace / "run", "seqexp", {"past": (-1, 24, 2)}, (-1, 6, 1), ("numpy",))
    store.add_model("sales", run_id, model)
    assert client.get_run(run_id).info.lifecycle_stage == "active"
    assert len(client.search_logged_models(["1"])) == 1


def test_one_of_another_release_of_mlflow_is_refused_in_its_words(workspace: Path) -> None:
    """Its server would refuse it, too, when all is written."""
    with closing(sqlite3.connect(workspace / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'f5a4f2784254'")
    with pytest.raises(StoreError, match="out-of-date database schema"):
        MlflowStore(f"sqlite:///{workspace / 'mlflow.db'}", workspace / "mlartifacts")


PUBLISH = """
import sys
from pathlib import Path
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.mlflow_view import RunsView
from seqexp.store.projection import LoggedModel, Point, Projection, SweepProjection

folder = Path(sys.argv[1])
store = MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts")
sweep = store.open_sweep(SweepProjection("sales", "sweep", {"sweep_key": "s"}, 1_000, {}, {}, view=RunsView()))
identity = {"run_key": "abcd", "workspace": "w", "attempt": "1"}
model = LoggedModel("vector_output", folder / "run", "seqexp", {"past": (-1, 24, 2)}, (-1, 6, 1), ("numpy",))
points = [Point("loss", 0.5, 1, 2_000)]
tags = {"mlflow.parentRunId": sweep}
store.publish([Projection("sales", "a", identity, "FINISHED", 1_000, 2_000, {}, points, tags, "", model=model)])
store.close_sweep(sweep, "FINISHED", 3_000, metrics={}, tags={}, texts={"plan.json": "{}"}, table={"rank": [1]})
print(store.page_of("sales", RunsView()))
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"mlflow", "sqlalchemy", "tensorflow"}))
"""


def test_a_sweep_is_shown_in_a_local_store_without_the_import_of_mlflow(tmp_path: Path, migrated_store: Path) -> None:
    """It takes more than a second, while training takes what there is of the machine."""
    (tmp_path / "run").mkdir()
    said = subprocess.run([sys.executable, "-c", PUBLISH, str(tmp_path)], capture_output=True, text=True, check=True)
    page, imported = said.stdout.splitlines()
    assert page.startswith("/#/experiments/1/runs?")
    assert imported == ""
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert {run.info.run_name: run.info.status for run in client.search_runs(["1"])} == dict.fromkeys(
        ("sweep", "a"), "FINISHED"
    )
    assert len(client.search_logged_models(["1"])) == 1
