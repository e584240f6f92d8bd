"""Epochs in MLflow while runs train, each once, and what a killed process leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.publishing import live
from seqexp.workflows.publishing.live import LiveRun
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.publish_queue import PublishQueue
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

WORDS = [
    "data=sine",
    "data.source.sine.length=200",
    "training.epochs=4",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "execution=inline",
]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PAUSE", 0.0)


@pytest.fixture
def client(workspace: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")


def _steps(client: MlflowClient, run_id: str) -> list[int]:
    return [point.step for point in client.get_metric_history(run_id, "val/loss")]


def test_epochs_are_there_while_a_run_trains(project: Project, client: MlflowClient) -> None:
    publisher, queue = Publisher(client.tracking_uri, project.workspace), PublishQueue()
    spec = project.compose_one(WORDS).spec
    run = LiveRun(publisher, queue, spec, "abc")
    rows = [{"epoch": epoch, "val/loss": 1.0 / epoch, "time": 1e9 + epoch} for epoch in (1, 2, 3)]
    run.heard(rows[:1])
    run.heard(rows)
    assert queue.finish()
    assert queue.failure is None
    assert run.shown is not None
    found = client.get_run(run.shown.run_id)
    assert found.info.status == "RUNNING"
    assert found.data.params["timesteps"] == "14"
    assert _steps(client, run.shown.run_id) == [1, 2, 3]


def test_a_short_run_is_shown_at_its_end_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PAUSE", 60.0)
    run = LiveRun(Publisher("sqlite:///x", project.workspace), PublishQueue(), project.compose_one(WORDS).spec, "abc")
    run.heard([{"epoch": 1, "val/loss": 1.0, "time": 1e9}])
    assert run.shown is None


def test_every_epoch_is_stored_once(project: Project, client: MlflowClient) -> None:
    outcome = request_run(project, project.compose_one(WORDS))
    assert outcome.mlflow_run_id is not None
    found = client.get_run(outcome.mlflow_run_id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["attempt"] == "1"
    assert found.info.run_name.endswith("-1")
    assert "test/mae" in found.data.metrics
    assert _steps(client, outcome.mlflow_run_id) == [1, 2, 3, 4]


def test_the_runs_of_a_sweep_nest_while_they_train(project: Project, client: MlflowClient) -> None:
    class Look(Reporter):
        seen: list[tuple[str, bool]] = []

        def ended(self, number: int, stored: StoredRun | None = None) -> None:
            for run in client.search_runs([e.experiment_id for e in client.search_experiments()]):
                self.seen.append((run.info.status, "mlflow.parentRunId" in run.data.tags))

    plan = plan_sweep(project, [*WORDS, "seed=0,1"])
    result = run_sweep(project, plan, reporter=Look())
    for outcome in result.outcomes:
        assert _steps(client, str(outcome.mlflow_run_id)) == [1, 2, 3, 4]
        assert "mlflow.parentRunId" in client.get_run(str(outcome.mlflow_run_id)).data.tags
    again = run_sweep(project, plan, SweepOptions(force=True))
    assert {outcome.stored.record.attempt for outcome in again.outcomes} == {2}
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert len(runs) == 5  # four attempts and their parent
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_what_a_killed_process_left_running_is_ended(project: Project, client: MlflowClient) -> None:
    publisher = Publisher(client.tracking_uri, project.workspace)
    spec = project.compose_one(WORDS).spec
    left = publisher.open_run(spec, "abc", 1e9, {})
    other = publisher.open_run(spec, "def", 1e9, {})
    again = publisher.open_run(spec, "abc", 1e9, {})
    assert [client.get_run(run_id).info.status for run_id in (left, other, again)] == ["KILLED", "RUNNING", "RUNNING"]


def test_a_killed_sweep_left_runs_and_the_next_ends_them(project: Project, client: MlflowClient) -> None:
    plan = plan_sweep(project, [*WORDS, "seed=0,1"])
    result = run_sweep(project, plan)
    child = client.get_run(str(result.outcomes[0].mlflow_run_id))
    parent = child.data.tags["mlflow.parentRunId"]
    publisher = Publisher(client.tracking_uri, project.workspace)
    left = publisher.open_run(plan.points[0].spec, "abc", 1e9, {"mlflow.parentRunId": parent})
    run_sweep(project, plan, SweepOptions(force=True))
    assert client.get_run(left).info.status == "KILLED"
    assert client.get_run(parent).info.status == "FINISHED"
