"""Naive forecasts, step by step, on series small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.evaluation.baselines import BASELINES, naive_forecasts
from seqexp.evaluation.history import History
from seqexp.spec.contract import Alignment

ALIGNMENTS = st.sampled_from(["future", "next", "same"])
TENS = np.arange(12.0)[:, None] * 10  # the value of step t is 10 t
NAN = float("nan")


def _history(
    values_TK: np.ndarray,
    length: int,
    alignment: Alignment,
    season: int,
    *,
    year: int | None = None,
    timesteps: int = 3,
    lead: int = 0,
) -> History:
    return History(values_TK, timesteps, length, alignment, season, year, np.zeros(0, np.int64), lead)


def _forecast(
    first: int, length: int, alignment: Alignment, season: int, year: int | None = None
) -> dict[str, list[float]]:
    found = naive_forecasts(_history(TENS, length, alignment, season, year=year), np.array([first]))
    return {name: values_WNK[0, :, 0].tolist() for name, values_WNK in found.items()}


@pytest.mark.parametrize(
    ("alignment", "length", "season", "persistence", "seasonal"),
    [
        # The window's targets begin at step 5; step 4 is the last that is known, but for `next`.
        ("future", 1, 3, [40], [20]),
        ("future", 2, 3, [40, 40], [20, 30]),
        ("future", 4, 3, [40, 40, 40, 40], [20, 30, 40, 20]),
        ("future", 3, 1, [40, 40, 40], [40, 40, 40]),
        ("same", 2, 3, [40, 40], [20, 30]),
        ("same", 4, 3, [40, 40, 40, 40], [20, 30, 40, 20]),
        ("next", 2, 3, [40, 50], [20, 30]),
        ("next", 4, 3, [40, 50, 60, 70], [20, 30, 40, 50]),
        ("next", 3, 1, [40, 50, 60], [40, 50, 60]),
    ],
)
def test_what_each_baseline_says_of_the_steps_from_five_on(
    alignment: Alignment, length: int, season: int, persistence: list[float], seasonal: list[float]
) -> None:
    found = _forecast(5, length, alignment, season)
    assert (found["persistence"], found["seasonal_naive"]) == (persistence, seasonal)


@pytest.mark.parametrize(
    ("alignment", "length", "drift", "mean"),
    [
        # The series is a line: drift goes on along it. The mean of 0 .. 40 is 20.
        ("future", 3, [50, 60, 70], [20, 20, 20]),
        ("same", 2, [50, 60], [20, 20]),
        ("next", 3, [50, 60, 70], [20, 25, 30]),
    ],
)
def test_drift_and_mean(alignment: Alignment, length: int, drift: list[float], mean: list[float]) -> None:
    found = _forecast(5, length, alignment, 3)
    assert found["drift"] == pytest.approx(drift)
    assert found["mean"] == pytest.approx(mean)


def test_the_period_and_the_year_before() -> None:
    found = _forecast(9, 4, "future", 3, year=6)
    assert found["period_before"] == [50, 60, 70, 80]
    assert found["year_before"] == [30, 40, 50, 60]
    assert "period_before" not in _forecast(9, 3, "future", 3)  # the seasonal naive says the same
    assert "period_before" not in _forecast(9, 1, "future", 3)  # persistence does
    assert "period_before" not in _forecast(9, 4, "next", 3)
    assert "year_before" not in _forecast(9, 4, "future", 3)


def test_drift_begins_at_the_first_observed_value_and_the_mean_counts_observed_ones() -> None:
    values_TK = np.array([NAN, 10.0, NAN, 20.0, 30.0, 0.0])[:, None]
    found = naive_forecasts(_history(values_TK, 1, "future", 9), np.array([5]))
    assert found["drift"].ravel() == pytest.approx([30 + 20 / 3])
    assert found["mean"].ravel() == pytest.approx([20.0])


def test_the_baselines_are_these() -> None:
    expected = {"persistence", "seasonal_naive", "year_before", "period_before", "drift", "mean", "linear"}
    assert set(BASELINES) == expected


@settings(max_examples=50, deadline=None)
@given(
    first=st.integers(30, 40),
    length=st.integers(1, 9),
    season=st.integers(1, 12),
    alignment=ALIGNMENTS,
    seed=st.integers(0, 99),
)
def test_later_values_change_no_forecast(first: int, length: int, season: int, alignment: Alignment, seed: int) -> None:
    """What lies at or after a target is not known when it is forecast; for ``next``, what lies after its input step."""
    random = np.random.default_rng(seed)
    values_TK = random.normal(size=(60, 2))
    first_W, train_W = np.array([first, first + 1]), np.arange(12, 20)

    def forecasts(values_TK: np.ndarray) -> dict[str, np.ndarray]:
        return naive_forecasts(History(values_TK, 10, length, alignment, season, 14, train_W), first_W)

    before = forecasts(values_TK)
    assert set(before) >= {"persistence", "seasonal_naive", "year_before", "drift", "mean"}
    for n in range(length):
        changed_TK = values_TK.copy()
        changed_TK[first + 1 + (n if alignment == "next" else 0) :] = -1e6  # after the last window's known step
        for name, values_WNK in forecasts(changed_TK).items():
            np.testing.assert_array_equal(values_WNK[1, n], before[name][1, n], err_msg=name)


@pytest.mark.parametrize(
    ("firsts", "season", "names"),
    [
        ([3, 4], 3, {"persistence", "seasonal_naive", "period_before", "drift", "mean"}),
        ([2, 4], 3, {"persistence", "period_before", "drift", "mean"}),
        ([1], 3, {"persistence", "mean"}),
        ([0, 4], 3, set()),
        ([0], 1, set()),
    ],
)
def test_a_baseline_without_history_for_one_window_is_left_out(firsts: list[int], season: int, names: set[str]) -> None:
    assert set(naive_forecasts(_history(TENS, 2, "future", season), np.array(firsts))) == names


def test_the_last_observed_value_stands_in_for_a_missing_one() -> None:
    values_TK = np.array([1.0, 2.0, NAN, NAN, 5.0, 6.0])[:, None]
    forecasts = naive_forecasts(_history(values_TK, 1, "future", 2), np.array([3, 4]))
    assert forecasts["persistence"].ravel().tolist() == [2.0, 2.0]
    assert forecasts["seasonal_naive"].ravel().tolist() == [2.0, 2.0]


def test_a_baseline_whose_source_was_never_observed_is_left_out() -> None:
    values_TK = np.array([NAN, NAN, 3.0, 4.0, 5.0, 6.0])[:, None]
    assert set(naive_forecasts(_history(values_TK, 1, "future", 2), np.array([3]))) == {"persistence", "mean"}
    assert set(naive_forecasts(_history(values_TK, 1, "future", 2), np.array([4]))) >= {"persistence", "seasonal_naive"}


def test_every_target_has_its_own_forecast() -> None:
    values_TK = np.array([[1.0, 10.0], [2.0, NAN], [3.0, 30.0], [4.0, 40.0]])
    forecasts = naive_forecasts(_history(values_TK, 1, "future", 1), np.array([2, 3]))
    assert forecasts["persistence"].tolist() == [[[2.0, 10.0]], [[3.0, 30.0]]]


def test_over_a_lead_the_last_known_value_lies_before_it() -> None:
    found = naive_forecasts(_history(TENS, 2, "future", 3, lead=2), np.array([7]))
    assert found["persistence"].ravel().tolist() == [40, 40]  # of step 4: steps 5 and 6 lie between
    assert found["seasonal_naive"].ravel().tolist() == [40, 20]
    assert found["drift"].ravel().tolist() == [70, 80]
    changed = TENS.copy()
    changed[5:] = 999
    again = naive_forecasts(_history(changed, 2, "future", 3, lead=2), np.array([7]))
    assert all(np.array_equal(values_WNK, again[name]) for name, values_WNK in found.items())
