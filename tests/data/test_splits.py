"""Splits: in time order, side by side, of the size asked for, never beyond the series."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.splits import SPLITS, split_bounds
from seqexp.errors import ConfigError, DataError
from seqexp.spec.data import SplitSpec
from seqexp.spec.validate import validate_as

PROPERTY = settings(max_examples=50, deadline=None)
DAYS = pd.date_range("2009-01-01", periods=31, freq="D")
HOURS = pd.date_range("2009-01-01", periods=24 * 10, freq="h")


def _split(train: object, validation: object, test: object) -> SplitSpec:
    return validate_as(SplitSpec, {"train": train, "validation": validation, "test": test})


@PROPERTY
@given(percents=st.tuples(*[st.integers(5, 33)] * 3), n=st.integers(40, 5000))
def test_shares_give_contiguous_splits_of_about_their_size(percents: tuple[int, int, int], n: int) -> None:
    shares = [percent / 100 for percent in percents]
    bounds = split_bounds(_split(*shares), n)
    assert bounds.train[0] == 0
    assert bounds.train[1] == bounds.validation[0]
    assert bounds.validation[1] == bounds.test[0]
    assert bounds.test[1] <= n
    for name, share in zip(SPLITS, shares, strict=True):
        assert abs(bounds.size(name) - share * n) <= 1 + 1e-9  # rounding of the share itself


@PROPERTY
@given(n=st.integers(20, 5000), train=st.integers(30, 80), validation=st.integers(5, 15))
def test_shares_that_add_up_to_one_use_every_step(n: int, train: int, validation: int) -> None:
    bounds = split_bounds(_split(train / 100, validation / 100, (100 - train - validation) / 100), n)
    assert bounds.test[1] == n


@PROPERTY
@given(counts=st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(1, 50)), rest=st.integers(0, 50))
def test_counts_are_exact_from_the_start_and_leave_the_rest_unused(counts: tuple[int, int, int], rest: int) -> None:
    bounds = split_bounds(_split(*counts), sum(counts) + rest)
    assert [bounds.size(name) for name in SPLITS] == list(counts)
    assert (bounds.train[0], bounds.test[1]) == (0, sum(counts))


@PROPERTY
@given(ends=st.lists(st.integers(1, 31), min_size=3, max_size=3, unique=True).map(sorted))
def test_dates_name_the_last_day_of_each_split(ends: list[int]) -> None:
    bounds = split_bounds(_split(*[f"2009-01-{day:02d}" for day in ends]), 31, DAYS)
    assert (bounds.train, bounds.validation, bounds.test) == ((0, ends[0]), (ends[0], ends[1]), (ends[1], ends[2]))


def test_a_date_without_an_hour_takes_the_whole_day() -> None:
    bounds = split_bounds(_split("2009-01-02", "2009-01-04", "2009-01-10"), len(HOURS), HOURS)
    assert (bounds.train, bounds.validation, bounds.test) == ((0, 48), (48, 96), (96, 240))


def test_a_date_with_an_hour_takes_that_hour_and_no_more() -> None:
    bounds = split_bounds(_split("2009-01-02T05:00", "2009-01-04", "2009-01-10"), len(HOURS), HOURS)
    assert bounds.train == (0, 24 + 6)


def test_dates_are_local_where_the_stamps_have_a_zone() -> None:
    local = pd.date_range("2009-01-01", periods=72, freq="h", tz="Europe/Paris")
    bounds = split_bounds(_split("2009-01-01", "2009-01-02", "2009-01-03"), 72, local)
    assert (bounds.train, bounds.validation, bounds.test) == ((0, 24), (24, 48), (48, 72))


@pytest.mark.parametrize(
    ("shares", "n"), [((0.7, 0, 0.3), 100), ((70, 0, 30), 100), (("2009-01-20", 0, "2009-01-31"), 31)]
)
def test_validation_may_be_nothing(shares: tuple[object, object, object], n: int) -> None:
    bounds = split_bounds(_split(*shares), n, DAYS if n == 31 else None)
    assert bounds.size("validation") == 0
    assert bounds.train[1] == bounds.test[0]
    assert bounds.test[1] == n


@pytest.mark.parametrize(
    ("shares", "n", "key", "says"),
    [
        ((50, 30, 21), 100, "data.split", "101"),
        ((0.9, 0.05, 0.05), 3, "data.split.validation", "no steps"),
        (("2008-12-31", "2009-01-10", "2009-01-20"), 31, "data.split.train", "train"),
        (("2009-01-20", "2009-01-10", "2009-01-25"), 31, "data.split.validation", "2009-01-10"),
        (("2009-01-20", "2009-01-20", "2009-01-25"), 31, "data.split.validation", "2009-01-20"),
        (("2009-01-20", "2009-02-20", "2009-03-20"), 31, "data.split.test", "2009-01-31"),
    ],
    ids=["too-many-rows", "share-of-nothing", "before-the-series", "falling", "equal", "after-the-series"],
)
def test_a_split_that_does_not_fit_the_series_is_refused(
    shares: tuple[object, object, object], n: int, key: str, says: str
) -> None:
    with pytest.raises(DataError) as caught:
        split_bounds(_split(*shares), n, DAYS if n == 31 else None)
    assert caught.value.problems[0].key == key
    assert says in str(caught.value)


def test_dates_need_stamps() -> None:
    with pytest.raises(DataError, match=r"data\.time") as caught:
        split_bounds(_split("2009-01-10", "2009-01-20", "2009-01-30"), 31)
    assert caught.value.problems[0].key == "data.split"


@pytest.mark.parametrize(
    ("shares", "key"),
    [
        ((0.7, 0.2, 0.2), ""),
        ((0.7, 100, 0.1), ""),
        ((0.7, "2009-01-01", 0.1), ""),
        ((0, 10, 10), "train"),
        ((10, 10, 0), "test"),
        (("2009-13-01", "2009-01-01", "2009-01-01"), "train"),
        ((10, -1, 10), "validation"),
        ((1.5, 0.1, 0.1), "train"),
        ((True, 10, 10), "train"),
    ],
)
def test_shares_that_make_no_sense_are_refused_before_any_data_are_read(
    shares: tuple[object, object, object], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _split(*shares)
    assert {problem.key for problem in caught.value.problems} == {key}


@pytest.mark.parametrize("text", ["2024-W05-1", "2024-13-01", "20240105", "2024-01-05T10", "tomorrow"])
def test_only_plain_dates_are_dates(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a date such as 2009-12-31"):
        _split(text, "2024-02-01", "2024-03-01")


def test_a_day_whose_midnight_the_clock_skips_begins_later() -> None:
    stamps = pd.date_range("2018-11-01", "2018-11-10", freq="D", tz="UTC").tz_convert("America/Sao_Paulo")
    bounds = split_bounds(_split("2018-11-03", "2018-11-05", "2018-11-08"), len(stamps), stamps)  # no midnight on 4th
    assert stamps[bounds.train[1]].date().isoformat() == "2018-11-04"


def test_an_offset_needs_stamps_with_a_zone() -> None:
    stamps = pd.date_range("2024-01-01", periods=90, freq="D")
    with pytest.raises(DataError, match="offset from UTC") as caught:
        split_bounds(_split("2024-01-31T00:00:00+01:00", "2024-02-10", "2024-03-01"), len(stamps), stamps)
    assert caught.value.problems[0].key == "data.split.train"
