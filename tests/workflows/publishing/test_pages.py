"""The pages of a workspace: each experiment once, the last first, with the view that its runs and sweeps ask for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from seqexp.store.mlflow_view import RunsView
from seqexp.store.view_shelf import TAG
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.publishing.address import default_tracking_uri
from seqexp.workflows.publishing.pages import find_pages
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep
from seqexp.workflows.upkeep.sync import sync

SMALL = [
    "data=sine",
    "data.source.sine.length=200",
    "training.epochs=1",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "execution=inline",
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Project:
    """A workspace with a sweep, one run, and one that MLflow does not show; each of an experiment of its own."""
    folder = tmp_path_factory.mktemp("shown")
    shutil.copy(migrated_store, folder / "mlflow.db")
    project = open_project(folder)
    run_sweep(project, plan_sweep(project, [*SMALL, "optimizer.learning_rate=0.001,0.01", "seed=1,2", "name=swept"]))
    request_run(project, project.compose_one([*SMALL, "evaluation.select=val/rmse", "name=single"]))
    request_run(project, project.compose_one([*SMALL, "tracking=none", "name=hidden"]))
    for age, name in enumerate(("hidden", "single", "swept")):
        os.utime(project.runs / name, (1e9 - age, 1e9 - age))
    return project


def _views(project: Project, experiment: str) -> list[str]:
    tags = MlflowClient(default_tracking_uri(project)).get_experiment_by_name(experiment).tags
    return [key.removeprefix(TAG) for key in tags if key.startswith(TAG)]


def test_the_pages_lead_to_the_views(shown: Project) -> None:
    single, swept = find_pages(shown, default_tracking_uri(shown))
    assert (single.experiment, swept.experiment) == ("single", "swept")
    assert single.path.endswith(f"={RunsView('val/rmse').id}")
    assert swept.path.endswith(f"={RunsView('val/mae', ('optimizer.learning_rate', 'seed')).id}")


def test_the_runs_of_a_sweep_add_no_view_to_that_of_the_sweep(shown: Project) -> None:
    assert len(_views(shown, "swept")) == 1


def test_every_figure_and_axis_of_the_view_is_published_as_it_is_called_there(shown: Project) -> None:
    client = MlflowClient(default_tracking_uri(shown))
    experiment = client.get_experiment_by_name("swept")
    (run, *_) = client.search_runs([experiment.experiment_id], "tags.`mlflow.parentRunId` != ''")
    (value,) = (json.loads(value) for key, value in experiment.tags.items() if key.startswith(TAG))
    known = {f"metrics.`{name}`" for name in run.data.metrics} | {f"params.`{name}`" for name in run.data.params}
    absent = {column for column in value["selectedColumns"] if column not in known}
    assert absent == {"metrics.`val/accuracy`", "metrics.`test/accuracy`"}  # of tokens alone
    assert {chart["metricKey"] for chart in value["compareRunCharts"]} <= set(run.data.metrics)


def test_a_search_shows_what_it_chose(project: Project) -> None:
    axes = ["optimizer.learning_rate=interval(0.001,0.01)", "execution.search=random", "execution.trials=1"]
    run_sweep(project, plan_sweep(project, [*SMALL, *axes, "name=sought"]))
    (page,) = find_pages(project, default_tracking_uri(project))
    assert page.path.endswith(f"={RunsView('val/mae', ('optimizer.learning_rate',)).id}")


def test_an_experiment_of_an_earlier_release_gets_the_view_of_its_last_run(shown: Project, tmp_path: Path) -> None:
    shutil.copytree(shown.workspace, tmp_path / "w")
    project = open_project(tmp_path / "w")
    uri = default_tracking_uri(project)
    client = MlflowClient(uri)
    for name in ("single", "swept"):
        for view in _views(project, name):
            client.delete_experiment_tag(client.get_experiment_by_name(name).experiment_id, TAG + view)
    for record in (project.runs / "swept").glob("*/record.json"):
        record.write_text("damaged")
    pages = {page.experiment: page.path for page in find_pages(project, uri)}
    assert pages["single"].endswith(f"={RunsView('val/rmse').id}")
    assert pages["swept"].endswith(f"={RunsView().id}")


def test_what_is_sent_later_has_its_view(shown: Project, tmp_path: Path, migrated_store: Path) -> None:
    shutil.copytree(shown.workspace, tmp_path / "w")
    shutil.copy(migrated_store, tmp_path / "w" / "mlflow.db")
    project = open_project(tmp_path / "w")
    assert list(sync(project))
    assert _views(project, "swept") == [RunsView("val/mae", ("optimizer.learning_rate", "seed")).id]
    assert _views(project, "single") == [RunsView("val/rmse").id]


def test_a_server_that_does_not_answer_is_named_all_the_same(
    shown: Project, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9/")
    said = command("ui", "--workspace", str(shown.workspace))
    assert (said.code, said.out) == (0, "The runs are on a server: http://127.0.0.1:9\n")
    assert "does not answer" in said.err


def test_a_workspace_without_runs_has_no_pages(tmp_path: Path) -> None:
    assert list(find_pages(open_project(tmp_path), "http://127.0.0.1:9")) == []
