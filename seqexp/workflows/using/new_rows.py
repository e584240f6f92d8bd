"""Read the rows that a forecast follows, as the run says that its tables are written.

Axis letters: T steps, F features, A columns known ahead, N output steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqexp.data.calendar import calendar_values
from seqexp.data.series import Change, Series, feature_names, read_series
from seqexp.data.stamps import find_frequency, read_stamps
from seqexp.data.table import read_table, source_label
from seqexp.errors import DataError, suggest
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.data import DataSpec
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.sources import TableSource

Array = np.ndarray[Any, np.dtype[Any]]
Table = Path | pd.DataFrame


@dataclass(frozen=True)
class NewRows:
    """The rows of one series, up to the last whose past is known.

    Attributes:
        name: Of the series, where a table holds several; else None.
        label: What messages call the table.
        series: What the model reads, without targets.
        stamps: Of every step and of those that forecasts reach beyond the last; None without stamps.
        ahead_TA: What is known ahead at the same steps, NaN where the table does not say; None where nothing is read.
    """

    name: str | None
    label: str
    series: Series
    stamps: pd.DatetimeIndex | None
    ahead_TA: Array | None

    @property
    def of_series(self) -> str:
        """What messages add where a table holds several series."""
        return f" of the series {self.name}" if self.name else ""


def read_rows(
    spec: ExperimentSpec, columns: Sequence[str], frequency: str | None, table: Table | None
) -> list[NewRows]:
    """Read a table, each of its series by itself.

    Args:
        spec: Of the run.
        columns: What the model was trained on, in that order; that of a calendar among them.
        frequency: The step that it was trained at.
        table: A file, or a frame whose stamps may be its index; None for the run's own data.

    Raises:
        DataError: The table is not as the run's config says.
    """
    made = set(calendar_columns(spec.data.calendar))
    known = {"features": tuple(name for name in columns if name not in made), "frequency": frequency}
    data = spec.data.model_copy(update=known)
    if table is not None:
        path = str(table.resolve()) if isinstance(table, Path) else None
        data = data.model_copy(update={"source": TableSource(), "path": path, "rows": None})
        if path is None:
            data = data.model_copy(update={"name": "the table"})
    with _explained(table):
        frame = _with_time_as_column(table, data) if isinstance(table, pd.DataFrame) else read_table(data)
        _check_columns(frame, data)
        if table is not None and data.time is not None and spec.data.frequency is None:
            _check_frequency(frame, data)
        names = [None] if data.series is None else [str(name) for name in frame[data.series].unique()]
        # What never changes in a series is a column like others when it is read by itself.
        one = data.model_copy(update={"series": None, "static": ()})
        return [_read_one(spec, data, one, name, frame) for name in names]


def _read_one(spec: ExperimentSpec, data: DataSpec, one: DataSpec, name: str | None, frame: pd.DataFrame) -> NewRows:
    series = read_series(one, inputs_only=True, change=_past_of(data, name), table=frame)
    beyond = spec.data.lead + spec.output_length
    stamps = series.stamps
    if stamps is not None:
        later = pd.date_range(stamps[-1], periods=beyond + 1, freq=series.frequency)[1:]
        stamps = pd.DatetimeIndex(stamps.append(later))
    columns = []
    if spec.known_ahead and data.future:
        ahead = one.model_copy(update={"features": data.future, "calendar": ()})
        known_TU = read_series(ahead, inputs_only=True, change=_rows_of(data, name), table=frame).features_TF
        ahead_TU = np.full((len(series) + beyond, len(data.future)), np.nan)
        ahead_TU[: len(known_TU)] = known_TU[: len(ahead_TU)]
        columns.append(ahead_TU)
    if spec.known_ahead and data.calendar and stamps is not None:
        columns.append(calendar_values(stamps, data.calendar))
    return NewRows(name, _label(data), series, stamps, np.concatenate(columns, axis=1) if columns else None)


def _label(data: DataSpec) -> str:
    """Return what messages call the rows: of a table that is cut, its ends are not those that a person sees."""
    return source_label(data) + (f" (data.rows={list(data.rows)})" if data.rows is not None else "")


def _with_time_as_column(frame: pd.DataFrame, data: DataSpec) -> pd.DataFrame:
    """Return a frame as a file would hold it: a notebook often has the stamps as its index."""
    is_index = data.time is not None and data.time not in frame.columns and frame.index.name in (None, data.time)
    if is_index and not isinstance(frame.index, pd.RangeIndex):
        return frame.rename_axis(data.time).reset_index()
    return frame.reset_index(drop=True)


def _check_columns(frame: pd.DataFrame, data: DataSpec) -> None:
    wanted = dict.fromkeys([*feature_names(data), *(name for name in (data.time, data.series) if name)])
    absent = [name for name in wanted if name not in frame.columns]
    if len(absent) == 1 and absent[0] == data.time:
        return  # said with its key when the stamps are read
    if absent:
        names = ", ".join(repr(name) for name in absent)
        message = f"{source_label(data)} has no column {names}, which the model was trained with."
        raise DataError(message, key="data.path", mend=suggest(absent[0], map(str, frame.columns)))


def _rows_of(data: DataSpec, name: str | None) -> Change:
    """Return what picks the rows of one series."""
    return lambda table: table if name is None else table[table[data.series].astype(str) == name]


def _past_of(data: DataSpec, name: str | None) -> Change:
    """Return what picks the past of one series: not the last rows, if they hold nothing but what is known ahead."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = _rows_of(data, name)(table)
        known = {*data.future, *data.static}
        columns = [column for column in feature_names(data) if column not in known and column in rows.columns]
        there = rows[columns].notna().any(axis=1).to_numpy().nonzero()[0]
        return rows.iloc[: there.max() + 1] if data.future and len(there) else rows

    return change


def _check_frequency(frame: pd.DataFrame, data: DataSpec) -> None:
    label = source_label(data)
    stamps = read_stamps(frame, data, label)
    try:
        step = find_frequency(stamps.unique(), label)
    except DataError:
        return  # too few rows to show a step: they are held against the run's own
    if step != data.frequency:
        message = f"the rows of {label} stand at frequency {step}, and the model was trained at {data.frequency}."
        raise DataError(message, key="data.frequency")


@contextmanager
def _explained(table: Table | None) -> Iterator[None]:
    """Say of a table that was given that the run decides how it is read."""
    try:
        yield
    except DataError as error:
        if table is None:
            raise
        mend = "The run says how its tables are written; bring this one into that form."
        if isinstance(table, Path) and not table.exists():
            mend = "A relative path counts from the working directory."
            raise DataError(f"there is no file {table}.", key="--input", mend=mend) from None
        renamed = {"data.path": "--input" if isinstance(table, Path) else "table"}
        raise DataError(
            [
                replace(
                    problem,
                    key=renamed.get(problem.key, problem.key),
                    mend=problem.mend if problem.key in renamed else mend,
                )
                for problem in error.problems
            ]
        ) from None
