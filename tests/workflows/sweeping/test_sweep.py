"""Sweeps: what is run again and what is not, workers, failures, MLflow, leaderboards."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import seqexp
from seqexp.cli.bar import BarReporter
from seqexp.cli.outlook import print_outlook
from seqexp.errors import ConfigError, NoSuchStore, StoreError
from seqexp.execution.contract import Event, Handle, Lost, Started, Task
from seqexp.execution.inline import InlineExecutor
from seqexp.store.find_runs import list_runs
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.run_dir import StoredRun
from seqexp.store.sweep_dir import own_sweep
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import not_sent
from seqexp.workflows.sweeping.dry_run import look_ahead
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.executors import work
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.publish_sweep import SweepPublisher
from seqexp.workflows.sweeping.sweep import SweepResult, run_sweep

Write = Callable[[str, str], Path]
# A worker takes seconds to start: inline, where it does not matter who computes.
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "execution=inline", "tracking=none"]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


class TestAgain:
    """The same command runs what is missing, and no more than it is asked to."""

    WORDS = [
        *SMALL,
        "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
        "optimizer=sgd",
        "optimizer.clipnorm=null",
        "training.epochs=8",
    ]

    def test_a_failed_run_stops_no_other(self, project: Project) -> None:
        plan = plan_sweep(project, [*self.WORDS, "optimizer.learning_rate=1e12,0.01"])
        result = run_sweep(project, plan)
        assert [outcome.stored.record.status for outcome in result.outcomes] == ["FAILED", "FINISHED"]
        assert result.outcomes[0].stored.record.error["reason"] == "diverged"

        again = run_sweep(project, plan)
        assert [outcome.was_done for outcome in again.outcomes] == [True, True]
        assert len(again.failed) == 1

        retried = run_sweep(project, plan, SweepOptions(retry_failed=True))
        assert [outcome.was_done for outcome in retried.outcomes] == [False, True]
        assert retried.outcomes[0].stored.record.attempt == 2

        forced = run_sweep(project, plan, SweepOptions(force=True))
        assert [outcome.stored.record.attempt for outcome in forced.outcomes] == [3, 2]

    def test_fail_fast_runs_no_more(self, project: Project) -> None:
        plan = plan_sweep(project, [*self.WORDS, "optimizer.learning_rate=1e12,0.01"])
        result = run_sweep(project, plan, SweepOptions(fail_fast=True))
        assert [outcome.stored.record.status for outcome in result.outcomes] == ["FAILED"]

    def test_a_time_limit_holds_without_workers(self, project: Project) -> None:
        result = run_sweep(project, plan_sweep(project, [*self.WORDS, "execution.timeout=1e-9"]))
        assert [outcome.stored.record.error["reason"] for outcome in result.outcomes] == ["timeout"]

    def test_an_interrupted_sweep_goes_on_where_it_was(self, project: Project) -> None:
        class Interrupt(Reporter):
            def ended(self, number: int, stored: StoredRun | None = None) -> None:
                raise KeyboardInterrupt

        plan = plan_sweep(project, [*self.WORDS, "seed=0..2"])
        result = SweepResult()
        with pytest.raises(KeyboardInterrupt):
            run_sweep(project, plan, reporter=Interrupt(), result=result)
        assert [outcome.stored.record.status for outcome in result.outcomes] == ["FINISHED"]
        again = run_sweep(project, plan)
        assert [outcome.was_done for outcome in again.outcomes] == [True, False, False]

    def test_a_larger_sweep_takes_over_what_is_done(self, project: Project) -> None:
        run_sweep(project, plan_sweep(project, [*self.WORDS, "seed=0,1"]))
        larger = plan_sweep(project, [*self.WORDS, "seed=1..3"])
        assert [outcome.was_done for outcome in run_sweep(project, larger).outcomes] == [True, False, False]

    def test_the_plan_is_frozen_beside_the_runs(self, project: Project) -> None:
        plan = plan_sweep(project, [*self.WORDS, "seed=0,1", "topology=one_to_one,one_to_many"])
        run_sweep(project, plan)
        (path,) = project.sweeps.glob("*/plan.json")
        frozen = json.loads(path.read_text())
        assert path.parent.name == f"seqexp-{plan.key}"
        assert [point["run_key"] for point in frozen["points"]] == [point.run_key for point in plan.points]
        assert frozen["points"][0]["spec"]["data"]["name"] == "sine"
        reordered = plan_sweep(
            project, [*self.WORDS, "seed=1,0", "topology=one_to_one,one_to_many", "timesteps=choice(1)"]
        )
        assert reordered.key == plan.key

    def test_a_second_driver_says_who_is_at_it(self, project: Project) -> None:
        plan = plan_sweep(project, [*self.WORDS, "seed=0,1"])
        with own_sweep(project.sweeps, plan.as_values()), pytest.raises(StoreError) as caught:
            run_sweep(project, plan)
        (problem,) = caught.value.problems
        assert f"run by process {os.getpid()} on {platform.node()}." in problem.message
        assert f"end it (on {platform.node()}: kill {os.getpid()})" in problem.mend
        assert "of a process that crashed nothing has to be cleared away" in problem.mend
        assert len(run_sweep(project, plan).outcomes) == 2

    def test_data_that_change_under_a_sweep_are_noticed(self, project: Project, write: Write) -> None:
        table = write("t.csv", "a\n" + "\n".join(str(n % 7) for n in range(200)))
        words = [word for word in self.WORDS if not word.startswith("data")]
        plan = plan_sweep(project, [*words, "data=table", f"data.path={table}", "data.targets=a", "seed=0,1"])
        table.write_text("a\n" + "\n".join(str(n % 5) for n in range(200)))
        result = run_sweep(project, plan)
        assert {outcome.stored.record.error["reason"] for outcome in result.outcomes} == {"data_changed"}


def test_nobody_is_promised_what_no_store_will_take(tmp_path: Path) -> None:
    with pytest.raises(NoSuchStore) as caught:
        MlflowStore("htp://host", tmp_path)
    assert "sync" not in not_sent(caught.value, 3)
    assert not_sent(StoreError("It is away.")).endswith("seqexp sync sends it later.")


class TestWorkers:
    """What processes compute is what one process computes."""

    POINTS = [*SMALL[:-2], "topology=vector_output,many_to_one", "topology.units=3"]
    WORDS = [*POINTS, "seed=0,1", "execution.workers=2"]

    def test_they_give_the_same_bits(self, project: Project, tmp_path: Path) -> None:
        by_workers = run_sweep(project, plan_sweep(project, [*self.WORDS, "tracking=none"]))
        other = open_project(_folder(tmp_path / "other"))
        inline = run_sweep(other, plan_sweep(other, [*self.POINTS, "seed=0,1", "execution=inline", "tracking=none"]))
        assert [outcome.stored.record.status for outcome in by_workers.outcomes] == ["FINISHED"] * 4
        for ours, theirs in zip(by_workers.outcomes, inline.outcomes, strict=True):
            assert ours.stored.record.run_key == theirs.stored.record.run_key
            assert ours.stored.record.metrics == theirs.stored.record.metrics
            assert np.array_equal(ours.stored.forecasts["forecast"], theirs.stored.forecasts["forecast"])
            assert len(ours.stored.history) == 1

    def test_mlflow_shows_a_parent_and_every_run_once(self, project: Project) -> None:
        plan = plan_sweep(project, self.WORDS)
        result = run_sweep(project, plan)
        assert not any(outcome.warning for outcome in result.outcomes)
        client = MlflowClient(f"sqlite:///{project.workspace / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("seqexp").experiment_id
        children = client.search_runs([experiment], f"tags.`sweep.{plan.key}` = 'seqexp' and tags.run_key != ''")
        shown = {run.info.run_id: run.data.tags["run_key"] for run in children}
        assert shown == {outcome.mlflow_run_id: outcome.stored.record.run_key for outcome in result.outcomes}
        (parent,) = client.search_runs([experiment], "tags.`seqexp.kind` = 'sweep'")
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
        assert parent.info.status == "FINISHED"
        assert parent.data.params == {"topology": "vector_output,many_to_one", "seed": "0,1"}
        assert parent.data.metrics["runs/planned"] == 4
        best = client.get_run(parent.data.tags["best.7.future"])
        scores = [run.data.metrics["val/mae"] for run in children if run.data.tags["topology"] == "vector_output"]
        assert best.data.metrics["val/mae"] == min(scores)
        table = mlflow.artifacts.load_dict(f"{parent.info.artifact_uri}/leaderboard.json")
        # Two blocks, each with one row of two seeds and the baselines; of one step, none is the period before.
        assert len(table["data"]) == (1 + 5) + (1 + 6)
        assert mlflow.artifacts.load_dict(f"{parent.info.artifact_uri}/plan.json")["key"] == plan.key

        larger = plan_sweep(project, [*self.POINTS, "seed=1..2", "execution=inline"])
        run_sweep(project, larger)
        again = client.search_runs([experiment], f"tags.`sweep.{larger.key}` = 'seqexp' and tags.run_key != ''")
        trained_by = {run.data.tags["mlflow.parentRunId"] for run in again}
        assert len(again) == 4
        assert len(trained_by) == 2
        assert parent.info.run_id in trained_by

    def test_a_sweep_that_is_done_leaves_mlflow_alone(self, project: Project) -> None:
        plan = plan_sweep(project, [*TestAgain.WORDS, "tracking=mlflow", "seed=0,1"])
        run_sweep(project, plan)
        before = (project.workspace / "mlflow.db").stat().st_mtime_ns
        again = run_sweep(project, plan)
        assert all(outcome.mlflow_run_id for outcome in again.outcomes)
        assert (project.workspace / "mlflow.db").stat().st_mtime_ns == before

    def test_a_model_that_cannot_be_built_fails_alone(self, project: Project, write: Write) -> None:
        write("conf/topology/wrong.yaml", "units: 3\ncontract: {}\nlayers: [{LSTM: {units: '${topology.units}'}}]\n")
        project = open_project(project.workspace)
        words = [*SMALL[:-2], "topology.units=3", "seed=0,1", "execution.workers=1", "tracking=none"]
        result = run_sweep(project, plan_sweep(project, [*words, "topology=wrong,vector_output"]))
        by_topology = {outcome.stored.record.title.split()[0]: outcome.stored.record for outcome in result.outcomes}
        assert by_topology["wrong"].error["reason"] == "refused"
        assert "gives the shape" in by_topology["wrong"].error["message"]
        assert by_topology["vector_output"].status == "FINISHED"

    def test_where_they_work_is_no_axis(self, project: Project) -> None:
        with pytest.raises(ConfigError, match="one place"):
            plan_sweep(project, [*SMALL[:-2], "execution.workers=1,2"])

    def test_a_server_that_does_not_answer_stops_nothing(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        words = [*TestAgain.WORDS, "tracking=mlflow", "tracking.uri=http://127.0.0.1:9", "seed=0,1"]
        result = run_sweep(project, plan_sweep(project, words))
        assert [outcome.stored.record.status for outcome in result.outcomes] == ["FINISHED"] * 2
        assert all("does not answer" in outcome.warning for outcome in result.outcomes)
        (warning,) = result.warnings
        assert warning.endswith("The run directories are complete; seqexp sync sends them later.")
        assert result.as_values()["mlflow_warning"] == warning
        assert all("sends it later" in outcome.as_values()["mlflow_warning"] for outcome in result.outcomes)

    def test_one_that_dies_before_the_end_is_told_of_too(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise StoreError("MLflow does not answer.")

        monkeypatch.setattr(SweepPublisher, "close", refuse)
        words = [*TestAgain.WORDS, "tracking=mlflow", "seed=0"]
        result = run_sweep(project, plan_sweep(project, words))
        assert [outcome.as_values()["mlflow_warning"] for outcome in result.outcomes] == [None]
        assert all(outcome.mlflow_run_id for outcome in result.outcomes)
        told = "MLflow does not answer.\n  It has the runs; seqexp sync sends later how the sweep ended."
        assert result.warnings == [told]


def test_a_dry_run_says_what_would_be_run(project: Project) -> None:
    words = [*TestAgain.WORDS, "seed=0..3"]
    run_sweep(project, plan_sweep(project, [*TestAgain.WORDS, "seed=0,1"]))
    plan = plan_sweep(project, words)
    outlook = look_ahead(project, plan, SweepOptions())
    assert [len(points) for points in (outlook.done, outlook.failed, outlook.to_do)] == [2, 0, 2]
    assert outlook.programs == 1
    assert outlook.seconds is not None
    runs = outlook.as_values()["runs"]
    assert [(run["run_key"], run["state"]) for run in runs] == [
        (point.run_key, state) for point, state in zip(plan.points, ["done", "done", "to_do", "to_do"], strict=True)
    ]
    assert runs[3]["title"] == "encoder_decoder 14->7 seed 3"
    assert runs[3]["point"] == "seed=3"
    assert len(look_ahead(project, plan, SweepOptions(force=True)).to_do) == 4
    assert len(list(list_runs(project.runs))) == 2


def test_of_many_points_a_dry_run_shows_the_first_and_the_last(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_sweep(project, [*TestAgain.WORDS, "seed=0..899"])
    print_outlook(look_ahead(project, plan, SweepOptions()))
    shown = capsys.readouterr().out
    assert [seed for seed in range(900) if re.search(rf"seed={seed}\b", shown)] == [0, 1, 2, 3, 4, 5, 897, 898, 899]
    assert "and 891 more" in shown
    assert "--json names every point" in shown
    assert "900 to do" in shown
    few = plan_sweep(project, [*TestAgain.WORDS, "seed=0..11"])
    print_outlook(look_ahead(project, few, SweepOptions()))
    shown = capsys.readouterr().out
    assert all(re.search(rf"seed={seed}\b", shown) for seed in range(12))
    assert "--json" not in shown


def test_a_line_for_each_run_fits_into_eighty_columns(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*TestAgain.WORDS, "optimizer.learning_rate=0.01,0.02", "training.batch_size=16,32"]
    run_sweep(project, plan_sweep(project, words), reporter=BarReporter())
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    assert all(re.search(r"=\d+: val/mae [\d.]+, [\d.]+ s$", line) for line in lines)


def test_a_run_that_is_begun_again_is_told_of_with_the_reason(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loses(InlineExecutor):
        """Every task loses its first worker."""

        def run(self, tasks: Sequence[Task], handle: Handle) -> None:
            def hear(event: Event) -> object:
                if isinstance(event, Started):
                    handle(event)
                    handle(Lost(event.number, event.worker, "its worker ended with SIGKILL"))
                return handle(event)

            super().run(tasks, hear)

    plan = plan_sweep(project, [*TestAgain.WORDS, "seed=0,1"])
    result = run_sweep(project, plan, executor=Loses(work), reporter=BarReporter())
    assert [outcome.stored.record.status for outcome in result.outcomes] == ["FINISHED"] * 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "SIGKILL" in line]
    told = "its worker ended with SIGKILL; the run is begun again (execution.retries)"
    assert lines == [f"encoder_decoder 14->7 seed {seed}: {told}" for seed in (0, 1)]


def test_the_best_model_of_a_sweep_is_logged(project: Project) -> None:
    words = [*SMALL[:-1], "topology=vector_output", "topology.units=3,4"]
    result = run_sweep(project, plan_sweep(project, words))
    best = min(result.outcomes, key=lambda outcome: outcome.stored.record.metrics["val/mae"])
    client = MlflowClient(f"sqlite:///{project.workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("seqexp").experiment_id
    assert [model.source_run_id for model in client.search_logged_models([experiment])] == [best.mlflow_run_id]


def test_python_does_what_the_command_line_does(project: Project) -> None:
    words = [*SMALL, "topology=vector_output", "topology.units=4"]
    sweep = seqexp.sweep([*words, "seed=0,1"], workspace=project.workspace)
    assert [run.status for run in sweep] == ["FINISHED", "FINISHED"]
    run = seqexp.run([*words, "seed=1"], workspace=project.workspace)
    assert run.run_dir == sweep.runs[1].run_dir
    loaded = seqexp.load(run.run_key, workspace=project.workspace)
    assert loaded.metrics == run.metrics
    assert loaded.spec == run.spec
    assert loaded.spec.seed == 1
    assert loaded.history["epoch"].tolist() == [1.0]
    assert loaded.forecasts["forecast"].shape == (24, 7, 1)
    assert loaded.model.output_shape == (None, 7, 1)
