"""The table of a sweep's runs: rows over seeds, ranked by validation inside blocks, beside the baselines."""

from __future__ import annotations

import numpy as np
import pytest

from seqexp.store.find_runs import list_runs
from seqexp.workflows.project import Project
from seqexp.workflows.reading.leaderboard import _bootstrap, build_leaderboard
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

# A worker takes seconds to start: inline, where it does not matter who computes.
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "execution=inline", "tracking=none"]
DENSE = "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]"


def test_a_leaderboard_ranks_inside_a_block_by_validation_alone(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=vector_output,many_to_one,encoder_decoder", "topology.units=4"])
    run_sweep(project, plan)
    blocks = build_leaderboard(list_runs(project.runs))
    assert [block.output_length for block in blocks] == [1, 7]
    for block in blocks:
        scores = [row.metrics["val/mae"] for row in block.rows]
        assert scores == sorted(scores)
        assert [row.rank for row in block.rows if row.run] == list(range(1, len([r for r in block.rows if r.run]) + 1))
        assert {row.label for row in block.rows if not row.run} >= {"persistence", "seasonal naive", "linear", "drift"}


def test_runs_that_differ_in_the_seed_alone_share_a_row(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, DENSE, "training.epochs=8", "optimizer.learning_rate=0.01,0.02", "seed=0..2"])
    outcomes = run_sweep(project, plan).outcomes
    (block,) = build_leaderboard(outcome.stored for outcome in outcomes)
    rows = {row.label: row for row in block.rows if row.run}
    assert set(rows) == {f"encoder_decoder 14->7 learning_rate={rate} (3 seeds)" for rate in ("0.01", "0.02")}
    scores = [outcome.stored.record.metrics["val/mae"] for outcome in outcomes[:3]]
    row = rows["encoder_decoder 14->7 learning_rate=0.01 (3 seeds)"]
    assert row.metrics["val/mae"] == pytest.approx(np.mean(scores))
    assert row.spread["val/mae"] == pytest.approx(np.std(scores, ddof=1))
    assert row.run is not None
    assert row.run.record.metrics["val/mae"] == min(scores)
    assert sorted(row.rank for row in rows.values()) == [1, 2]


def test_a_leaderboard_has_a_row_for_each_season(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=vector_output", "topology.units=4", "data.season=12,24"])
    (block,) = build_leaderboard(outcome.stored for outcome in run_sweep(project, plan).outcomes)
    naive = {row.label: row.metrics["val/mae"] for row in block.rows if not row.run}
    assert {label for label in naive if label.startswith("seasonal")} == {"seasonal naive 12", "seasonal naive 24"}
    assert naive["seasonal naive 12"] != naive["seasonal naive 24"]


def test_skill_is_measured_against_the_best_baseline_of_the_block(project: Project) -> None:
    words = ["data=co2", "data.missing=forward_fill", "training.epochs=1", "topology=vector_output", "tracking=none"]
    plan = plan_sweep(project, [*words, "topology.units=2", "execution=inline", "timesteps=1,26"])
    (block,) = build_leaderboard(outcome.stored for outcome in run_sweep(project, plan).outcomes)
    best = min(row.metrics["val/mae"] for row in block.rows if not row.run)
    assert {row.label for row in block.rows if row.label.startswith("linear")} == {"linear of 1", "linear of 26"}
    for row in block.rows:
        if row.run:
            assert row.metrics["val/skill"] == pytest.approx(1 - row.metrics["val/mae"] / best)
    by_error = [row.metrics["val/skill"] for row in block.rows if row.run]
    assert by_error == sorted(by_error, reverse=True)


def test_rows_that_differ_in_their_layers_alone_are_told_apart(project: Project) -> None:
    dense = "[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]"
    other = "[{Flatten:{}},{Dropout:{rate:0.5}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]"
    words = [*SMALL, f"topology.layers=choice({dense},{other})"]
    (block,) = build_leaderboard(outcome.stored for outcome in run_sweep(project, plan_sweep(project, words)).outcomes)
    labels = {row.label.removeprefix("encoder_decoder 14->7 ") for row in block.rows if row.run}
    assert labels == {"Flatten-Dense-Reshape", "Flatten-Dropout-Dense-Reshape"}


def test_the_interval_of_means_narrows_with_the_seeds() -> None:
    few, many = _bootstrap([1.0, 2.0, 3.0]), _bootstrap([1.0, 2.0, 3.0] * 20)
    assert few == _bootstrap([1.0, 2.0, 3.0])
    assert 1.0 <= few[0] < many[0] < 2.0 < many[1] < few[1] <= 3.0
    # Of 60 values with the standard deviation 0.82, the means have 0.105: twice that to either side.
    assert many[1] - many[0] == pytest.approx(2 * 1.96 * 0.8165 / 60**0.5, rel=0.1)


def test_numbers_and_tokens_in_one_sweep_are_each_ranked_by_a_figure_of_theirs(project: Project) -> None:
    study = project.workspace / "both.yaml"
    study.write_text(
        "question: both?\n"
        "set: {topology: many_to_one, topology.units: 2, training.epochs: 1, tracking.mlflow: false}\n"
        "sweep:\n"
        "  - {data: adding, data.source: [{adding: {examples: 200}}], timesteps: 4}\n"
        "  - {data: addition, data.source: [{addition: {digits: 1, examples: 40}}], topology: vector_output}\n"
    )
    result = run_sweep(project, plan_sweep(project, [str(study), "execution=inline"]))
    blocks = build_leaderboard([outcome.stored for outcome in result.outcomes], result.select)
    assert {block.select for block in blocks} == {"val/mae", "val/cross_entropy"}
    assert all(block.best is not None for block in blocks)
