"""Tables that can be read: every policy does what it says, and the same content gives the same series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqexp.data.series import Series
from seqexp.errors import DataError

ReadTable = Callable[..., Series]
DAYS = [f"2009-01-{day:02d}" for day in range(1, 31)]
ROWS = [f"{day},{number}.5,{number}" for number, day in enumerate(DAYS, 1)]
VALUES = [number + 0.5 for number in range(1, 31)]


def _table(rows: list[str], header: str = "date,v,o") -> str:
    return "\n".join([header, *rows]) + "\n"


GOOD = _table(ROWS)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (GOOD, {}),
        (GOOD.replace("\n", "\r\n"), {}),
        ("\ufeff" + GOOD, {}),
        (GOOD.replace(",", ";"), {"sep": ";"}),
        (GOOD.replace(",", "\t"), {"sep": "\t"}),
        (GOOD.replace(",", ";").replace(".", ","), {"sep": ";", "decimal": ","}),
        (GOOD.encode("utf-16"), {"encoding": "utf-16"}),
        (_table([f"{n:02d}/01/2009,{n}.5,{n}" for n in range(1, 31)]), {"date_format": "%d/%m/%Y"}),
        (_table([f"200901{n:02d},{n}.5,{n}" for n in range(1, 31)]), {"date_format": "%Y%m%d"}),
    ],
    ids=["plain", "crlf", "bom", "semicolon", "tab", "decimal-comma", "utf16", "day-first", "numbers-as-dates"],
)
def test_the_same_table_in_another_dress_is_the_same_series(
    content: str | bytes, read: dict[str, str], read_table_of: ReadTable
) -> None:
    series = read_table_of(content, read=read)
    assert series.targets_TK.ravel().tolist() == VALUES
    assert series.features_TF.ravel().tolist() == list(range(1, 31))
    assert (series.frequency, series.season) == ("D", 7)
    assert series.fingerprint == read_table_of(GOOD, file="plain.csv").fingerprint


def test_thousands_are_read_where_they_are_named(read_table_of: ReadTable) -> None:
    rows = [f'{day},"{number},000.5",1' for number, day in enumerate(DAYS, 1)]
    assert read_table_of(_table(rows), read={"thousands": ","}).targets_TK[2, 0] == 3000.5


def test_parquet_gives_the_same_series_as_csv(tmp_path: Path, read_table_of: ReadTable) -> None:
    frame = pd.DataFrame({"date": pd.to_datetime(DAYS), "v": VALUES, "o": np.arange(1, 31)})
    frame.to_parquet(tmp_path / "plain.parquet")
    frame.set_index("date").to_parquet(tmp_path / "indexed.parquet")
    expected = read_table_of(GOOD).fingerprint
    assert read_table_of(None, file="plain.parquet").fingerprint == expected
    assert read_table_of(None, file="indexed.parquet").fingerprint == expected


def test_another_value_gives_another_fingerprint(read_table_of: ReadTable) -> None:
    first = read_table_of(GOOD, file="a.csv")
    assert read_table_of(GOOD.replace("7.5", "7.6"), file="b.csv").fingerprint != first.fingerprint


def test_a_changed_file_is_read_again(read_table_of: ReadTable) -> None:
    assert read_table_of(GOOD).targets_TK[0, 0] == 1.5
    assert read_table_of(GOOD.replace("01,1.5", "01,100.5")).targets_TK[0, 0] == 100.5


@pytest.mark.parametrize(("policy", "value"), [("first", 1.0), ("last", 5.0), ("mean", 3.0)])
def test_of_two_rows_with_one_stamp_the_policy_decides(policy: str, value: float, read_table_of: ReadTable) -> None:
    rows = ["2009-01-01,0,0", "2009-01-02,1,1", "2009-01-02,5,5", "2009-01-03,7,7", "2009-01-04,9,9"]
    series = read_table_of(_table(rows), duplicates=policy)
    assert series.targets_TK.ravel().tolist() == [0.0, value, 7.0, 9.0]
    assert series.observed_T.all()


def test_forward_fill_takes_the_last_value_before_and_marks_the_step(read_table_of: ReadTable) -> None:
    rows = [*ROWS[:10], "2009-01-11,,11", *ROWS[13:]]  # one value missing, two rows absent
    series = read_table_of(_table(rows), missing="forward_fill")
    assert len(series) == 30
    assert series.targets_TK[9:15].ravel().tolist() == [10.5, 10.5, 10.5, 10.5, 14.5, 15.5]
    assert series.features_TF[9:15].ravel().tolist() == [10, 11, 11, 11, 14, 15]
    assert np.flatnonzero(~series.observed_T).tolist() == [10, 11, 12]


def test_drop_leaves_holes_and_keeps_every_step(read_table_of: ReadTable) -> None:
    series = read_table_of(_table([*ROWS[:10], "2009-01-11,,11", *ROWS[13:]]), missing="drop")
    assert len(series) == 30
    assert np.flatnonzero(np.isnan(series.targets_TK[:, 0])).tolist() == [10, 11, 12]
    assert np.flatnonzero(np.isnan(series.features_TF[:, 0])).tolist() == [11, 12]


def test_a_missing_input_alone_leaves_the_target_observed(read_table_of: ReadTable) -> None:
    series = read_table_of(_table([*ROWS[:10], "2009-01-11,11.5,", *ROWS[11:]]), missing="forward_fill")
    assert series.observed_T.all()
    assert series.features_TF[10, 0] == 10


def test_a_constant_column_is_read(read_table_of: ReadTable) -> None:
    assert set(read_table_of(_table([f"{day},3,3" for day in DAYS])).targets_TK.ravel()) == {3.0}


def test_without_time_the_rows_are_in_order_and_have_no_frequency(read_table_of: ReadTable) -> None:
    series = read_table_of(_table(ROWS[::-1]), time=None)
    assert (series.stamps, series.frequency, series.season) == (None, None, 1)
    assert series.targets_TK.ravel().tolist() == VALUES[::-1]


@pytest.mark.parametrize(("rows", "kept"), [([5, None], 25), ([None, 20], 20), ([1, -1], 28), ([None, None], 30)])
def test_rows_cut_first(rows: list[int | None], kept: int, read_table_of: ReadTable) -> None:
    series = read_table_of(GOOD, rows=rows)
    assert series.targets_TK.ravel().tolist() == VALUES[slice(*rows)]
    assert len(series) == kept


@pytest.mark.parametrize(
    ("features", "names"),
    [(None, ("v",)), ("all", ("v", "o")), ("o", ("o",)), (["o", "v"], ("o", "v"))],
    ids=["targets", "all", "name", "list"],
)
def test_features_name_the_inputs(features: Any, names: tuple[str, ...], read_table_of: ReadTable) -> None:
    rows = [f"{row},red" for row in ROWS]
    series = read_table_of(_table(rows, "date,v,o,colour"), features=features)
    assert series.feature_names == names
    assert series.features_TF[4].tolist() == [{"v": 5.5, "o": 5.0}[name] for name in names]
    assert series.target_names == ("v",)


def _hours(day: str, hours: list[int]) -> list[str]:
    return [f"{day} {hour:02d}:00,{hour},{hour}" for hour in hours]


@pytest.mark.parametrize(
    ("days", "changed", "hours"),
    [
        (("2009-10-24", "2009-10-25", "2009-10-26"), [0, 1, 2, 2, *range(3, 24)], 73),
        (("2009-03-28", "2009-03-29", "2009-03-30"), [0, 1, *range(3, 24)], 71),
    ],
    ids=["autumn", "spring"],
)
def test_daylight_saving_hours_resolve_with_a_zone(
    days: tuple[str, str, str], changed: list[int], hours: int, read_table_of: ReadTable
) -> None:
    whole = list(range(24))
    rows = _hours(days[0], whole) + _hours(days[1], changed) + _hours(days[2], whole)
    series = read_table_of(_table(rows), timezone="Europe/Paris")
    assert len(series) == hours
    assert (series.frequency, series.season) == ("h", 24)
    assert series.stamps is not None
    assert set(np.diff(series.stamps.tz_convert("UTC").asi8).tolist()) == {np.diff(series.stamps.asi8)[0]}
    assert series.observed_T.all()


def test_utc_offsets_in_the_stamps_need_no_zone(read_table_of: ReadTable) -> None:
    rows = [f"2009-03-29T{hour:02d}:00:00+0{1 if hour < 2 else 2}:00,1,1" for hour in [0, 1, *range(3, 24)]]
    series = read_table_of(_table(rows))
    assert len(series) == 23
    assert str(series.stamps[0]) == "2009-03-28 23:00:00+00:00"  # type: ignore[index]


@pytest.mark.parametrize(
    ("code", "season"),
    [("h", 24), ("30min", 48), ("D", 7), ("B", 5), ("W-SUN", 52), ("MS", 12), ("ME", 12), ("QS-JAN", 4)],
)
def test_frequency_and_season_are_found_from_the_stamps(code: str, season: int, read_table_of: ReadTable) -> None:
    stamps = pd.date_range("2009-01-01", periods=60, freq=code)
    series = read_table_of(_table([f"{stamp},1,1" for stamp in stamps]))
    assert (series.frequency, series.season) == (code, season)
    assert read_table_of(None, season=3).season == 3


def test_the_frequency_is_found_in_spite_of_gaps(read_table_of: ReadTable) -> None:
    stamps = pd.date_range("2009-01-01", periods=100, freq="h").delete([30, 31, 70])
    series = read_table_of(_table([f"{stamp},1,1" for stamp in stamps]), missing="drop")
    assert (series.frequency, len(series)) == ("h", 100)


def test_stamps_with_offsets_are_moments_in_the_zone_that_is_asked_for(read_table_of: ReadTable) -> None:
    days = pd.date_range("2009-03-20", periods=30, freq="D", tz="Europe/Paris")  # the clock goes forward on the 29th
    text = _table([f"{day},{number},{number}" for number, day in enumerate(days)])
    assert {str(day)[-6:] for day in days} == {"+01:00", "+02:00"}
    series = read_table_of(text, timezone="Europe/Paris")
    assert series.frequency == "D"
    assert list(series.stamps) == list(days)
    with pytest.raises(DataError, match="Europe/Paris") as caught:
        read_table_of(text, file="without.csv")
    assert caught.value.problems[0].key == "data.frequency"
