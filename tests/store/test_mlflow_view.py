"""The view that the UI opens with is in its experiment once, in the form that the UI reads, and is nobody's concern."""

from __future__ import annotations

import json
import shutil
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from seqexp.store.client_writer import ClientWriter
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.mlflow_view import RunsView
from seqexp.store.view_shelf import TAG, ViewShelf

LEARNING_RATE = RunsView(axes=("optimizer.learning_rate",))


@pytest.fixture
def store(tmp_path: Path, migrated_store: Path) -> MlflowStore:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return _again(tmp_path)


def _again(folder: Path) -> MlflowStore:
    return MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts")


def _open(store: MlflowStore, view: RunsView, number: int = 0) -> None:
    tags = {"run_key": f"ab{number}", "workspace": "w"}
    store.open_run("sales", f"ab{number}", started=5_000, params={}, tags=tags, view=view)


def _tags(store: MlflowStore) -> dict[str, str]:
    tags = MlflowClient(store.uri).get_experiment_by_name("sales").tags
    return {key.removeprefix(TAG): value for key, value in tags.items() if key.startswith(TAG)}


def test_it_is_read_as_a_named_view_and_as_a_plain_one() -> None:
    view = RunsView("val/mae", ("topology", "topology.units"))
    value = json.loads(view.tag_value(1_700_000_000_000))
    assert (value["name"], value["createdAt"]) == ("seqexp: by val/mae, of topology, topology.units", 1_700_000_000_000)
    head, _, packed = value["state"].partition(";")
    assert head == "deflate"
    assert json.loads(zlib.decompress(b64decode(packed))) == view.state()
    assert {key: value[key] for key in view.state()} == view.state()


@pytest.mark.parametrize("select", ["val/mae", "val/rmse", "val/cross_entropy"])
def test_it_orders_by_validation_and_shows_the_test_beside(select: str) -> None:
    state = RunsView(select, ("topology.units",)).state()
    assert (state["orderByKey"], state["orderByAsc"]) == (f"metrics.`{select}`", True)
    columns = state["selectedColumns"]
    assert columns[:3] == [f"metrics.`{select}`", "params.`topology.name`", "params.`topology.units`"]
    assert f"metrics.`{select.replace('val', 'test')}`" in columns[3:]
    assert len(columns) == len(set(columns))
    assert [chart["metricKey"] for chart in state["compareRunCharts"]][:3] == [select, "train/loss", "val/loss"]


def test_a_server_of_an_earlier_release_takes_it_with_a_dozen_axes() -> None:
    axes = tuple(f"training.early_stopping.patience_{number}" for number in range(12))
    assert len(RunsView(axes=axes).tag_value(1_700_000_000_000)) < 5000  # characters, until 3.17


def test_an_experiment_gets_it_once(store: MlflowStore, tmp_path: Path) -> None:
    _open(store, RunsView())
    before = _tags(store)
    assert list(before) == [RunsView().id]
    _open(_again(tmp_path), RunsView())
    assert _tags(store) == before


def test_an_experiment_that_was_there_without_it_gets_it_too(store: MlflowStore) -> None:
    store.experiment_id("sales")
    assert _tags(store) == {}
    _open(store, RunsView())
    assert list(_tags(store)) == [RunsView().id]


def test_one_with_more_columns_does_for_one_with_fewer_and_not_the_other_way_round(store: MlflowStore) -> None:
    _open(store, RunsView())
    _open(store, LEARNING_RATE)
    assert set(_tags(store)) == {RunsView().id, LEARNING_RATE.id}
    MlflowClient(store.uri).delete_experiment_tag(store.experiment_id("sales"), TAG + RunsView().id)
    _open(store, RunsView())
    assert set(_tags(store)) == {LEARNING_RATE.id}
    _open(store, RunsView("val/rmse"))
    assert set(_tags(store)) == {LEARNING_RATE.id, RunsView("val/rmse").id}


def test_what_people_set_stays_as_it_is(store: MlflowStore) -> None:
    theirs = {
        "0123abcd": '{"name": "mine"}',
        RunsView().id: "changed",
        "seqexp-1": "[1]",
        "seqexp-2": '{"createdAt": 1}',
    }
    for key, value in theirs.items():
        MlflowClient(store.uri).set_experiment_tag(store.experiment_id("sales"), TAG + key, value)
    _open(store, RunsView())
    assert _tags(store) == theirs
    _open(store, LEARNING_RATE)
    assert _tags(store).items() > theirs.items()
    assert LEARNING_RATE.id in _tags(store)


def test_a_store_that_refuses_it_takes_the_runs_and_is_asked_once(
    store: MlflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_long = RunsView(axes=tuple(f"data.{number:0240}" for number in range(90)))
    asked: list[Any] = []
    writer = ClientWriter(store.uri)
    monkeypatch.setattr(store, "_shelf", ViewShelf(writer))
    really = writer.tag_experiment
    monkeypatch.setattr(writer, "tag_experiment", lambda *words: (asked.append(words), really(*words)))
    _open(store, too_long, 1)
    _open(store, too_long, 2)
    assert len(asked) == 1
    assert _tags(store) == {}
    assert len(MlflowClient(store.uri).search_runs([store.experiment_id("sales")])) == 2
    assert store.page_of("sales", too_long) == "/#/experiments/1/runs?workflowType=machine_learning"


def test_many_sweeps_of_an_experiment_leave_room_for_the_views_of_people(store: MlflowStore) -> None:
    views = [RunsView(axes=(f"data.key_{number}",)) for number in range(12)]
    for view in views:
        _open(store, view)
    assert list(_tags(store)) == [view.id for view in views[:10]]


def test_a_page_opens_with_the_last_view(store: MlflowStore) -> None:
    assert store.page_of("sales", RunsView()) is None
    for view in (LEARNING_RATE, RunsView("val/rmse")):
        _open(store, view)
    page = store.page_of("sales", RunsView())
    assert page is not None
    assert page.endswith(f"viewStateShareKey={RunsView('val/rmse').id}")
    MlflowClient(store.uri).delete_experiment(store.experiment_id("sales"))
    assert store.page_of("sales", RunsView()) is None
