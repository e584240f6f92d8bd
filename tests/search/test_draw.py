from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqexp.compose.axes import Axes, Interval
from seqexp.search.draw import draw, readable, size_of

GRID: Axes = {"a": [1, 2, 3], "b": ["x", "y"]}


def test_a_finite_number_of_combinations_is_drawn_once_each() -> None:
    drawn = list(draw(GRID, seed=0))
    assert sorted((values["a"], values["b"]) for values in drawn) == [(a, b) for a in (1, 2, 3) for b in ("x", "y")]
    assert [list(values) for values in drawn] == [["a", "b"]] * 6


def test_the_seed_decides() -> None:
    axes: Axes = {**GRID, "c": Interval(0.0, 1.0)}
    first, again, other = (list(islice(draw(axes, seed), 5)) for seed in (3, 3, 4))
    assert first == again != other


@given(low=st.floats(1e-6, 1e3), factor=st.floats(1.01, 1e3), log=st.booleans(), seed=st.integers(0, 99))
def test_numbers_stay_inside_their_interval(low: float, factor: float, log: bool, seed: int) -> None:
    axes: Axes = {"x": Interval(low, low * factor, log)}
    for values in islice(draw(axes, seed), 20):
        assert low * 0.99999 <= values["x"] <= low * factor * 1.00001


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_are_drawn_with_both_ends(log: bool) -> None:
    drawn = {values["x"] for values in islice(draw({"x": Interval(1, 4, log)}, 0), 300)}
    assert drawn == {1, 2, 3, 4}
    assert all(type(value) is int for value in drawn)


def test_a_logarithmic_interval_is_spread_over_its_magnitudes() -> None:
    drawn = [values["x"] for values in islice(draw({"x": Interval(1e-4, 1e0, log=True)}, 0), 2000)]
    assert 0.45 < sum(value < 1e-2 for value in drawn) / 2000 < 0.55


def test_sizes() -> None:
    assert size_of(GRID) == 6
    assert size_of({**GRID, "c": Interval(8, 64)}) == 6 * 57
    assert size_of({"c": Interval(0.0, 1.0)}) is None


def test_what_is_drawn_can_be_read() -> None:
    assert readable(0.00123456789, Interval(0.0, 1.0)) == 0.00123457
    assert readable(1234567, Interval(1, 10**7)) == 1234567
