"""What a calendar tells of stamps."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqexp.data.calendar import calendar_values
from seqexp.errors import DataError
from seqexp.spec.calendar import CYCLES, FLAGS, calendar_columns, problems_of_calendar

HOURS = pd.date_range("2024-01-01", periods=24 * 400, freq="h")


@pytest.mark.parametrize("word", CYCLES)
def test_a_cycle_is_a_point_on_a_circle_for_each_of_its_places(word: str) -> None:
    values_TC = calendar_values(pd.date_range("2024-01-01", periods=60 * 24 * 60, freq="31min"), [word])
    np.testing.assert_allclose((values_TC**2).sum(axis=1), 1.0)
    if word != "hour":
        assert len(np.unique(values_TC.round(9), axis=0)) == {
            "minute": 60,
            "dayofweek": 7,
            "dayofmonth": 31,
            "dayofyear": 366,
            "weekofyear": 53,
            "month": 12,
            "quarter": 4,
        }.get(word)


def test_midnight_lies_beside_eleven_and_opposite_to_noon() -> None:
    sine_cosine_TC = calendar_values(HOURS[:24], ["hour"])
    np.testing.assert_allclose(sine_cosine_TC[0], [0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(sine_cosine_TC[12], [0.0, -1.0], atol=1e-12)
    near, far = (np.linalg.norm(sine_cosine_TC[0] - sine_cosine_TC[hour]) for hour in (23, 11))
    assert near < far


def test_weekends_and_holidays_are_marked_in_the_stamps_own_zone() -> None:
    pytest.importorskip("holidays")
    local = HOURS.tz_localize("UTC").tz_convert("Europe/Berlin")
    values_TC = calendar_values(local, ["holiday:DE"])
    marked = local[values_TC[:, 0] == 1].tz_localize(None).normalize().unique()
    assert pd.Timestamp("2024-05-01") in marked
    assert pd.Timestamp("2024-05-02") not in marked
    weekend_T = calendar_values(HOURS, ["weekend"])[:, 0]
    assert set(HOURS[weekend_T == 1].day_of_week) == {5, 6}


def test_the_columns_are_named_and_counted_alike() -> None:
    words = [*CYCLES, *FLAGS]
    assert calendar_values(HOURS, words).shape == (len(HOURS), len(calendar_columns(words)))


def test_a_country_without_holidays_is_refused() -> None:
    pytest.importorskip("holidays")
    with pytest.raises(DataError, match="no holidays are known of 'XX'"):
        calendar_values(HOURS, ["holiday:XX"])


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "holidays":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"seqexp\[holidays\]"):
        calendar_values(HOURS, ["holiday:DE"])


@pytest.mark.parametrize(
    ("words", "mend"),
    [(["hours"], "Did you mean hour"), (["holiday"], "holiday:DE"), (["holiday:Germany"], "two letters")],
)
def test_an_unknown_word_is_explained(words: list[str], mend: str) -> None:
    assert mend in problems_of_calendar(words)[0].mend
    assert problems_of_calendar(["hour", "hour"])[0].message == "a word stands twice."
