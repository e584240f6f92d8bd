"""What writes to a tracking store, whichever way: MLflow's client reads back what was asked for."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient

from seqexp.errors import StoreError
from seqexp.store.client_writer import ClientWriter
from seqexp.store.local_database import LocalDatabase
from seqexp.store.local_writer import LocalWriter
from seqexp.store.mlflow_settings import mlflow_settings
from seqexp.store.projection import LoggedModel, Point, Projection
from seqexp.store.store_writer import NewRun, StoreWriter

TAGS = {"run_key": "abcd", "workspace": "w", "mlflow.user": "ada", "odd": 'it\'s "so" \\ %'}
POINTS = [
    Point("loss", 0.5, 2, 2_000),
    Point("loss", 0.7, 1, 1_000),
    Point("loss", 0.4, 2, 1_999),
    Point("test/target/Größe _cm_/mae", 3.0, 0, 9_000),
    Point("whole", 7, 3, 9_000),
    Point("none", float("nan"), 0, 9_000),
    Point("far", float("-inf"), 0, 9_000),
    Point("far", float("inf"), 1, 9_000),
]


class Store:
    """A local store with one experiment, and both ways to write to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mlflow.db"
        self.client = MlflowClient(tracking_uri=f"sqlite:///{self.path}")
        self.experiment = self.client.create_experiment("sales", artifact_location=(folder / "mlartifacts").as_uri())
        self.ways: dict[str, Callable[[], StoreWriter]] = {
            "client": lambda: ClientWriter(f"sqlite:///{self.path}"),
            "local": lambda: LocalWriter(LocalDatabase(self.path)),
        }

    def execute(self, words: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as database, database:
            return database.execute(words).fetchall()


@pytest.fixture
def store(tmp_path: Path, migrated_store: Path) -> Store:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    with mlflow_settings():
        return Store(tmp_path)


@pytest.fixture(params=["client", "local"])
def writer(store: Store, request: pytest.FixtureRequest) -> StoreWriter:
    return store.ways[request.param]()


def test_a_run_is_there_as_it_was_written(store: Store, writer: StoreWriter) -> None:
    begun = writer.begin(store.experiment, "abcd-1", 1_000, TAGS)
    assert begun == writer.get(begun.run_id)
    assert begun.experiment_id == store.experiment
    assert begun.artifact_uri.endswith(f"/mlartifacts/{begun.run_id}/artifacts")
    writer.log(begun.run_id, {"topology.units": "32", "long": "x" * 7_000}, POINTS, {"odd": "new", "more": "y" * 9_000})
    assert store.client.get_run(begun.run_id).info.status == "RUNNING"
    writer.set_status(begun.run_id, "FAILED", 9_500)
    writer.rename(begun.run_id, "abcd-2")
    shown = store.client.get_run(begun.run_id)
    assert (shown.info.run_name, shown.info.status, shown.info.lifecycle_stage) == ("abcd-2", "FAILED", "active")
    assert (shown.info.start_time, shown.info.end_time) == (1_000, 9_500)
    assert shown.data.params == {"topology.units": "32", "long": "x" * 6_000}
    assert shown.data.tags == {**TAGS, "odd": "new", "more": "y" * 8_000, "mlflow.runName": "abcd-2"}
    last = {**shown.data.metrics, "none": str(shown.data.metrics["none"])}
    assert last == {"loss": 0.5, POINTS[3].name: 3.0, "whole": 7.0, "none": "nan", "far": 1.7976931348623157e308}
    history = store.client.get_metric_history(begun.run_id, "loss")
    assert sorted((one.step, one.timestamp, one.value) for one in history) == [
        (1, 1_000, 0.7),
        (2, 1_999, 0.4),
        (2, 2_000, 0.5),
    ]


def test_what_is_written_again_is_stored_once(store: Store, writer: StoreWriter) -> None:
    run_id = writer.begin(store.experiment, "abcd-1", 1_000, TAGS).run_id
    for points in (POINTS[:2], POINTS, POINTS[:3]):
        writer.log(run_id, {"topology.units": "32"}, points, {"odd": "new"})
    assert len(store.client.get_metric_history(run_id, "loss")) == 3
    assert store.client.get_run(run_id).data.metrics["loss"] == 0.5, "an earlier step became the last value"


def test_runs_are_found_by_all_their_tags_the_newest_first(store: Store, writer: StoreWriter) -> None:
    first, second, third = (
        writer.begin(store.experiment, str(started), started, {"run_key": key, "workspace": "w"}).run_id
        for started, key in ((1_000, "abcd"), (3_000, "abcd"), (2_000, "abce"))
    )
    other = store.client.create_experiment("stock")
    writer.begin(other, "elsewhere", 1_000, {"run_key": "abcd", "workspace": "w"})
    key = {"run_key": "abcd", "workspace": "w"}
    assert [run.run_id for run in writer.find(store.experiment, key)] == [second, first]
    assert [run.run_id for run in writer.find(store.experiment, {"workspace": "w"})] == [second, third, first]
    assert [run.started for run in writer.find(store.experiment, key)] == [3_000, 1_000]
    assert writer.find(store.experiment, key)[0].tags["mlflow.runName"] == "3000"
    assert writer.find(store.experiment, {"run_key": "ABCD"}) == []
    writer.set_status(second, "KILLED", 4_000)
    assert [run.run_id for run in writer.find(store.experiment, key, status="RUNNING")] == [first]
    writer.set_status(second, "RUNNING")
    assert [run.run_id for run in writer.find(store.experiment, key, status="RUNNING")] == [second, first]
    store.client.delete_run(second)
    assert [run.run_id for run in writer.find(store.experiment, key)] == [first]


def test_files_lie_among_the_artifacts(store: Store, writer: StoreWriter, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    (tmp_path / "forecast.png").write_bytes(b"png")
    run = writer.begin(store.experiment, "abcd-1", 1_000, TAGS)
    files = {tmp_path / "record.json": "", tmp_path / "forecast.png": "figures/more"}
    for _ in range(2):
        writer.send_files(run, files)
    assert [one.path for one in store.client.list_artifacts(run.run_id)] == ["figures", "record.json"]
    (figure,) = store.client.list_artifacts(run.run_id, "figures/more")
    assert (figure.path, figure.file_size) == ("figures/more/forecast.png", 3)


@pytest.mark.parametrize("place", ["a folder/with space %20", "plain", "plain#2"])
def test_an_experiment_that_somebody_made_keeps_its_artifacts_where_they_said(
    place: str, store: Store, writer: StoreWriter, tmp_path: Path
) -> None:
    folder = tmp_path / place
    location = str(folder) if place.startswith("plain") else folder.as_uri()
    experiment = store.client.create_experiment("theirs", artifact_location=location)
    (tmp_path / "record.json").write_text("{}")
    run = writer.begin(experiment, "abcd-1", 1_000, {})
    writer.send_files(run, {tmp_path / "record.json": ""})
    assert [path.name for path in folder.rglob("*.json")] == ["record.json"]
    assert [one.path for one in store.client.list_artifacts(run.run_id)] == ["record.json"]
    writer.log_model(run, _model(tmp_path))
    (output,) = store.client.get_run(run.run_id).outputs.model_outputs
    assert "MLmodel" in [one.path for one in store.client.list_logged_model_artifacts(output.model_id)]


@pytest.mark.parametrize("name", ["a%b", "a//b", "../b", "x" * 251])
@pytest.mark.parametrize("kind", ["params", "points", "tags"])
def test_a_name_that_mlflow_does_not_take_is_refused(kind: str, name: str, store: Store, writer: StoreWriter) -> None:
    run_id = writer.begin(store.experiment, "abcd-1", 1_000, {}).run_id
    logged = {"params": {"units": "32"}, kind: [Point(name, 1.0, 0, 9)] if kind == "points" else {name: "x"}}
    with pytest.raises((StoreError, MlflowException)):
        writer.log(run_id, **logged)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["log", "rename", "set_status", "finish"])
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_run_that_was_deleted_is_not_written_to(is_gone: bool, call: str, store: Store, writer: StoreWriter) -> None:
    """It would be noted as sent, and be seen by nobody."""
    run_id = writer.begin(store.experiment, "abcd-1", 1_000, {}).run_id
    store.client.delete_run(run_id)
    if is_gone:
        store.execute("DELETE FROM tags")
        store.execute("DELETE FROM runs")
    arguments = {
        "log": ({"units": "32"},),
        "rename": ("abcd-2",),
        "set_status": ("FINISHED", 9_000),
        "finish": ("FINISHED", 9_000, {}, [], {}),
    }[call]
    with pytest.raises((StoreError, MlflowException)):
        getattr(writer, call)(run_id, *arguments)


def test_an_experiment_is_found_by_its_name(store: Store, writer: StoreWriter) -> None:
    assert writer.experiment("stock") is None
    store.client.set_experiment_tag(store.experiment, "view", "wide")
    found = writer.experiment("sales")
    assert found is not None
    assert (found.experiment_id, found.is_deleted, found.tags["view"]) == (store.experiment, False, "wide")
    store.client.delete_experiment(store.experiment)
    assert writer.experiment("sales").is_deleted  # type: ignore[union-attr]
    with pytest.raises((StoreError, MlflowException)):
        writer.begin(store.experiment, "abcd-1", 1_000, {})


def test_calls_are_kept_one_by_one(store: Store, writer: StoreWriter) -> None:
    """MLflow's client writes between them, and finds what was written before."""
    run = writer.begin(store.experiment, "abcd-1", 1_000, TAGS)
    store.client.set_tag(run.run_id, "odd", "new")
    writer.finish(run.run_id, "FINISHED", 9_000, {"units": "32"}, POINTS, {"more": "y"})
    assert store.client.get_run(run.run_id).info.status == "FINISHED"
    assert writer.get(run.run_id).tags["odd"] == "new"
    assert store.client.get_run(run.run_id).data.params == {"units": "32"}


def _over(files: dict[Path, str], points: list[Point]) -> Projection:
    return Projection("sales", "abcd-1", {}, "FAILED", 1_000, 9_000, {"units": "32"}, points, {}, "", files)


def test_a_run_that_is_over_is_added_whole(store: Store, writer: StoreWriter, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    added = _over({tmp_path / "record.json": ""}, POINTS)
    both = [NewRun(store.experiment, added, TAGS, {"sent": "1"}), NewRun(store.experiment, _over({}, []), {}, {})]
    run_id, other = writer.add(both)
    assert store.client.get_run(other).data.metrics == {}
    shown = store.client.get_run(run_id)
    assert (shown.info.run_name, shown.info.status) == ("abcd-1", "FAILED")
    assert (shown.info.start_time, shown.info.end_time) == (1_000, 9_000)
    assert shown.data.params == {"units": "32"}
    assert shown.data.tags == {**TAGS, "sent": "1", "mlflow.runName": "abcd-1"}
    assert shown.data.metrics["loss"] == 0.5
    assert [one.path for one in store.client.list_artifacts(run_id)] == ["record.json"]


def test_an_experiment_is_made_and_restored_with_its_runs(store: Store, writer: StoreWriter, tmp_path: Path) -> None:
    place = (tmp_path / "a folder").as_uri()
    experiment_id = writer.make_experiment("stock", place, {"kind": "models"})
    writer.tag_experiment(experiment_id, "view", "wide")
    writer.tag_experiment(experiment_id, "view", "narrow")
    shown = store.client.get_experiment(experiment_id)
    assert (shown.name, shown.artifact_location, shown.lifecycle_stage) == ("stock", place, "active")
    assert shown.tags == {"kind": "models", "view": "narrow"}
    run_id = writer.begin(experiment_id, "abcd-1", 1_000, {}).run_id
    store.client.delete_experiment(experiment_id)
    writer.restore_experiment(experiment_id)
    assert store.client.get_experiment(experiment_id).lifecycle_stage == "active"
    assert store.client.get_run(run_id).info.lifecycle_stage == "active"
    with pytest.raises((sqlite3.IntegrityError, MlflowException)):
        writer.make_experiment("stock", place, {})


def _model(folder: Path, name: str = "vector_output") -> LoggedModel:
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "model.keras").write_bytes(b"weights")
    return LoggedModel(name, folder / "run", "seqexp.workflows.serving", {"past": (-1, 24, 2)}, (-1, 6, 1), ("numpy",))


def test_a_model_is_logged_as_what_came_of_a_run(store: Store, writer: StoreWriter, tmp_path: Path) -> None:
    run = writer.begin(store.experiment, "abcd-1", 1_000, TAGS)
    assert not writer.has_model(run)
    writer.log_model(run, _model(tmp_path))
    assert writer.has_model(run)
    (output,) = store.client.get_run(run.run_id).outputs.model_outputs
    shown = store.client.get_logged_model(output.model_id)
    assert (shown.name, shown.status, shown.source_run_id) == ("vector_output", "READY", run.run_id)
    assert shown.artifact_location.endswith(f"/mlartifacts/models/{output.model_id}/artifacts")
    described = Model.load(shown.artifact_location.removeprefix("file://"))
    assert (described.run_id, described.model_id) == (run.run_id, output.model_id)
    assert described.signature.inputs.inputs[0].shape == (-1, 24, 2)
    listed = [one.path for one in store.client.list_logged_model_artifacts(output.model_id)]
    assert sorted(listed) == ["MLmodel", "conda.yaml", "data", "python_env.yaml", "requirements.txt"]
    store.client.delete_logged_model(output.model_id)
    assert not writer.has_model(run)


def test_a_model_that_was_not_logged_to_the_end_is_none(store: Store, writer: StoreWriter) -> None:
    run = writer.begin(store.experiment, "abcd-1", 1_000, TAGS)
    store.client.create_logged_model(store.experiment, name="vector_output", source_run_id=run.run_id)
    assert not writer.has_model(run)


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "50%"])
def test_a_model_of_a_name_that_mlflow_does_not_take_is_refused(
    name: str, store: Store, writer: StoreWriter, tmp_path: Path
) -> None:
    run = writer.begin(store.experiment, "abcd-1", 1_000, TAGS)
    with pytest.raises((StoreError, MlflowException)):
        writer.log_model(run, _model(tmp_path, name))


