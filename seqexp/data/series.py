"""From a table to one clean series: chosen columns, in order, on an even grid, without silent repairs.

Axis letters: T steps, F features, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from seqexp.data.calendar import calendar_values
from seqexp.data.stamps import check_order, find_frequency, make_grid, read_stamps, season_of, year_of
from seqexp.data.table import numeric_columns, place_of, read_table, release_tables, source_label
from seqexp.errors import DataError, suggest
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.data import DataSpec

Array = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[pd.DataFrame], pd.DataFrame]
_BLOCK = 65_536  # steps that are worked on at once where a whole copy is not wanted


@dataclass(frozen=True)
class Part:
    """One of several series that stand end to end: its name, its first step and the one after its last."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Series:
    """A series in source units, or several that stand end to end.

    Attributes:
        features_TF: What the model may read; NaN in holes (only with ``missing: drop``). float32 where every column of
            the source is, else float64. The same array as the targets where the columns are the same.
        targets_TK: What it must give; NaN in holes.
        observed_T: False where a target was filled: such steps are neither trained on nor scored.
        stamps: The time of each step, or None where the source has no time.
        frequency: The step between stamps in pandas' words, or None.
        season: Steps in one season.
        year: Steps in a year, in whole seasons; None where a season is a year, or nothing is known of it.
        feature_names: F names; columns that are known ahead and those of the calendar come last.
        target_names: K names.
        fingerprint: sha256 of the content; the same data under another path has the same.
        several: The series that stand end to end; empty where there is one.
    """

    features_TF: Array
    targets_TK: Array
    observed_T: Array
    stamps: pd.DatetimeIndex | None
    frequency: str | None
    season: int
    year: int | None
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    fingerprint: str
    several: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return len(self.observed_T)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The series that it holds, one or several."""
        return self.several or (Part("", 0, len(self)),)

    @property
    def known_TK(self) -> Array:
        """The targets, NaN where one was filled."""
        if self.observed_T.all():
            return self.targets_TK
        known_TK: Array = np.where(self.observed_T[:, None], self.targets_TK, np.nan)
        return known_TK

    def without_features(self) -> Series:
        """Return the series as evaluation needs it, without holding on to what only the model reads."""
        return replace(self, features_TF=np.empty((len(self), 0), self.features_TF.dtype))


def read_series(spec: DataSpec, *, inputs_only: bool = False, change: Change | None = None) -> Series:
    """Read the series that a spec describes.

    Args:
        spec: The ``data`` section of an experiment.
        inputs_only: Read the features alone, for a forecast whose targets are not known.
        change: Changes the table before anything else is done with it.

    Raises:
        DataError: The first thing in the data that is not as the spec says, with column, row and config key.
    """
    series = _read(spec, inputs_only, change)
    release_tables()
    return series


def _read(spec: DataSpec, inputs_only: bool, change: Change | None) -> Series:
    label = source_label(spec)
    table = read_table(spec)
    if spec.rows is not None:
        table = _cut(table, spec.rows[0], spec.rows[1], label)
    if change is not None:
        table = change(table)
    if spec.series is not None:
        named = [
            (name, _one(rows, spec, inputs_only, f"{label}, series {name}"))
            for name, rows in _apart(table, spec, label)
        ]
        return _join(named)
    return _one(table, spec, inputs_only, label)


def _apart(table: pd.DataFrame, spec: DataSpec, label: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Part a table into its series, in the order in which they first appear."""
    if spec.series not in table.columns:
        mend = suggest(str(spec.series), map(str, table.columns))
        raise DataError(f"{label} has no column {spec.series!r}.", key="data.series", mend=mend)
    if table[spec.series].isna().any():
        raise DataError(f"{label} has rows without a value in {spec.series!r}.", key="data.series")
    for key, rows in table.groupby(spec.series, sort=False):
        name = str(key)
        for column in spec.static:
            if column in rows.columns and rows[column].nunique(dropna=False) > 1:
                message = f"the column {column!r} of {label} changes within the series {name}."
                raise DataError(message, key="data.static", mend="Name it in data.features.")
        yield name, rows


