"""Time stamps: read them, put them on an even grid, find the frequency and the season."""

from __future__ import annotations

import warnings
from collections import Counter

import pandas as pd

from seqexp.errors import DataError, suggest
from seqexp.spec.data import DataSpec

_SEASONS = {"B": 5, "D": 7, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4}
_DAY = pd.Timedelta(days=1)
_LARGEST_GRID, _SPARSEST = 1_000_000, 100  # steps that are always allowed, and for each row


def read_stamps(table: pd.DataFrame, spec: DataSpec, label: str) -> pd.DatetimeIndex:
    """Return the stamps of the rows, in the zone of ``data.timezone`` where one is given.

    Raises:
        DataError: The column is missing, does not hold stamps, or local hours cannot be told apart.
    """
    name = str(spec.time)
    if name not in table.columns:
        mend = suggest(name, map(str, table.columns))
        raise DataError(f"{label} has no column {name!r}.", key="data.time", mend=mend)
    column = table[name]
    if pd.api.types.is_numeric_dtype(column):
        if spec.read.date_format is None:
            mend = "Say how to read them, for example data.read.date_format=%Y, or leave data.time out."
            raise DataError(f"the column {name!r} of {label} holds numbers, not stamps.", key="data.time", mend=mend)
        column = column.astype(str)
    try:
        _refuse_ambiguous(column, spec, label)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pandas says when it takes each stamp by itself
            # Stamps that say their offset from UTC are that moment, whatever zone they are shown in.
            times = pd.to_datetime(column, format=spec.read.date_format, utc=has_offsets(column))
        parsed = pd.DatetimeIndex(times)
    except (ValueError, TypeError, pd.errors.OutOfBoundsDatetime) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        mend = "Say how the stamps are written, in strftime's words: data.read.date_format=%d.%m.%Y."
        raise DataError(f"the column {name!r} of {label} is no time: {reason}.", key="data.time", mend=mend) from None
    if parsed.hasnans:
        row = int(parsed.isna().argmax())
        raise DataError(f"the column {name!r} of {label} has no stamp in row {row}.", key="data.time")
    return _in_zone(parsed, spec, label)


def _refuse_ambiguous(column: pd.Series, spec: DataSpec, label: str) -> None:
    """Refuse days such as 01/02/2024 that may be January or February: a wrong guess would go unnoticed."""
    texts = column.dropna().astype(str)
    if spec.read.date_format is not None or not texts.str.match(r"\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b").all():
        return
    first_two = texts.str.extract(r"(\d{1,2})[/.-](\d{1,2})").astype(int)
    if len(texts) and (first_two <= 12).all(axis=None) and (first_two[0] != first_two[1]).any():
        message = f"the column {spec.time!r} of {label} holds days such as {texts.iloc[0]!r}: day or month first?"
        mend = "Say which: data.read.date_format=%d/%m/%Y or data.read.date_format=%m/%d/%Y."
        raise DataError(message, key="data.read.date_format", mend=mend)


