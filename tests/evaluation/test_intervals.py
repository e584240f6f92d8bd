"""Intervals and heads: by hand, and against other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from seqexp.evaluation.heads import Head
from seqexp.evaluation.intervals import around, between, conformal_radius, score_interval_steps, score_intervals
from seqexp.spec.topology import LEAST_DEVIATION

NAN = float("nan")
RANDOM = np.random.default_rng(0)


def test_the_radius_is_the_error_of_the_right_rank() -> None:
    errors_W = RANDOM.permutation(np.arange(1.0, 20.0))  # 1 to 19
    true_WNK = errors_W[:, None, None]
    assert conformal_radius(true_WNK, np.zeros_like(true_WNK), 0.9).item() == 18.0  # ceil(20 * 0.9)
    assert conformal_radius(true_WNK, np.zeros_like(true_WNK), 0.95).item() == 19.0
    assert np.isnan(conformal_radius(true_WNK, np.zeros_like(true_WNK), 0.96)).item()  # the largest may be too small


def test_each_step_and_target_has_a_radius_of_its_own_and_holes_count_for_nothing() -> None:
    true_WNK = RANDOM.normal(size=(200, 3, 2)) * np.array([1.0, 10.0])
    radius_NK = conformal_radius(true_WNK, np.zeros_like(true_WNK), 0.8)
    assert radius_NK.shape == (3, 2)
    assert (radius_NK[:, 1] > 5 * radius_NK[:, 0]).all()
    holed_WNK = true_WNK.copy()
    holed_WNK[::2, 0, 0] = NAN
    expected = conformal_radius(true_WNK[1::2, :1, :1], np.zeros((100, 1, 1)), 0.8)
    assert conformal_radius(holed_WNK, np.zeros_like(true_WNK), 0.8)[0, 0] == expected.item()


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_it_covers_new_values_of_the_same_kind(level: float) -> None:
    covered = []
    for _ in range(200):
        past, new = RANDOM.normal(size=(50, 1, 1)), RANDOM.normal(size=(50, 1, 1))
        radius_NK = conformal_radius(past, np.zeros_like(past), level)
        covered.append(score_intervals(new, around(np.zeros_like(new), radius_NK, level))["coverage"])
    assert level - 0.01 < np.mean(covered) < level + 0.04


def test_the_loss_of_quantiles_is_that_of_scikit_learn() -> None:
    levels = (0.1, 0.5, 0.8)
    true_WNK, quantiles_WNKQ = RANDOM.normal(size=(30, 2, 2)), np.sort(RANDOM.normal(size=(30, 2, 2, 3)), axis=-1)
    scores = score_intervals(true_WNK, between(quantiles_WNKQ, levels))
    each = [
        mean_pinball_loss(true_WNK.ravel(), quantiles_WNKQ[..., q].ravel(), alpha=level)
        for q, level in enumerate(levels)
    ]
    assert scores["pinball"] == pytest.approx(np.mean(each))
    steps = score_interval_steps(true_WNK, between(quantiles_WNKQ, levels))
    assert np.mean(steps["pinball"]) == pytest.approx(scores["pinball"])
    assert np.mean(steps["coverage"]) == pytest.approx(scores["coverage"])


def test_coverage_counts_the_ends_and_no_holes() -> None:
    true_WNK = np.array([1.0, 2.0, 3.0, NAN])[:, None, None]
    scores = score_intervals(true_WNK, around(np.full((4, 1, 1), 2.0), np.array([[1.0]]), 0.9))
    assert scores == {"coverage": 1.0, "interval_width": 2.0}
    assert score_intervals(np.full((2, 1, 1), NAN), around(np.zeros((2, 1, 1)), np.ones((1, 1)), 0.9)) == {}


def test_a_gaussian_head_has_the_quantiles_of_its_distribution() -> None:
    given_WNKP = RANDOM.normal(size=(5, 2, 1, 2))
    head = Head("gaussian", (0.05, 0.5, 0.95))
    deviation = np.log1p(np.exp(given_WNKP[..., 1])) + LEAST_DEVIATION
    expected = norm.ppf([0.05, 0.5, 0.95], given_WNKP[..., :1], deviation[..., None])
    np.testing.assert_allclose(head.quantiles(given_WNKP), expected)
    np.testing.assert_array_equal(head.point(given_WNKP), given_WNKP[..., 0])


def test_crossed_quantiles_are_sorted_and_the_median_is_the_point() -> None:
    given_WNKP = np.array([3.0, 1.0, 2.0])[None, None, None]
    head = Head("quantiles", (0.1, 0.5, 0.9))
    assert head.quantiles(given_WNKP).ravel().tolist() == [1.0, 2.0, 3.0]
    assert head.point(given_WNKP).item() == 2.0