def _join(named: Sequence[tuple[str, Series]]) -> Series:
    """Put series end to end."""
    first = named[0][1]
    parts: list[Part] = []
    content = sha256()
    for name, series in named:
        if series.frequency != first.frequency:
            message = f"the series {name} has the frequency {series.frequency}, and {named[0][0]} {first.frequency}."
            raise DataError(message, key="data.series", mend="Set data.frequency, or run them apart.")
        start = parts[-1].stop if parts else 0
        parts.append(Part(name, start, start + len(series)))
        content.update(f"{name} {series.fingerprint}".encode())
    all_of = [series for _, series in named]
    features_TF = np.concatenate([series.features_TF for series in all_of])
    alike = first.feature_names == first.target_names
    stamps = None
    if first.stamps is not None:
        more = [series.stamps for series in all_of[1:] if series.stamps is not None]
        stamps = pd.DatetimeIndex(first.stamps.append(more))
    return replace(
        first,
        features_TF=features_TF,
        targets_TK=features_TF if alike else np.concatenate([series.targets_TK for series in all_of]),
        observed_T=np.concatenate([series.observed_T for series in all_of]),
        stamps=stamps,
        fingerprint=content.hexdigest(),
        several=tuple(parts),
    )


def _one(table: pd.DataFrame, spec: DataSpec, inputs_only: bool, label: str) -> Series:
    features = feature_names(spec)
    targets = () if inputs_only else spec.targets
    keys = dict.fromkeys(targets, "data.targets")
    keys |= {name: "data.features" for name in features if name not in targets}
    keys |= dict.fromkeys(spec.future, "data.future")
    values = _numbers(table, keys, spec, label)
    stamps, frequency = None, spec.frequency
    if spec.time is not None:
        stamps = read_stamps(table, spec, label)
        values.index = stamps
        values, frequency = _even(values, spec, label)
        stamps = pd.DatetimeIndex(values.index)
    return _finish(values, features, targets, stamps, frequency, spec, label)


def _cut(table: pd.DataFrame, start: int | None, stop: int | None, label: str) -> pd.DataFrame:
    outside = [bound for bound in (start, stop) if bound is not None and not -len(table) <= bound <= len(table)]
    if outside:
        message = f"{outside[0]} lies outside {label}, which has {len(table)} rows."
        raise DataError(message, key="data.rows", mend="Use null for the start or the end: data.rows=[10,null].")
    kept = table.iloc[start:stop]
    if not len(kept):
        raise DataError(f"rows [{start}, {stop}] leave nothing of {label}.", key="data.rows")
    return kept


def feature_names(spec: DataSpec) -> tuple[str, ...]:
    """Return the columns of the table that the model reads, by name."""
    features = spec.features
    if features is None:
        chosen = spec.targets
    elif features == "all":
        chosen = tuple(numeric_columns(spec))
    else:
        chosen = (features,) if isinstance(features, str) else features
    added = dict.fromkeys([*spec.static, *spec.future])
    return (*(name for name in chosen if name not in added), *added)


def _numbers(table: pd.DataFrame, keys: dict[str, str], spec: DataSpec, label: str) -> pd.DataFrame:
    columns = {}
    for name, key in keys.items():
        if name not in table.columns:
            raise DataError(f"{label} has no column {name!r}.", key=key, mend=_mend_of_unknown(name, table))
        column = table[name]
        exact = column.dtype in (np.float32, np.float64)  # such a column is taken as it is, without a copy
        numbers = column if exact else pd.to_numeric(column, errors="coerce").astype(np.float64)
        wrong = numbers.isna() & column.notna()
        if wrong.any():
            row = int(wrong.argmax())
            where = place_of(spec, table.index[row])
            message = f"the column {name!r} of {label} holds text: {column.iloc[row]!r} in {where}."
            raise DataError(message, key=key, mend="Mend the file, or look at data.read: decimal, thousands, sep.")
        infinite = np.isinf(numbers)
        if infinite.any():
            where = place_of(spec, table.index[int(infinite.argmax())])
            raise DataError(f"the column {name!r} of {label} is infinite in {where}.", key=key)
        if numbers.isna().all():
            raise DataError(f"the column {name!r} of {label} holds no value at all.", key=key)
        columns[name] = numbers
    return pd.DataFrame(columns, copy=False)


def _mend_of_unknown(name: str, table: pd.DataFrame) -> str:
    known = [str(column) for column in table.columns]
    if len(known) == 1 and any(sign in known[0] for sign in ";\t|,"):
        return f"It has one column, {known[0]!r}: is data.read.sep what stands between the values?"
    return suggest(name, known)


