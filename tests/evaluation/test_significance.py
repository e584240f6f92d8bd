"""Tests of difference: their size under no difference, and against figures from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seqexp.evaluation.significance import diebold_mariano, holm, interval_of_mean


def test_with_a_horizon_of_one_it_is_the_paired_t_test() -> None:
    random = np.random.default_rng(0)
    one, other = random.normal(size=40), random.normal(0.3, size=40)
    expected = stats.ttest_rel(one, other).pvalue
    assert diebold_mariano(one, other, 1) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("horizon", [1, 4])
def test_without_a_difference_it_seldom_finds_one(horizon: int) -> None:
    """Losses of overlapping windows are averages of neighbours; of 400 pairs without a difference, some 20 pass 5%."""
    random = np.random.default_rng(1)
    found = 0
    for _ in range(400):
        one, other = (np.convolve(random.normal(size=203), np.ones(horizon) / horizon, "valid") for _ in range(2))
        found += diebold_mariano(one, other, horizon) < 0.05
    assert 5 <= found <= 45


def test_it_finds_what_is_there() -> None:
    random = np.random.default_rng(2)
    one = random.normal(size=200)
    assert diebold_mariano(one, one + random.normal(0.5, 1, size=200), 7) < 0.01


def test_edges() -> None:
    losses = np.arange(10.0)
    assert diebold_mariano(losses, losses, 3) == 1.0
    assert diebold_mariano(losses, losses + 1, 3) == 0.0
    assert np.isnan(diebold_mariano(losses[:2], losses[:2], 1))


def test_holm_is_that_of_statsmodels_documentation() -> None:
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_interval_is_students() -> None:
    values = [1.0, 2.0, 4.0]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert interval_of_mean(values) == pytest.approx((low, high))
    assert interval_of_mean([1.0]) is None
