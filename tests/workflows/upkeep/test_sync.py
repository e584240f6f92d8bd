"""What a store missed is sent later, once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from seqexp.errors import StoreAway
from seqexp.workflows.project import Project, open_project
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


def test_what_a_closed_server_missed_is_sent_later_and_once(
    tmp_path: Path, migrated_store: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    project = open_project(tmp_path)
    assert request_run(project, project.compose_one([*SMALL, "name=single"])).warning
    plan = plan_sweep(project, [*SMALL, "seed=1,2"])
    assert all(outcome.warning for outcome in run_sweep(project, plan).outcomes)
    request_run(project, project.compose_one([*SMALL, "seed=3", "tracking=none"]))
    said = command("sync")
    assert said.code == 1
    assert "does not answer" in said.err

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    assert len(list(sync(project))) == 4  # a run, two runs of a sweep, the sweep
    assert list(sync(project)) == []
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    of_sweep = client.search_runs([client.get_experiment_by_name("seqexp").experiment_id])
    (parent,) = [run for run in of_sweep if run.data.tags.get("seqexp.kind") == "sweep"]
    assert parent.info.status == "FINISHED"
    assert {run.data.tags["mlflow.parentRunId"] for run in of_sweep if run is not parent} == {parent.info.run_id}
    assert len(of_sweep) == 3
    (model,) = client.search_logged_models([client.get_experiment_by_name("seqexp").experiment_id])
    best = next(value for tag, value in parent.data.tags.items() if tag.startswith("best."))
    assert model.source_run_id == best
    assert len(client.search_runs([client.get_experiment_by_name("single").experiment_id])) == 1


def test_a_store_that_is_away_keeps_nothing_from_the_others(
    tmp_path: Path, migrated_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is named first is away, and what is said of it comes after the others were sent theirs."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    project = open_project(tmp_path)
    other = tmp_path / "other.db"
    shutil.copy(migrated_store, other)
    for seed, uri in enumerate(("http://127.0.0.1:9", f"sqlite:///{other}", "http://127.0.0.1:7")):
        request_run(project, project.compose_one([*SMALL, f"seed={seed}", f"tracking.uri={uri}"]))
    shutil.copy(migrated_store, other)  # it was lost
    with pytest.raises(StoreAway) as told:
        list(sync(project))
    assert len(told.value.problems) == 2
    assert "127.0.0.1:9 " in str(told.value)
    assert "127.0.0.1:7 " in str(told.value)
    client = MlflowClient(f"sqlite:///{other}")
    (run,) = client.search_runs([client.get_experiment_by_name("seqexp").experiment_id])
    assert run.data.params["seed"] == "1"


def test_a_sweep_after_it_changes_nothing(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "seed=1,2"])
    run_sweep(project, plan)
    assert list(sync(project)) == []
