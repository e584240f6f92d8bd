"""When the runs of a sweep are sent to MLflow: together, and none of them late."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from mlflow.tracking import MlflowClient

from seqexp.workflows.project import Project
from seqexp.workflows.publishing.publish import Publisher, Sending
from seqexp.workflows.sweeping import sweep_driver
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

WORDS = ["data=sine", "data.source.sine.length=200", "topology=vector_output", "topology.units=2", "timesteps=6"]
WORDS += ["output_length=3", "training.epochs=2", "execution=inline"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs were sent each time."""
    counts: list[int] = []
    really = Publisher.publish_all

    def publish_all(publisher: Publisher, runs: Sequence[Sending]) -> list[str]:
        counts.append(len(runs))
        return really(publisher, runs)

    monkeypatch.setattr(Publisher, "publish_all", publish_all)
    return counts


def test_runs_that_end_soon_after_each_other_are_sent_together(
    project: Project, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_driver, "_PAUSE", 1000.0)
    result = run_sweep(project, plan_sweep(project, [*WORDS, "seed=0,1,2,3"]))
    assert sent == [1, 3], "the first at once, the others when the sweep is over"
    assert result.warnings == []
    client = MlflowClient(tracking_uri=f"sqlite:///{project.workspace / 'mlflow.db'}")
    for outcome in result.outcomes:
        tags = client.get_run(outcome.mlflow_run_id).data.tags
        assert (tags["run_key"], tags["mlflow.runName"][:13]) == (outcome.stored.record.run_key, "vector_output")


def test_no_more_runs_are_sent_together_than_a_store_is_to_be_locked_for(
    project: Project, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a sweep that is resumed thousands may be unsent, each with its files and points in memory."""
    words = [*WORDS, "seed=0,1,2,3,4,5"]
    run_sweep(project, plan_sweep(project, [*words, "tracking=none"]))
    monkeypatch.setattr(sweep_driver, "_PAUSE", 1000.0)
    monkeypatch.setattr(sweep_driver, "_MOST", 2)
    result = run_sweep(project, plan_sweep(project, words))
    assert sent == [1, 2, 2, 1]
    assert all(outcome.was_done and outcome.mlflow_run_id for outcome in result.outcomes)


def test_a_run_is_sent_at_once_where_none_was_a_moment_ago(
    project: Project, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_driver, "_PAUSE", 0.0)
    run_sweep(project, plan_sweep(project, [*WORDS, "seed=4,5,6"]))
    assert sent == [1, 1, 1]
