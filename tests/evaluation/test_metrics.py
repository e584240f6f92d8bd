"""Metrics against their formulas written out with plain loops, and on numbers small enough to do in the head."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.evaluation.metrics import METRICS, Scale, score, score_steps, seasonal_scale

Array = np.ndarray[Any, np.dtype[Any]]
PROPERTY = settings(max_examples=50, deadline=None)


def _scale(*sizes: float) -> Scale:
    return Scale(np.array(sizes), np.array(sizes) ** 2)


ONE = _scale(1.0)


def _by_hand(true_WNK: Array, forecast_WNK: Array, scale: Scale) -> dict[str, float]:
    by_target: list[list[tuple[float, float]]] = [[] for _ in scale.absolute_K]
    for (w, n, k), true in np.ndenumerate(true_WNK):
        if not math.isnan(true):
            by_target[k].append((float(true), float(forecast_WNK[w, n, k])))
    pairs = [pair for known in by_target for pair in known]
    mse = sum((y - f) ** 2 for y, f in pairs) / len(pairs)
    scaled = [abs(y - f) / scale.absolute_K[k] for k, known in enumerate(by_target) for y, f in known]
    r2s, rmsses = [], []
    for k, known in enumerate(by_target):
        rmsses.append(math.sqrt(sum((y - f) ** 2 for y, f in known) / len(known) / scale.squared_K[k]))
        mean = sum(y for y, _ in known) / len(known)
        r2s.append(1 - sum((y - f) ** 2 for y, f in known) / sum((y - mean) ** 2 for y, _ in known))
    return {
        "mae": sum(abs(y - f) for y, f in pairs) / len(pairs),
        "mse": mse,
        "rmse": math.sqrt(mse),
        "mape": 100 * sum(abs(y - f) / abs(y) for y, f in pairs) / len(pairs),
        "wape": 100 * sum(abs(y - f) for y, f in pairs) / sum(abs(y) for y, _ in pairs),
        "rmsse": sum(rmsses) / len(rmsses),
        "smape": 100 * sum(2 * abs(y - f) / (abs(y) + abs(f)) for y, f in pairs) / len(pairs),
        "mase": sum(scaled) / len(scaled),
        "r2": sum(r2s) / len(r2s),
    }


@PROPERTY
@given(seed=st.integers(0, 10_000), holes=st.floats(0, 0.4))
def test_every_metric_follows_its_formula_and_leaves_out_what_was_not_observed(seed: int, holes: float) -> None:
    random = np.random.default_rng(seed)
    true_WNK, forecast_WNK = random.normal(5, 2, (6, 3, 2)), random.normal(5, 2, (6, 3, 2))
    true_WNK[random.random((6, 3, 2)) < holes] = np.nan
    true_WNK[:2, 0, :] = random.normal(5, 2, (2, 2))
    scale = _scale(*random.uniform(0.5, 2, 2))
    assert score(true_WNK, forecast_WNK, scale) == pytest.approx(_by_hand(true_WNK, forecast_WNK, scale))


def test_they_are_those_of_scikit_learn() -> None:
    from sklearn import metrics

    random = np.random.default_rng(1)
    true_WNK, forecast_WNK = random.normal(5, 1, (50, 4, 1)), random.normal(5, 1, (50, 4, 1))
    found, true, forecast = score(true_WNK, forecast_WNK, ONE), true_WNK.ravel(), forecast_WNK.ravel()
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(true, forecast))
    assert found["mse"] == pytest.approx(metrics.mean_squared_error(true, forecast))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, forecast))
    assert found["mape"] == pytest.approx(100 * metrics.mean_absolute_percentage_error(true, forecast))
    assert found["r2"] == pytest.approx(metrics.r2_score(true, forecast))


@PROPERTY
@given(seed=st.integers(0, 10_000))
def test_a_forecast_where_nothing_was_observed_counts_for_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    true_WNK, forecast_WNK = random.normal(5, 2, (5, 2, 1)), random.normal(5, 2, (5, 2, 1))
    true_WNK[2:4, 1] = np.nan
    expected = score(true_WNK, forecast_WNK, ONE)
    forecast_WNK[2:4, 1] += 1e9
    assert score(true_WNK, forecast_WNK, ONE) == expected


def test_two_steps_by_hand() -> None:
    true_WNK, forecast_WNK = np.array([[[2.0], [4.0]]]), np.array([[[3.0], [1.0]]])
    assert score(true_WNK, forecast_WNK, _scale(4.0)) == pytest.approx(
        {
            "mae": 2.0,  # (1 + 3) / 2
            "mse": 5.0,  # (1 + 9) / 2
            "rmse": 5.0**0.5,
            "mape": 62.5,  # 100 * (1/2 + 3/4) / 2
            "wape": 100 * 4 / 6,
            "rmsse": 5.0**0.5 / 4,
            "smape": 80.0,  # 100 * (2*1/5 + 2*3/5) / 2
            "mase": 0.5,  # 2 / 4
            "r2": -4.0,  # 1 - 10 / 2
        }
    )


def test_a_perfect_forecast() -> None:
    true_WNK = np.array([[[1.0], [2.0]], [[2.0], [4.0]]])
    assert score(true_WNK, true_WNK, ONE) == {**dict.fromkeys(METRICS, 0), "r2": 1}


def test_each_target_is_measured_on_its_own_scale_for_mase() -> None:
    true_WNK, forecast_WNK = np.zeros((1, 1, 2)), np.array([[[1.0, 10.0]]])
    assert score(true_WNK, forecast_WNK, _scale(1.0, 10.0))["mase"] == 1.0
    assert score(true_WNK, forecast_WNK, _scale(1.0, 10.0))["rmsse"] == 1.0


def test_smape_goes_from_nothing_to_two_hundred_and_takes_nought_for_nought_as_right() -> None:
    true_WNK, forecast_WNK = np.array([[[0.0], [5.0]]]), np.array([[[0.0], [-5.0]]])
    assert score(true_WNK, forecast_WNK, ONE)["smape"] == 100.0
    assert score(true_WNK[:, 1:], forecast_WNK[:, 1:], ONE)["smape"] == 200.0


@pytest.mark.parametrize(
    ("true", "scale", "absent"),
    [
        ([3.0, 3.0, 3.0], 1.0, {"r2"}),
        ([1.0, 2.0, 4.0], 0.0, {"mase", "rmsse"}),
        ([1.0, 2.0, 4.0], math.nan, {"mase", "rmsse"}),
        ([1.0, 0.0, 4.0], 1.0, {"mape"}),
        ([0.0, 0.0, 0.0], 1.0, {"mape", "wape", "r2"}),
        ([math.nan] * 3, 1.0, set(METRICS)),
    ],
    ids=["constant", "never-changes", "no-scale", "a-zero", "zeros", "nothing-observed"],
)
def test_a_metric_that_is_not_defined_is_left_out(true: list[float], scale: float, absent: set[str]) -> None:
    true_WNK = np.array(true).reshape(3, 1, 1)
    assert set(score(true_WNK, np.full((3, 1, 1), 9.0), _scale(scale))) == set(METRICS) - absent


def test_the_scores_of_each_step_are_those_of_the_step_alone() -> None:
    true_WNK = np.array([[[1.0], [2.0]], [[3.0], [5.0]], [[4.0], [np.nan]]])
    forecast_WNK = np.array([[[2.0], [2.0]], [[3.0], [2.0]], [[6.0], [0.0]]])
    steps = score_steps(true_WNK, forecast_WNK, _scale(2.0))
    assert set(steps) == set(METRICS)
    assert steps["mae"] == pytest.approx([1.0, 1.5])
    assert steps["mse"] == pytest.approx([5 / 3, 4.5])
    assert steps["mase"] == pytest.approx([0.5, 0.75])


def test_a_step_without_a_defined_metric_is_nan_there() -> None:
    true_WNK = np.array([[[1.0], [7.0]], [[3.0], [7.0]]])
    r2 = score_steps(true_WNK, true_WNK + 1, ONE)["r2"]
    assert r2[0] == pytest.approx(0.0)
    assert math.isnan(r2[1])


@pytest.mark.parametrize(
    ("values", "season", "scale"),
    [
        ([1, 2, 4, 8], 1, (1 + 2 + 4) / 3),
        ([1, 2, 4, 8], 2, (3 + 6) / 2),
        ([1, 2, 4, 8], 3, 7),
        ([1, 2, 4, 8], 4, (1 + 2 + 4) / 3),
        ([1, 2, math.nan, 8, 9], 1, (1 + 1) / 2),
        ([5, 5, 5, 5], 1, 0),
    ],
    ids=["naive", "season-of-two", "season-of-three", "shorter-than-a-season", "hole", "constant"],
)
def test_the_scale_of_mase_is_the_mean_seasonal_difference(values: list[float], season: int, scale: float) -> None:
    assert seasonal_scale(np.array(values, float)[:, None], season).absolute_K.tolist() == pytest.approx([scale])


def test_the_scale_of_mase_is_found_for_each_target() -> None:
    found = seasonal_scale(np.array([[0.0, 0.0], [1.0, 10.0], [3.0, 40.0]]), 1)
    assert found.absolute_K.tolist() == [1.5, 20.0]
    assert found.squared_K.tolist() == [2.5, 500.0]
