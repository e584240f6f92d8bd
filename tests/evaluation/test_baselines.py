"""Naive forecasts, step by step, on series small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.evaluation.baselines import BASELINES, last_known_step, naive_forecasts
from seqexp.spec.contract import Alignment

ALIGNMENTS = st.sampled_from(["future", "next", "same"])
TENS = np.arange(12.0)[:, None] * 10  # the value of step t is 10 t
NAN = float("nan")


def _forecast(first: int, length: int, alignment: Alignment, season: int) -> dict[str, list[float]]:
    found = naive_forecasts(TENS, np.array([first]), length, alignment, season)
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
    assert _forecast(5, length, alignment, season) == {"persistence": persistence, "seasonal_naive": seasonal}


def test_the_baselines_are_these() -> None:
    assert set(BASELINES) == {"persistence", "seasonal_naive"}


@settings(max_examples=50, deadline=None)
@given(first=st.integers(0, 40), length=st.integers(1, 9), season=st.integers(1, 12), alignment=ALIGNMENTS)
def test_no_baseline_looks_at_the_steps_it_forecasts(
    first: int, length: int, season: int, alignment: Alignment
) -> None:
    first_W = np.array([first, first + 1])
    target_WN = first_W[:, None] + np.arange(length)
    known_WN = last_known_step(first_W, length, alignment)
    assert (known_WN < target_WN).all()
    if alignment != "next":
        assert (known_WN < first_W[:, None]).all()
    for name in BASELINES:
        assert (BASELINES[name](target_WN, known_WN, season) <= known_WN).all()
    back_WN = target_WN - BASELINES["seasonal_naive"](target_WN, known_WN, season)
    assert (back_WN % season == 0).all()
    assert (known_WN - (target_WN - back_WN) < season).all()


def test_later_values_change_no_forecast() -> None:
    changed = TENS.copy()
    changed[5:] = -1e6
    before = naive_forecasts(TENS, np.array([4, 5]), 3, "future", 2)
    after = naive_forecasts(changed, np.array([4, 5]), 3, "future", 2)
    assert set(before) == set(after) == {"persistence", "seasonal_naive"}
    for name, values_WNK in before.items():
        np.testing.assert_array_equal(after[name], values_WNK)


@pytest.mark.parametrize(
    ("firsts", "season", "names"),
    [
        ([3, 4], 3, {"persistence", "seasonal_naive"}),
        ([2, 4], 3, {"persistence"}),
        ([1], 3, {"persistence"}),
        ([0, 4], 3, set()),
        ([0], 1, set()),
    ],
)
def test_a_baseline_without_history_for_one_window_is_left_out(firsts: list[int], season: int, names: set[str]) -> None:
    assert set(naive_forecasts(TENS, np.array(firsts), 2, "future", season)) == names


def test_the_last_observed_value_stands_in_for_a_missing_one() -> None:
    values_TK = np.array([1.0, 2.0, NAN, NAN, 5.0, 6.0])[:, None]
    forecasts = naive_forecasts(values_TK, np.array([3, 4]), 1, "future", 2)
    assert forecasts["persistence"].ravel().tolist() == [2.0, 2.0]
    assert forecasts["seasonal_naive"].ravel().tolist() == [2.0, 2.0]


def test_a_baseline_whose_source_was_never_observed_is_left_out() -> None:
    values_TK = np.array([NAN, NAN, 3.0, 4.0, 5.0, 6.0])[:, None]
    assert set(naive_forecasts(values_TK, np.array([3]), 1, "future", 2)) == {"persistence"}
    assert set(naive_forecasts(values_TK, np.array([4]), 1, "future", 2)) == {"persistence", "seasonal_naive"}


def test_every_target_has_its_own_forecast() -> None:
    values_TK = np.array([[1.0, 10.0], [2.0, NAN], [3.0, 30.0], [4.0, 40.0]])
    forecasts = naive_forecasts(values_TK, np.array([2, 3]), 1, "future", 1)
    assert forecasts["persistence"].tolist() == [[[2.0, 10.0]], [[3.0, 30.0]]]