def _even(values: pd.DataFrame, spec: DataSpec, label: str) -> tuple[pd.DataFrame, str]:
    """Deal with doubled and absent stamps, as the spec says."""
    stamps = pd.DatetimeIndex(values.index)
    check_order(stamps, label)
    if stamps.has_duplicates:
        values = _without_duplicates(values, spec, label)
        stamps = pd.DatetimeIndex(values.index)
    frequency = spec.frequency or find_frequency(stamps, label)
    grid = make_grid(stamps, frequency, label)
    if len(grid) > len(stamps):
        absent = grid.difference(stamps)
        if spec.missing == "error":
            message = (
                f"{len(absent)} step(s) of {label} are missing at frequency {frequency}, the first is {absent[0]}."
            )
            mend = "Set data.missing=forward_fill or data.missing=drop, or data.frequency if the step is another."
            raise DataError(message, key="data.missing", mend=mend)
        values = values.reindex(grid)
    return values, frequency


def _without_duplicates(values: pd.DataFrame, spec: DataSpec, label: str) -> pd.DataFrame:
    doubled = values.index.duplicated()
    if spec.duplicates == "error":
        message = f"{int(doubled.sum())} stamp(s) of {label} stand twice, the first is {values.index[doubled][0]}."
        mend = "Set data.duplicates=first, last or mean; for local times with daylight saving set data.timezone."
        raise DataError(message, key="data.duplicates", mend=mend)
    if spec.duplicates == "mean":
        return values.groupby(level=0).mean()
    return values[~values.index.duplicated(keep=spec.duplicates)]


def _finish(
    values: pd.DataFrame,
    features: tuple[str, ...],
    targets: tuple[str, ...],
    stamps: pd.DatetimeIndex | None,
    frequency: str | None,
    spec: DataSpec,
    label: str,
) -> Series:
    absent = values.isna()
    observed_T = ~absent[list(targets)].any(axis=1).to_numpy() if targets else np.ones(len(values), bool)
    if absent.to_numpy().any():
        if spec.missing == "error":
            name = str(absent.any().idxmax())
            row = values.index[int(absent[name].to_numpy().argmax())]
            message = (
                f"the column {name!r} of {label} has {int(absent[name].sum())} missing value(s), the first at {row}."
            )
            raise DataError(message, key="data.missing", mend="Set data.missing=forward_fill or data.missing=drop.")
        if spec.missing != "drop":
            if spec.missing == "seasonal_fill":  # the last one observed in the same place of its season
                values = values.groupby(np.arange(len(values)) % (spec.season or season_of(frequency))).ffill()
            values = values.ffill()
            if values.isna().to_numpy().any():
                name = str(values.isna().any().idxmax())
                first = int(values[name].notna().to_numpy().argmax())
                start = first + ((spec.rows[0] or 0) if spec.rows else 0)
                message = (
                    f"the column {name!r} of {label} begins with {first} missing value(s); nothing stands before them."
                )
                raise DataError(message, key="data.missing", mend=f"Cut them off: data.rows=[{start},null].")
    features_TF = values[list(features)].to_numpy()
    targets_TK = features_TF if targets == features else values[list(targets)].to_numpy(copy=True)
    if spec.calendar and stamps is not None:
        columns = calendar_columns(spec.calendar)
        if doubled := [name for name in columns if name in features]:
            message = f"{label} has a column {doubled[0]!r}, which is also what a calendar word becomes."
            raise DataError(message, key="data.calendar", mend="Rename the column, or leave the word out.")
        features_TF = np.concatenate([features_TF, calendar_values(stamps, spec.calendar)], axis=1)
        features = (*features, *columns)
    season = spec.season or season_of(frequency)
    return Series(
        features_TF=features_TF,
        targets_TK=targets_TK,
        observed_T=observed_T,
        stamps=stamps,
        frequency=frequency,
        season=season,
        year=year_of(frequency, season),
        feature_names=features,
        target_names=targets,
        fingerprint=fingerprint_of(features_TF, targets_TK, observed_T, stamps),
    )


def fingerprint_of(features_TF: Array, targets_TK: Array, observed_T: Array, stamps: pd.DatetimeIndex | None) -> str:
    """Return the sha256 of the content of a series."""
    content = sha256()
    for array in (features_TF, targets_TK, observed_T):
        content.update(str(array.shape).encode())
        for first in range(0, len(array), _BLOCK):  # a whole copy would double the memory
            content.update(np.ascontiguousarray(array[first : first + _BLOCK], np.float64).data)
    if stamps is not None:
        hash_stamps(content, stamps)
    return content.hexdigest()


def hash_stamps(content: Any, stamps: pd.DatetimeIndex) -> None:
    """Add stamps to a hash: local times, and their zone."""
    content.update(np.ascontiguousarray(stamps.tz_localize(None).to_numpy("datetime64[ns]")).view(np.int64).data)
    content.update(str(stamps.tz).encode())
