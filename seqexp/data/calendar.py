"""What a calendar tells of stamps: known ahead, whatever the series does.

Axis letters: T steps, C calendar columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from seqexp.errors import DataError
from seqexp.spec.calendar import CYCLES

Array = np.ndarray[Any, np.dtype[Any]]
# The word -> what counts from 0, and how many of it go round.
_TURNS = {"minute": 60, "hour": 24, "dayofweek": 7, "dayofmonth": 31, "dayofyear": 366, "weekofyear": 53}
_TURNS |= {"month": 12, "quarter": 4}
_FIELDS = {"dayofweek": "day_of_week", "dayofmonth": "day", "dayofyear": "day_of_year"}  # pandas' words for them
_FROM_ONE = {"dayofmonth", "dayofyear", "weekofyear", "month", "quarter"}


def calendar_values(stamps: pd.DatetimeIndex, words: Sequence[str]) -> Array:
    """Return the columns of calendar words, shape ``(T, C)``, in the stamps' own zone.

    Raises:
        DataError: ``holiday:XX`` needs a package that is not installed, or there is no such country.
    """
    columns: list[Array] = []
    for word in words:
        if word in CYCLES:
            angle_T = 2 * np.pi * _position(stamps, word) / _TURNS[word]
            columns += [np.sin(angle_T), np.cos(angle_T)]
        elif word == "weekend":
            columns.append(np.asarray(stamps.day_of_week >= 5, np.float64))
        else:
            columns.append(_holidays(stamps, word.partition(":")[2]))
    return np.stack(columns, axis=1) if columns else np.zeros((len(stamps), 0))


def _position(stamps: pd.DatetimeIndex, word: str) -> Array:
    if word == "weekofyear":
        values = stamps.isocalendar().week.to_numpy(np.float64)
    else:
        values = np.asarray(getattr(stamps, _FIELDS.get(word, word)), np.float64)
    if word == "hour":
        values = values + np.asarray(stamps.minute, np.float64) / 60
    return values - 1 if word in _FROM_ONE else values


def _holidays(stamps: pd.DatetimeIndex, place: str) -> Array:
    try:
        import holidays
    except ImportError:
        mend = 'pip install "seqexp[holidays]", or leave the word out.'
        raise DataError("holidays need the package holidays.", key="data.calendar", mend=mend) from None
    country, _, region = place.partition("-")
    years = range(stamps[0].year, stamps[-1].year + 1)
    try:
        free = holidays.country_holidays(country, subdiv=region or None, years=years)
    except NotImplementedError as error:
        reason = str(error).splitlines()[0]
        mend = "Write the country's two letters: holiday:DE."
        raise DataError(f"no holidays are known of {place!r}: {reason}", key="data.calendar", mend=mend) from None
    days = pd.DatetimeIndex([pd.Timestamp(day) for day in free])
    found: Array = np.asarray(stamps.tz_localize(None).normalize().isin(days), np.float64)
    return found
