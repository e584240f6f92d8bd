"""What is said of a series that was changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.changes import describe_change
from seqexp.data.series import Series, read_series
from seqexp.spec.experiment import ExperimentSpec

Compose = Callable[..., ExperimentSpec]


def _frame() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=60)
    return pd.DataFrame({"date": days, "a": np.arange(60.0), "b": np.arange(60.0) ** 2})


@pytest.fixture
def read(compose: Compose, tmp_path: Path) -> Callable[..., Series]:
    def read_frame(frame: pd.DataFrame, *words: str) -> Series:
        frame.to_csv(tmp_path / "t.csv", index=False)
        spec = compose("data=table", "data.path=t.csv", "data.targets=[a]", "data.features=all", *words)
        return read_series(spec.data)

    return read_frame


def test_changed_rows_are_counted_by_column_and_the_first_and_last_named(read: Callable[..., Series]) -> None:
    before = read(_frame(), "data.time=date")
    frame = _frame()
    frame.loc[[3, 9], "a"] += 1
    frame.loc[20, "b"] += 1
    text = describe_change(before, read(frame, "data.time=date"))
    assert text == "3 rows differ: 2 of 'a', 1 of 'b' (2024-01-04 00:00:00 to 2024-01-21 00:00:00)"


def test_without_stamps_rows_have_numbers(read: Callable[..., Series]) -> None:
    frame = _frame().drop(columns="date")
    before = read(frame)
    frame.loc[7, "b"] = -1
    assert describe_change(before, read(frame)) == "1 row differs: 1 of 'b' (row 7)"


def test_rows_that_are_new_or_gone_are_told(read: Callable[..., Series]) -> None:
    before = read(_frame(), "data.time=date")
    shorter = read(_frame().iloc[2:-1], "data.time=date")
    assert describe_change(before, shorter) == "3 rows are gone (2024-01-01 00:00:00 to 2024-02-29 00:00:00)"
    assert describe_change(shorter, before) == "3 rows are new (2024-01-01 00:00:00 to 2024-02-29 00:00:00)"


def test_filled_values_and_zones_are_told(read: Callable[..., Series]) -> None:
    frame = _frame()
    frame["a"] = 5.0
    before = read(frame, "data.time=date")
    frame.loc[4, "a"] = np.nan
    after = read(frame, "data.time=date", "data.missing=forward_fill")
    assert describe_change(before, after) == "1 row changed between observed and filled"
    zoned = read(_frame(), "data.time=date", "data.timezone=UTC")
    assert "no zone -> UTC" in describe_change(read(_frame(), "data.time=date"), zoned)


def test_of_several_series_each_is_told_by_itself(read: Callable[..., Series]) -> None:
    north, south = (_frame().assign(shop=shop) for shop in ("north", "south"))
    words = ("data.time=date", "data.series=shop", "data.features=[a,b]")
    before = read(pd.concat([north, south]), *words)
    assert describe_change(before, before) == "the same values are laid out in another way"
    south.loc[5, "a"] += 1
    west = _frame().assign(shop="west")
    text = describe_change(before, read(pd.concat([west, south, north]), *words))
    assert text == "series south: 1 row differs: 1 of 'a' (2024-01-06 00:00:00); series west new"
