"""From which steps a forecast is made: the last one, the one that is named, or every one that is possible.

Axis letters: O origins, R rows that are read, N output steps.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from seqexp.errors import DataError
from seqexp.spec.parts import shown
from seqexp.workflows.using.new_rows import NewRows

Array = np.ndarray[Any, np.dtype[Any]]
Origin = str | int | date
EVERY = "every"
_KEY = "--origin"


def choose_origins(rows: NewRows, origin: Origin | None, reads: int, first: int, length: int) -> Array:
    """Return the last known step of each forecast, counted from 0, shape ``(O,)``.

    Args:
        rows: What is known.
        origin: A stamp, or the number of a step where there are none, from 0 at the first of the rows; ``every``; None
            for the last step.
        reads: R.
        first: Steps from an origin to the first step of its forecast.
        length: N.

    Raises:
        DataError: There is no such step, or too little is known of what the model reads.
    """
    if len(rows.series) < reads:
        message = f"the model reads {reads} steps, but {rows.label} has {len(rows.series)}{rows.of_series}."
        raise DataError(message, key="timesteps", mend="Give a table with more rows.")
    if origin == EVERY:
        return _possible(rows, reads, first, length)
    chosen = len(rows.series) - 1 if origin is None else _place(rows, origin)
    if chosen < reads - 1:
        message = f"the model reads {reads} steps, and {rows.label} has {chosen + 1}{rows.of_series} up to"
        message = f"{message} {_told(rows, chosen)}."
        raise DataError(message, key=_KEY, mend=f"The first origin that is possible is {_told(rows, reads - 1)}.")
    _check_known(rows, chosen, reads, first, length)
    return np.array([chosen])


def _possible(rows: NewRows, reads: int, first: int, length: int) -> Array:
    """Return every origin with no hole in what is read, before it and ahead of it."""
    origins_O = np.arange(reads - 1, len(rows.series))
    hidden_O = _count(_holes(rows.series.features_TF), origins_O - reads + 1, reads)
    if rows.ahead_TA is not None:
        hidden_O = hidden_O + _count(_holes(rows.ahead_TA), origins_O + first, length)
    found_O: Array = origins_O[hidden_O == 0]
    if not len(found_O):
        message = f"{rows.label} has no step{rows.of_series} that a forecast can start from: each touches a hole."
        raise DataError(message, key=_KEY, mend="Fill the holes, or give a table with more rows.")
    return found_O


def _holes(values_TF: Array) -> Array:
    holes: Array = np.asarray(np.isnan(values_TF).any(axis=1))
    return holes


def _count(holes_T: Array, first_O: Array, length: int) -> Array:
    running = np.concatenate([[0], np.cumsum(holes_T)])
    counted: Array = running[first_O + length] - running[first_O]
    return counted


def _check_known(rows: NewRows, chosen: int, reads: int, first: int, length: int) -> None:
    if np.isnan(rows.series.features_TF[chosen - reads + 1 : chosen + 1]).any():
        which = "last rows" if chosen == len(rows.series) - 1 else f"{reads} rows up to {_told(rows, chosen)}"
        message = f"the {which} of {rows.label}{rows.of_series} have holes."
        raise DataError(message, key="data.missing", mend="Fill them, or end the table earlier.")
    if rows.ahead_TA is None:
        return
    known_N = ~np.isnan(rows.ahead_TA[chosen + first : chosen + first + length]).any(axis=1)
    if not known_N.all():
        last = chosen + first + length - 1
        until = rows.stamps[last] if rows.stamps is not None else f"{first + length - 1} after the last row"
        message = f"the forecast needs what is known ahead of the {length} step(s) up to {until}"
        mend = "Add rows that hold the time and these columns, and nothing in the others."
        raise DataError(f"{message}: {int(known_N.sum())} are there.", key="data.future", mend=mend)


def _place(rows: NewRows, origin: Origin) -> int:
    """Return the number of the step that an origin names."""
    if rows.series.stamps is None:
        try:
            step = int(str(origin))
        except ValueError:
            message = f"expected the number of a step (the rows have no stamps) or {EVERY}, got {shown(origin)}."
            raise DataError(message, key=_KEY) from None
        if not 0 <= step < len(rows.series):
            message = f"{rows.label} has no step {step}{rows.of_series}: the steps are 0 to {len(rows.series) - 1}."
            mend = (
                "0 is the first row of a table that is given; of the run's own data, the first that data.rows leaves."
            )
            raise DataError(message, key=_KEY, mend=mend)
        return step
    stamps = rows.series.stamps
    stamp = _stamp(origin, stamps)
    place = int(stamps.get_indexer(pd.DatetimeIndex([stamp]))[0])
    if place < 0:
        message = f"{rows.label} has no step at {stamp}{rows.of_series}: it runs from {stamps[0]} to {stamps[-1]}"
        near = stamps[stamps.get_indexer(pd.DatetimeIndex([stamp]), method="nearest")[0]]
        raise DataError(f"{message} at frequency {rows.series.frequency}.", key=_KEY, mend=f"The nearest is {near}.")
    return place


def _stamp(origin: Origin, stamps: pd.DatetimeIndex) -> pd.Timestamp:
    try:
        if isinstance(origin, int):
            raise ValueError("a number")
        stamp = pd.Timestamp(origin)
        if pd.isna(stamp):
            raise ValueError("no time")
        if stamps.tz is None:
            return stamp.tz_convert("UTC").tz_localize(None) if stamp.tz is not None else stamp
        return stamp.tz_convert(stamps.tz) if stamp.tz is not None else stamp.tz_localize(stamps.tz)
    except (ValueError, TypeError):
        message = f"expected the stamp of the last known step or {EVERY}, got {shown(origin)}."
        raise DataError(message, key=_KEY, mend=f"For example {str(stamps[-1])!r}.") from None


def _told(rows: NewRows, step: int) -> str:
    return str(rows.stamps[step]) if rows.stamps is not None else f"step {step}"
