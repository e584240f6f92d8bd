"""Plans and sweeps: products, contracts, what is left out, failures, leaderboards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import seqexp
from seqexp.errors import ConfigError, DataError
from seqexp.store.run_dir import list_runs
from seqexp.workflows.leaderboard import build_leaderboard
from seqexp.workflows.plan import plan_sweep
from seqexp.workflows.project import Project
from seqexp.workflows.sweep import run_sweep

Write = Callable[[str, str], Path]
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "tracking=none"]
STUDY = """
question: Which is best?
set: {data: sine, data.source.sine.length: 200, training.epochs: 1, tracking: none, timesteps: 6, output_length: 3}
sweep:
  - {topology: [vector_output, many_to_one], seed: 0..1}
  - {topology: one_to_many}
expected: one of them
"""


def test_axes_make_a_product(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=vector_output,encoder_decoder", "timesteps=7,14", "seed=0..2"])
    assert len(plan.points) == 12
    assert {(p.spec.topology.name, p.spec.timesteps, p.spec.seed) for p in plan.points} >= {("vector_output", 7, 2)}


def test_a_point_that_breaks_a_contract_is_left_out_with_the_reason(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=all", "timesteps=7,14", "output_length=7"])
    kept = {(point.spec.topology.name, point.spec.timesteps) for point in plan.points}
    assert ("many_to_many", 7) in kept
    assert ("many_to_many", 14) not in kept
    assert not any(name in ("many_to_one", "one_to_one", "one_to_many") for name, _ in kept)
    reasons = {point.label: point.reason for point in plan.left_out}
    assert "gives 1 step(s)" in reasons["topology=many_to_one timesteps=7"]
    assert len(plan.points) + len(plan.left_out) == 16


def test_a_study_sets_yield_to_contracts_and_its_grids_add_up(project: Project, write: Write) -> None:
    plan = plan_sweep(project, [str(write("mine.yaml", STUDY)), "training.batch_size=16"])
    lengths = [(p.spec.topology.name, p.spec.timesteps, p.spec.output_length, p.spec.seed) for p in plan.points]
    assert lengths == [
        ("vector_output", 6, 3, 0),
        ("vector_output", 6, 3, 1),
        ("many_to_one", 6, 1, 0),
        ("many_to_one", 6, 1, 1),
        ("one_to_many", 1, 3, 0),
    ]
    assert {point.spec.name for point in plan.points} == {"mine"}
    assert {point.spec.training.batch_size for point in plan.points} == {16}


def test_the_command_line_takes_the_place_of_an_axis(project: Project, write: Write) -> None:
    plan = plan_sweep(project, [str(write("mine.yaml", STUDY)), "seed=5", "name=other"])
    assert [point.spec.seed for point in plan.points] == [5, 5, 5]
    assert plan.points[0].spec.name == "other"


def test_the_same_run_is_planned_once(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=many_to_one", "seed=choice(1,1)"])
    assert len(plan.points) == 1
    assert "the same run" in plan.left_out[0].reason


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["timesteps=7,many"], ConfigError, "at timesteps=many"),
        (["seed=0..9999", "timesteps=1..10"], ConfigError, "100,000 points"),
        (["timesteps=7,5000"], DataError, "at timesteps=5000"),
        (["nothing"], ConfigError, "There is no study"),
    ],
)
def test_a_wrong_sweep_is_refused_before_the_first_run(
    project: Project, words: list[str], error: type, says: str
) -> None:
    with pytest.raises(error) as caught:
        plan_sweep(project, words if words == ["nothing"] else [*SMALL, *words])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("question: 3\n", "question"),
        ("quest: x\nquestion: y\n", "Did you mean question?"),
        ("- a\n", "mapping"),
        ("question: x\nsweep: {topolgy: all}\n", "Did you mean topology?"),
        ("question: x\nset: {training: {epoch: 3}}\n", "Did you mean epochs?"),
        ("question: x\nsweep: {seed: []}\n", "no values"),
    ],
)
def test_a_wrong_study_is_explained(project: Project, write: Write, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_sweep(project, [str(write("bad.yaml", text))])
    assert says in str(caught.value)


def test_a_failed_run_stops_no_other_and_a_second_sweep_repeats_only_it(project: Project) -> None:
    words = [*SMALL, "topology=vector_output", "topology.units=4", "optimizer=sgd", "optimizer.clipnorm=null"]
    plan = plan_sweep(project, [*words, "optimizer.learning_rate=1e12,0.01", "training.epochs=8"])
    result = run_sweep(project, plan)
    assert [outcome.stored.record.status for outcome in result.outcomes] == ["FAILED", "FINISHED"]
    again = run_sweep(project, plan)
    assert [outcome.was_done for outcome in again.outcomes] == [False, True]
    assert len(run_sweep(project, plan, fail_fast=True).outcomes) == 1


def test_a_leaderboard_ranks_inside_a_block_by_validation_alone(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=vector_output,many_to_one,encoder_decoder", "topology.units=4"])
    run_sweep(project, plan)
    blocks = build_leaderboard(list_runs(project.runs))
    assert [block.output_length for block in blocks] == [1, 7]
    for block in blocks:
        scores = [row.metrics["val/mae"] for row in block.rows]
        assert scores == sorted(scores)
        assert [row.rank for row in block.rows if row.run] == list(range(1, len([r for r in block.rows if r.run]) + 1))
        assert {row.label for row in block.rows if not row.run} == {"persistence", "seasonal naive"}


def test_a_leaderboard_has_a_row_for_each_season(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=vector_output", "topology.units=4", "data.season=12,24"])
    (block,) = build_leaderboard(outcome.stored for outcome in run_sweep(project, plan).outcomes)
    naive = {row.label: row.metrics["val/mae"] for row in block.rows if not row.run}
    assert set(naive) == {"persistence", "seasonal naive 12", "seasonal naive 24"}
    assert naive["seasonal naive 12"] != naive["seasonal naive 24"]


def test_the_best_model_of_a_sweep_is_logged(project: Project) -> None:
    words = [*SMALL[:-1], "tracking.log_model=best", "topology=vector_output", "topology.units=2,4"]
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