def has_offsets(column: pd.Series) -> bool:
    """Say whether every stamp of a column of texts has its offset from UTC."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return False
    text = column.astype(str).str.strip()
    return bool(text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").all()) and bool(text.str.contains(":").all())


def _in_zone(stamps: pd.DatetimeIndex, spec: DataSpec, label: str) -> pd.DatetimeIndex:
    if spec.timezone is None:
        return stamps
    try:
        if stamps.tz is not None:
            return stamps.tz_convert(spec.timezone)
        return stamps.tz_localize(spec.timezone, ambiguous="infer", nonexistent="raise")
    except (KeyError, OSError, ModuleNotFoundError):
        raise DataError(
            f"there is no time zone {spec.timezone!r}.", key="data.timezone", mend="For example Europe/Paris."
        ) from None
    except ValueError as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        message = f"the stamps of {label} are not local times of {spec.timezone}: {reason}."
        mend = (
            "If the stamps are UTC or know no daylight saving, leave data.timezone out; "
            "if the file lacks an hour of the clock's change, write the stamps with their offset from UTC."
        )
        raise DataError(message, key="data.timezone", mend=mend) from None


def check_order(stamps: pd.DatetimeIndex, label: str) -> None:
    """Refuse stamps that run backwards.

    Raises:
        DataError: Naming the first row that is earlier than the one before it.
    """
    if stamps.is_monotonic_increasing:
        return
    row = int((stamps[1:] < stamps[:-1]).argmax()) + 1
    message = f"the stamps of {label} are not in order: row {row} ({stamps[row]}) is earlier than the one before it."
    raise DataError(message, key="data.time", mend="Sort the file by time.")


def find_frequency(stamps: pd.DatetimeIndex, label: str) -> str:
    """Return the frequency that most stretches of ten stamps agree on, in pandas' words.

    Raises:
        DataError: The stamps do not show one.
    """
    if len(stamps) >= 3 and (whole := _infer(stamps)):
        return whole
    starts = range(0, max(len(stamps) - 9, 0), max(len(stamps) // 50, 1))
    votes = Counter(found for start in starts if (found := _infer(stamps[start : start + 10])))
    if not votes:
        mend = "Set data.frequency (h, D, W, MS, 15min ...), or leave data.time out to take the rows as they come."
        raise DataError(f"the stamps of {label} show no even step.", key="data.frequency", mend=mend)
    return votes.most_common(1)[0][0]


def _infer(stamps: pd.DatetimeIndex) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pandas will return an offset in place of its name
        warnings.simplefilter("ignore", DeprecationWarning)
        found = pd.infer_freq(stamps)
    return None if found is None else str(getattr(found, "freqstr", found))


def make_grid(stamps: pd.DatetimeIndex, frequency: str, label: str) -> pd.DatetimeIndex:
    """Return every stamp from the first to the last at the frequency.

    Raises:
        DataError: The frequency is none of pandas', or stamps lie between those of the grid.
    """
    try:
        _refuse_endless(stamps, frequency, label)
        grid = pd.date_range(stamps[0], stamps[-1], freq=frequency)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        mend = "In pandas' words: h, D, B, W, MS, QS, 15min ..."
        reason = "its step is nothing" if isinstance(error, ZeroDivisionError) else str(error).splitlines()[0]
        raise DataError(f"{frequency!r} is no frequency: {reason}", key="data.frequency", mend=mend) from None
    off = stamps.difference(grid)
    if len(off):
        message = (
            f"{len(off)} stamp(s) of {label} do not lie on a grid of frequency {frequency}, the first is {off[0]}."
        )
        mend = "Set data.frequency, or resample the file."
        if stamps.tz is not None:
            mend += " Days of a time zone are even in that zone: data.timezone=Europe/Paris."
        raise DataError(message, key="data.frequency", mend=mend)
    return grid


def _refuse_endless(stamps: pd.DatetimeIndex, frequency: str, label: str) -> None:
    offset = pd.tseries.frequencies.to_offset(frequency)
    if not isinstance(offset, pd.offsets.Tick):
        return
    steps = (stamps[-1] - stamps[0]) / pd.Timedelta(offset)
    if steps > max(_LARGEST_GRID, _SPARSEST * len(stamps)):
        message = f"a grid of frequency {frequency} over {label} has {steps:,.0f} steps for {len(stamps):,} rows."
        raise DataError(message, key="data.frequency", mend="Give the step that the rows really have.")


def year_of(frequency: str | None, season: int) -> int | None:
    """Return how many steps a year has, in whole seasons; None where a season is a year or longer, or it is not known.

    >>> year_of("D", 7), year_of("h", 24), year_of("h", 168), year_of("MS", 12), year_of(None, 5)
    (364, 8760, 8736, None, None)
    """
    steps = {"W": 52.18, "MS": 12, "ME": 12, "QS": 4, "QE": 4}
    offset = pd.tseries.frequencies.to_offset(frequency) if frequency is not None else None
    if offset is None:
        return None
    name = str(getattr(offset, "rule_code", frequency)).split("-")[0]
    try:
        in_year = steps.get(name) or pd.Timedelta(days=365.25).value / pd.Timedelta(offset).value  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    seasons = round(in_year / season)
    return seasons * season if seasons > 1 else None


def season_of(frequency: str | None) -> int:
    """Return how many steps the usual season has: a day of hours, a week of days, a year of weeks or months; else 1.

    >>> [season_of(word) for word in ("h", "15min", "D", "W-SAT", "MS", None)]
    [24, 96, 7, 52, 12, 1]
    """
    if frequency is None:
        return 1
    offset = pd.tseries.frequencies.to_offset(frequency)
    name = str(getattr(offset, "rule_code", frequency)).split("-")[0]
    if offset is not None and offset.n == 1 and name in _SEASONS:
        return _SEASONS[name]
    try:
        step = pd.Timedelta(offset)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return 1
    return int(_DAY / step) if step < _DAY and _DAY % step == pd.Timedelta(0) else 1
