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
)
from seqexp.evaluation.metrics import METRICS

TRUE = np.array([[[10.0], [20.0]], [[30.0], [40.0]]])
ONE = np.array([1.0])


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


def test_baselines_are_scored_as_the_model_is() -> None:
    scores = _scores(1.0, a=4.0)
    assert scores.baselines["a"] == _scores(-4.0).overall
    assert scores.baseline_steps["a"] == _scores(-4.0).steps
    assert "skill" not in scores.baselines["a"]


def test_skill_counts_observed_values_only() -> None:
    true_WNK = TRUE.copy()
    true_WNK[1, 1] = np.nan
    model, naive = TRUE + 1, TRUE + 2
    model[1, 1], naive[1, 1] = 1e9, -1e9
    assert score_split(true_WNK, model, {"a": naive}, ONE).overall["skill"] == pytest.approx(0.5)


def test_the_names_of_figures() -> None:
    scores = {"validation": _scores(1.0, persistence=2.0), "test": _scores(3.0, persistence=4.0)}
    metrics, baselines, steps = flat_metrics(scores), flat_baselines(scores), flat_steps(scores)
    assert set(metrics) == {f"{split}/{name}" for split in ("val", "test") for name in (*METRICS, "skill")}
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
