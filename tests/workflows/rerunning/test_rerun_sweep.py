"""The runs of a sweep are repeated as those of any sweep: found, executed, interrupted, and judged one by one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from seqexp.errors import ConfigError, StoreError
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import read_run
from seqexp.store.snapshots import list_snapshots
from seqexp.store.sweep_dir import list_sweeps, read_plan
from seqexp.workflows.project import Project
from seqexp.workflows.rerunning.find_original import find_originals
from seqexp.workflows.rerunning.options import RerunOptions
from seqexp.workflows.rerunning.rerun import rerun
from seqexp.workflows.rerunning.rerun_sweep import RerunSweepResult, rerun_sweep
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=2", "topology.units=4", "execution=inline"]


@pytest.fixture
def place(project: Project) -> Project:
    """A project with a sweep of two runs."""
    words = [*SMALL, "execution.timeout=600", "name=pair", "topology=vector_output", "training.epochs=1", "seed=0,1"]
    run_sweep(project, plan_sweep(project, words))
    return project


def test_a_sweep_is_found_by_key_name_or_directory_and_its_plan_stays(place: Project) -> None:
    (folder,) = list_sweeps(place.sweeps)
    plan = folder.joinpath("plan.json").read_bytes()
    key = read_plan(folder)["key"]
    assert rerun_sweep(place, "pair").total == "2 of 2 bitwise"
    for word in (key, key[:5], folder.name, "pair"):  # the sweep that repeats it has its name too
        found, runs = find_originals(place, word)
        assert found["key"] == key
        assert [run.record.attempt for run in runs] == [1, 1]
    assert folder.joinpath("plan.json").read_bytes() == plan
    again = next(read_plan(other) for other in list_sweeps(place.sweeps) if other != folder)
    assert again["rerun_of"] == key
    assert len(list(list_runs(place.runs))) == 4


def test_a_recorded_time_limit_is_not_applied_again(place: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = itertools.count(step=3600)  # an hour at each look
    clock = SimpleNamespace(monotonic=lambda: next(hours), perf_counter=time.perf_counter)
    monkeypatch.setattr("seqexp.workflows.running.train_and_score.time", clock)
    one = find_originals(place, "pair")[1][0].path.name
    assert rerun_sweep(place, "pair").total == "2 of 2 bitwise"
    assert rerun(place, one).verdict.outcome == "bitwise"
    assert rerun_sweep(place, "pair", ["execution.timeout=1000"]).total == "2 of 2 failed"
    assert rerun(place, one, ["execution.timeout=1000"]).verdict.outcome == "failed"


def test_mlflow_shows_the_repetition_as_a_sweep_of_its_own(place: Project) -> None:
    result = rerun_sweep(place, "pair")
    client = MlflowClient(f"sqlite:///{place.workspace / 'mlflow.db'}")
    runs = [client.get_run(str(done.outcome.mlflow_run_id)).data.tags for done in result.reruns]
    assert [tags["rerun_of"] for tags in runs] == [done.before.path.name for done in result.reruns]
    (parent,) = {tags["mlflow.parentRunId"] for tags in runs}
    assert "come out the same" in client.get_run(parent).data.tags["mlflow.note.content"]


def test_runs_that_did_not_finish_are_left_out_and_a_drift_counts(place: Project) -> None:
    first, second = sorted(list_runs(place.runs), key=lambda run: run.record.run_key)
    (first.path / "record.json").write_text("{}")
    result = rerun_sweep(place, "pair", options=RerunOptions(tolerance=0.0))
    assert result.total == "1 of 1 bitwise; 1 left out, without a sound result"
    (second.path / "record.json").write_text("{}")
    result = rerun_sweep(place, "pair")  # the repetition is what is left of the second
    assert result.left_out == 1


def test_changed_data_are_read_from_the_copy_in_workers_too(project: Project) -> None:
    Path("t.csv").write_text("a\n" + "\n".join(str(n % 9 + n % 4) for n in range(200)))
    words = ["data=table", "data.path=t.csv", "data.targets=[a]", "topology=vector_output", "topology.units=4"]
    words += ["training.epochs=1", "seed=0,1", "tracking=none", "execution.workers=1"]
    run_sweep(project, plan_sweep(project, words))
    Path("t.csv").write_text("a\n" + "\n".join(str(n % 7) for n in range(200)))
    result = rerun_sweep(project, "seqexp")
    assert result.total == "2 of 2 bitwise"
    assert all("200 rows differ" not in done.verdict.text for done in result.reruns)
    assert len(list_snapshots(project.runs)) == 1
    assert {note[:29] for done in result.reruns for note in done.verdict.notes} == {"the copy of the data was read"}


@pytest.mark.slow
def test_the_folds_of_a_backtest_are_repeated(project: Project) -> None:
    words = [*SMALL, "name=folds", "topology=vector_output", "training.epochs=1", "tracking=none"]
    words += ["evaluation.mode=backtest", "evaluation.backtest.folds=2"]
    run_sweep(project, plan_sweep(project, words))
    assert rerun_sweep(project, "folds").total == "2 of 2 bitwise"
    first = read_plan(list_sweeps(project.sweeps)[0])["points"][0]
    done = rerun(project, first["run_key"])
    assert done.verdict.outcome == "bitwise"
    assert done.outcome.stored.record.run_key == first["run_key"]


@pytest.mark.parametrize(
    ("word", "overrides", "says"),
    [
        ("nothing", [], "There is no sweep"),
        ("pair", ["seed=3"], "repeated as they were recorded"),
        ("pair", ["execution.workrs=3"], "Did you mean workers"),
    ],
)
def test_a_wrong_request_is_explained(word: str, overrides: list[str], says: str, place: Project) -> None:
    with pytest.raises((StoreError, ConfigError), match=says):
        rerun_sweep(place, word, overrides)
    assert len(list(list_runs(place.runs))) == 2


class _Interrupt(Reporter):
    def epoch(self, number: int, event: Any) -> None:
        raise KeyboardInterrupt


def _killed(project: Project) -> Iterator[str]:
    for run in list_runs(project.runs):
        if read_run(run.path).record.status == "KILLED":
            yield run.record.rerun_of


def test_an_interrupted_repetition_is_recorded_as_killed(place: Project) -> None:
    result = RerunSweepResult()
    with pytest.raises(KeyboardInterrupt):
        rerun_sweep(place, "pair", reporter=_Interrupt(), result=result)
    assert result.reruns == []
    assert len(list(_killed(place))) == 1
    assert all(rerun_of.endswith("-1") for rerun_of in _killed(place))