def _rows(store: Store) -> dict[str, list[Any]]:
    """Return every row of every table, without what is drawn by chance."""
    tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    run_ids = [run_id for (run_id,) in store.execute("SELECT run_uuid FROM runs ORDER BY start_time")]
    rows = {}
    for table in tables:
        texts = [repr(row) for row in store.execute(f"SELECT * FROM {table}")]
        for number, run_id in enumerate(run_ids):
            texts = [text.replace(run_id, f"run {number}") for text in texts]
        texts = [re.sub(r"\b(m-)?[0-9a-f]{32}\b", r"\1some id", text) for text in texts]
        rows[table] = sorted(re.sub(r"\b1\d{12}\b", "now", text) for text in texts)
    return rows


def test_both_ways_leave_the_same_rows_in_all_tables(tmp_path: Path, migrated_store: Path) -> None:
    """A new MLflow may keep more of a run than the rows that are written without it."""
    left = []
    for way in ("client", "local"):
        shutil.copy(migrated_store, tmp_path / "mlflow.db")
        store = Store(tmp_path)
        writer = store.ways[way]()
        experiment = writer.make_experiment("stock", (tmp_path / "mlartifacts").as_uri(), {"kind": "models"})
        writer.tag_experiment(experiment, "view", "wide")
        for started in (1_000, 2_000):
            run = writer.begin(experiment, "abcd-1", started, TAGS)
            run_id = run.run_id
            writer.log(run_id, {"units": "32"}, POINTS)
            writer.log(run_id, {}, [Point("loss", 0.1, 9, 9_000)], {"odd": "new", "more": "y"})
            writer.rename(run_id, "abcd-2")
            writer.finish(run_id, "FINISHED", 9_500, {"seed": "1"}, [Point("loss", 0.2, 8, 9_100)], {"sent": "1"})
            writer.log_model(run, _model(tmp_path))
        writer.add([NewRun(experiment, replace(_over({}, POINTS), started=3_000), TAGS, {"sent": "1"})])
        store.client.delete_experiment(experiment)
        writer.restore_experiment(experiment)
        left.append(_rows(store))
    by_client, by_local = left
    assert by_client == by_local
    assert len(by_local["metrics"]) == 2 * (len(POINTS) + 2) + len(POINTS)
    assert len(by_local["logged_models"]) == len(by_local["inputs"]) == 2
