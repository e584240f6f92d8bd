"""Tables that are not as the config says: each is refused with the file or column, and the key to look at."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqexp.data.series import Series
from seqexp.errors import DataError

ReadTable = Callable[..., Series]
DAYS = [f"2009-01-{day:02d}" for day in range(1, 31)]
ROWS = [f"{day},{number}.5,{number}" for number, day in enumerate(DAYS, 1)]
HEADER = "date,v,o"


def _table(rows: list[str], header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def _with(row: int, text: str) -> str:
    return _table([*ROWS[:row], text, *ROWS[row + 1 :]])


GOOD = _table(ROWS)
GAP = _table(ROWS[:20] + ROWS[21:])
TWICE = _table([*ROWS[:6], ROWS[5], *ROWS[6:]])
SEMICOLON = GOOD.replace(",", ";")
COMMA = SEMICOLON.replace(".", ",")
SPRING = [f"2009-03-{day} {hour:02d}:00,1,{hour}" for day in (28, 29, 30) for hour in range(24)]
AUTUMN = [
    f"2009-10-{day} {hour:02d}:00,1,{hour}"
    for day in (24, 25, 26)
    for hour in ([0, 1, 2, 2, *range(3, 24)] if day == 25 else range(24))
]
PARIS = {"timezone": "Europe/Paris"}
NO_SPRING_HOUR = [row for row in SPRING if not row.startswith("2009-03-29 02")]
ONE_AUTUMN_HOUR = [row for place, row in enumerate(AUTUMN) if place != 24 + 3]

CASES: dict[str, tuple[str | bytes | None, dict[str, Any], str, str]] = {
    "missing-file": (None, {}, "data.path", "bad.csv"),
    "empty": ("", {}, "data.path", "bad.csv"),
    "blank-lines": ("\n\n\n", {}, "data.read", "bad.csv"),
    "header-only": (HEADER + "\n", {}, "data.path", "bad.csv"),
    "missing-target": (GOOD, {"targets": ["w"]}, "data.targets", "'w'"),
    "missing-feature": (GOOD, {"features": ["x"]}, "data.features", "'x'"),
    "missing-one-name": (GOOD, {"features": "x"}, "data.features", "'x'"),
    "missing-time": (GOOD, {"time": "dat"}, "data.time", "'dat'"),
    "unsorted": (_table([*ROWS[:4], ROWS[5], ROWS[4], *ROWS[6:]]), {}, "data.time", "2009-01-05"),
    "newest-first": (_table(ROWS[::-1]), {}, "data.time", "bad.csv"),
    "twice": (TWICE, {}, "data.duplicates", "2009-01-06"),
    "twice-and-gap": (_table([*ROWS[:6], ROWS[5], *ROWS[7:]]), {"duplicates": "first"}, "data.missing", "2009-01-07"),
    "gap": (GAP, {}, "data.missing", "2009-01-21"),
    "nan-target": (_with(3, "2009-01-04,,4"), {}, "data.missing", "'v'"),
    "nan-feature": (_with(3, "2009-01-04,4,NaN"), {}, "data.missing", "'o'"),
    "nan-first": (_with(0, "2009-01-01,,1"), {"missing": "forward_fill"}, "data.missing", "data.rows=[1,null]"),
    "nan-first-feature": (_with(0, "2009-01-01,1,"), {"missing": "forward_fill"}, "data.missing", "'o'"),
    "nan-first-cut": (
        _with(2, "2009-01-03,,3"),
        {"missing": "forward_fill", "rows": [2, None]},
        "data.missing",
        "data.rows=[3,null]",
    ),
    "text-target": (_with(7, "2009-01-08,eight,8"), {}, "data.targets", "'eight'"),
    "text-feature": (_with(7, "2009-01-08,8,eight"), {}, "data.features", "'eight'"),
    "infinite": (_with(7, "2009-01-08,inf,8"), {}, "data.targets", "'v'"),
    "minus-infinite": (_with(7, "2009-01-08,8,-inf"), {}, "data.features", "'o'"),
    "nothing-in-target": (_table([f"{day},,1" for day in DAYS]), {"missing": "drop"}, "data.targets", "'v'"),
    "nothing-in-feature": (_table([f"{day},1," for day in DAYS]), {"missing": "drop"}, "data.features", "'o'"),
    "wrong-encoding": (GOOD.replace("v", "é").encode("latin-1"), {}, "data.read.encoding", "bad.csv"),
    "utf16": (GOOD.encode("utf-16"), {}, "data.read.encoding", "bad.csv"),
    "no-such-encoding": (GOOD, {"read": {"encoding": "utf-9"}}, "data.read.encoding", "utf-9"),
    "open-quote": (_with(3, '2009-01-04,"4,4'), {}, "data.read", "bad.csv"),
    "too-many-fields": (_with(9, "2009-01-10,1,2,3,4,5"), {}, "data.read", "bad.csv"),
    "semicolon": (SEMICOLON, {}, "data.targets", "date;v;o"),
    "decimal-comma": (COMMA, {"read": {"sep": ";"}}, "data.targets", "'1,5'"),
    "thousands": (_with(3, '2009-01-04,"4,000",4'), {}, "data.targets", "'4,000'"),
    "no-stamps": (
        _table([f"day {n},{n},{n}" for n in range(30)]),
        {"read": {"date_format": "%Y-%m-%d"}},
        "data.time",
        "'date'",
    ),
    "absent-stamp": (_with(3, ",4.5,4"), {}, "data.time", "row 3"),
    "one-wrong-stamp": (_with(3, "2009-01-44,4.5,4"), {}, "data.time", "'date'"),
    "wrong-date-format": (GOOD, {"read": {"date_format": "%d/%m/%Y"}}, "data.time", "'date'"),
    "numbers-as-time": (_table([f"{1950 + n},1,{n}" for n in range(30)]), {}, "data.time", "numbers"),
    "target-as-time": (GOOD, {"time": "v"}, "data.time", "'v'"),
    "uneven": (_table([f"2009-01-{2**n:02d},1,{n}" for n in range(5)]), {}, "data.frequency", "bad.csv"),
    "one-row": (_table(ROWS[:1]), {}, "data.frequency", "bad.csv"),
    "no-such-frequency": (GOOD, {"frequency": "fortnight"}, "data.frequency", "fortnight"),
    "other-frequency": (GOOD, {"frequency": "MS"}, "data.frequency", "MS"),
    "finer-frequency": (GOOD, {"frequency": "h"}, "data.missing", "2009-01-01 01:00"),
    "rows-of-nothing": (GOOD, {"rows": [20, 10]}, "data.rows", "[20, 10]"),
    "rows-outside": (GOOD, {"rows": [0, 50]}, "data.rows", "50 lies outside"),
    "doubled-column": (GOOD.replace("v,o", "v,v"), {}, "data.path", "more than one column 'v'"),
    "longer-rows": (_table([f"{row},9" for row in ROWS]), {}, "data.read", "more fields"),
    "month-or-day": (
        _table([f"01/{month:02d}/2009,1,2" for month in range(1, 13)]),
        {"frequency": None},
        "data.read.date_format",
        "month first",
    ),
    "no-text-encoding": (GOOD, {"read": {"encoding": "rot13"}}, "data.read.encoding", "rot13"),
    "packed": (gzip.compress(GOOD.encode()), {}, "data.path", "compressed"),
    "frequency-of-nothing": (GOOD, {"frequency": "0h"}, "data.frequency", "0h"),
    "endless-grid": (GOOD, {"frequency": "ns", "missing": "forward_fill"}, "data.frequency", "steps for 30 rows"),
    "rows-backwards": (GOOD, {"rows": [20, 10]}, "data.rows", "[20, 10]"),
    "no-such-zone": (GOOD, {"timezone": "Europe/Pari"}, "data.timezone", "Europe/Pari"),
    "autumn-without-zone": (_table(AUTUMN), {}, "data.duplicates", "data.timezone"),
    "autumn-one-hour-short": (_table(ONE_AUTUMN_HOUR), PARIS, "data.timezone", "Europe/Paris"),
    "spring-without-zone": (_table(NO_SPRING_HOUR), {}, "data.missing", "2009-03-29 02:00"),
    "spring-hour-that-was-not": (_table(SPRING), PARIS, "data.timezone", "2009-03-29 02:00"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_table_is_refused_with_its_key(name: str, read_table_of: ReadTable) -> None:
    content, options, key, says = CASES[name]
    with pytest.raises(DataError) as caught:
        read_table_of(content, **options)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].key == key
    assert says in str(caught.value)
    if key not in {"data.rows", "data.frequency", "data.timezone", "data.read.encoding", "data.duplicates"}:
        assert "bad.csv" in str(caught.value)


@pytest.mark.parametrize("file", ["table.xlsx", "table", "table.csv.gz", "table.json"])
def test_a_file_of_another_kind_is_refused(file: str, read_table_of: ReadTable) -> None:
    with pytest.raises(DataError) as caught:
        read_table_of(GOOD, file=file)
    assert caught.value.problems[0].key == "data.path"
    assert file in str(caught.value)


def test_code_in_place_of_a_table_is_told_how_it_is_used(read_table_of: ReadTable) -> None:
    with pytest.raises(DataError, match=r"@seqexp.source: --plugin rows.py data=table data.source=FUNCTION"):
        read_table_of("import seqexp", file="rows.py")


def test_an_archive_under_the_name_of_a_csv_is_not_unpacked(read_table_of: ReadTable) -> None:
    with pytest.raises(DataError, match=r"bad\.csv"):
        read_table_of(gzip.compress(GOOD.encode()))


def test_a_folder_is_refused(tmp_path: Path, read_table_of: ReadTable) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv is a folder") as caught:
        read_table_of(None, file="folder.csv")
    assert caught.value.problems[0].key == "data.path"


@pytest.mark.parametrize("content", [b"PAR1 and no more", b"PAR1" + b"\0" * 64 + b"PAR1", GOOD.encode()])
def test_a_file_that_is_not_parquet_is_refused(content: bytes, read_table_of: ReadTable) -> None:
    with pytest.raises(DataError) as caught:
        read_table_of(content, file="bad.parquet")
    assert caught.value.problems[0].key == "data.path"
    assert "bad.parquet" in str(caught.value)


def test_a_misspelt_column_suggests_the_nearest(read_table_of: ReadTable) -> None:
    with pytest.raises(DataError) as caught:
        read_table_of(GOOD.replace(HEADER, "date,v,price"), features=["prise"])
    assert "Did you mean price?" in caught.value.problems[0].mend


def test_a_wrong_number_is_found_by_its_row(read_table_of: ReadTable) -> None:
    with pytest.raises(DataError, match="line 9"):
        read_table_of(_with(7, "2009-01-08,eight,8"))
    with pytest.raises(DataError, match="line 9"):
        read_table_of(_with(7, "2009-01-08,eight,8"), rows=[5, 20])


def test_a_bad_row_that_is_cut_off_does_no_harm(read_table_of: ReadTable) -> None:
    assert len(read_table_of(_with(0, "2009-01-01,eight,inf"), rows=[1, None])) == 29


def test_a_file_read_with_the_wrong_separator_is_recognised(read_table_of: ReadTable) -> None:
    with pytest.raises(DataError, match=r"is data\.read\.sep what stands between"):
        read_table_of(GOOD.replace(",", ";"))
