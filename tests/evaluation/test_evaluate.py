"""Scores of a model beside its baselines: skill, names, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from seqexp.evaluation.evaluate import (
    SplitScores,
    finite,
    flat_baselines,
    flat_metrics,
    flat_steps,
    score_split,
    with_scaled,
    with_targets,
)
from seqexp.evaluation.metrics import METRICS, Scale

TRUE = np.array([[[10.0], [20.0]], [[30.0], [40.0]]])
ONE = Scale(np.array([1.0]), np.array([1.0]))


def _scores(error: float = 1.0, **baseline_errors: float) -> SplitScores:
    return score_split(TRUE, TRUE + error, {name: TRUE - off for name, off in baseline_errors.items()}, ONE)


@pytest.mark.parametrize(
    ("error", "baselines", "skill"),
    [
        (1.0, {"a": 4.0, "b": 2.0}, 0.5),  # 1 - 1 / min(4, 2)
        (2.0, {"a": 4.0, "b": 2.0}, 0.0),
        (6.0, {"a": 4.0, "b": 2.0}, -2.0),
        (0.0, {"a": 4.0}, 1.0),
    ],
)
def test_skill_is_measured_against_the_best_baseline(error: float, baselines: dict[str, float], skill: float) -> None:
    assert _scores(error, **baselines).overall["skill"] == pytest.approx(skill)


@pytest.mark.parametrize("baselines", [{}, {"a": 0.0}, {"a": 0.0, "b": 3.0}], ids=["none", "perfect", "one-perfect"])
def test_there_is_no_skill_where_no_baseline_errs(baselines: dict[str, float]) -> None:
    assert set(_scores(1.0, **baselines).overall) == set(METRICS)


@pytest.mark.parametrize(
    ("model", "naive", "step"),
    [([1.0, 1.0], [2.0, 2.0], 3), ([1.0, 3.0], [2.0, 2.0], 2), ([2.0, 1.0], [2.0, 2.0], 1)],
    ids=["never", "second", "first: equal is not better"],
)
def test_the_step_from_which_the_model_is_no_longer_better(model: list[float], naive: list[float], step: int) -> None:
    off = np.array(model).reshape(1, 2, 1), np.array(naive).reshape(1, 2, 1)
    scores = score_split(TRUE, TRUE + off[0], {"a": TRUE + off[1], "b": TRUE + 9}, ONE)
    assert scores.overall["breakeven_step"] == step


def test_baselines_are_scored_as_the_model_is() -> None:
    scores = _scores(1.0, a=4.0)
    assert scores.baselines["a"] == _scores(-4.0).overall
    assert scores.baseline_steps["a"] == {name: _scores(-4.0).steps[name] for name in ("mae", "rmse")}
    assert "skill" not in scores.baselines["a"]


def test_skill_counts_observed_values_only() -> None:
    true_WNK = TRUE.copy()
    true_WNK[1, 1] = np.nan
    model, naive = TRUE + 1, TRUE + 2
    model[1, 1], naive[1, 1] = 1e9, -1e9
    assert score_split(true_WNK, model, {"a": naive}, ONE).overall["skill"] == pytest.approx(0.5)


def test_scaled_errors_stand_beside_those_in_source_units() -> None:
    scores = with_scaled(_scores(2.0, a=4.0), TRUE / 2, TRUE / 2 + 1, {"a": TRUE / 2 - 2})
    assert (scores.overall["mae"], scores.overall["scaled/mae"], scores.overall["scaled/mse"]) == (2.0, 1.0, 1.0)
    assert (scores.baselines["a"]["mae"], scores.baselines["a"]["scaled/mse"]) == (4.0, 4.0)


def test_each_of_several_targets_has_its_own_figures() -> None:
    true_WNK = np.concatenate([TRUE, TRUE], axis=-1)
    forecast_WNK = true_WNK + np.array([1.0, -3.0])
    scale = Scale(np.ones(2), np.ones(2))
    found = with_targets(score_split(true_WNK, forecast_WNK, {}, scale), true_WNK, forecast_WNK, ["a", "b c"]).overall
    assert (found["mae"], found["mae/a"], found["rmse/b c"]) == (2.0, 1.0, 3.0)
    assert "mae/a" not in with_targets(_scores(), TRUE, TRUE, ["a"]).overall


def test_the_names_of_figures() -> None:
    scores = {"validation": _scores(1.0, persistence=2.0), "test": _scores(3.0, persistence=4.0)}
    metrics, baselines, steps = flat_metrics(scores), flat_baselines(scores), flat_steps(scores)
    assert set(metrics) == {
        f"{split}/{name}" for split in ("val", "test") for name in (*METRICS, "skill", "breakeven_step")
    }
    assert (metrics["val/mae"], metrics["test/mae"]) == pytest.approx((1.0, 3.0))
    assert set(baselines) == {f"{split}baseline/persistence/{name}" for split in ("val/", "") for name in METRICS}
    assert baselines["baseline/persistence/mae"] == pytest.approx(4.0)
    assert baselines["val/baseline/persistence/mae"] == pytest.approx(2.0)
    assert steps["step/mae"] == pytest.approx([3.0, 3.0])
    assert steps["val/step/mae"] == pytest.approx([1.0, 1.0])
    assert steps["step/baseline/persistence/mae"] == pytest.approx([4.0, 4.0])
    assert steps["val/step/baseline/persistence/mae"] == pytest.approx([2.0, 2.0])


def test_what_json_cannot_hold_becomes_null() -> None:
    assert finite([1.0, float("nan"), float("inf"), -2.0]) == [1.0, None, None, -2.0]
