"""Forecast the steps after the last row of a table, with a recorded model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqexp.data.calendar import calendar_values
from seqexp.data.series import Change, Series, feature_names, read_series
from seqexp.data.stamps import find_frequency, read_stamps
from seqexp.data.table import read_table, source_label
from seqexp.errors import DataError, StoreError, suggest
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.contract import target_offset
from seqexp.spec.data import DataSpec, TableSource
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.run_dir import MODEL, StoredRun
from seqexp.workflows.load import Run
from seqexp.workflows.serving import Forecaster


def predict(
    stored: StoredRun, table: Path | None = None, *, load_code: Callable[[], None] | None = None
) -> pd.DataFrame:
    """Forecast from the last rows of a table.

    Args:
        stored: A finished run.
        table: A CSV or Parquet file with the columns that the run reads; None for the run's own data. Where columns are
            known ahead, its last rows hold them alone.
        load_code: Loads the own code that was asked for, if the run uses any.

    Returns:
        One row for each step of the horizon, with its time (or its number) and every target in source units; with the
        ends of its interval, where the run has intervals.

    Raises:
        DataError: The table is not as the run's config says, or has fewer rows than the model reads; or the run was
            trained on windows that lie in no series.
        StoreError: The run has no model.
    """
    run = Run(stored, load_code=load_code)
    if not (stored.path / MODEL).is_file():
        done = run.status == "FINISHED"
        mend = "It is damaged; run it again with --force." if done else "Choose a finished run."
        raise StoreError(f"The run {stored.path.name} ({run.status}) has no {MODEL}.", mend=mend)
    spec = run.spec
    if spec.data.is_examples:
        mend = "Give its windows to the model: seqexp.load(RUN).model."
        raise DataError(f"the run was trained on {spec.data.name}, which has no rows to follow.", key="data", mend=mend)
    # The columns that the model was trained on, whatever else the table holds; at the step it was trained on.
    made = set(calendar_columns(spec.data.calendar))
    columns_read = tuple(name for name in run.record.data["features"] if name not in made)
    known = {"features": columns_read, "frequency": run.record.data["frequency"]}
    data = spec.data.model_copy(update=known)
    if table is not None:
        data = data.model_copy(update={"source": TableSource(), "path": str(table.resolve()), "rows": None})
    forecaster = Forecaster(stored.path)
    with _explained(of_input=table is not None):
        names = _names_of_series(data)
        if table is not None and data.time is not None and spec.data.frequency is None:
            _check_frequency(data)
        # Each series is read by itself: what never changes in it is a column like others then.
        one = data.model_copy(update={"series": None, "static": ()})
        past = {name: read_series(one, inputs_only=True, change=_past_of(data, name)) for name in names}
    forecasts = [_follow(spec, one, data, forecaster, series, name, table) for name, series in past.items()]
    return pd.concat(forecasts, ignore_index=True)


def _follow(
    spec: ExperimentSpec,
    one: DataSpec,
    data: DataSpec,
    forecaster: Forecaster,
    series: Series,
    name: str | None,
    table: Path | None,
) -> pd.DataFrame:
    """Forecast the steps that follow one series."""
    length, of_series = forecaster.rows, f" of the series {name}" if name else ""
    if len(series) < length:
        message = f"the model reads {length} steps, but {table or data.name} has {len(series)}{of_series}."
        raise DataError(message, key="--input" if table else "timesteps", mend="Give a table with more rows.")
    past_RF = series.features_TF[-length:]
    if np.isnan(past_RF).any():
        message = f"the last rows of the table{of_series} have holes."
        raise DataError(message, key="data.missing", mend="Fill them, or end the table earlier.")
    alignment, lead = spec.topology.contract.alignment, spec.data.lead
    first = len(series) - spec.timesteps + target_offset(alignment, spec.timesteps, spec.output_length, lead)
    when = _when(series, first, spec.output_length)
    ahead_NA = _known_ahead(one, first, when, _rows_of(data, name)) if spec.known_ahead else None
    found = forecaster.forecast(past_RF[None], None if ahead_NA is None else ahead_NA[None])
    columns: dict[str, Any] = {data.series: name} if data.series else {}
    columns[data.time or "step"] = when
    for k, target in enumerate(data.targets):
        columns[target] = found.point_BNK[0, :, k]
        if found.lower_BNK is not None and found.upper_BNK is not None:
            columns |= {f"{target}_lower": found.lower_BNK[0, :, k], f"{target}_upper": found.upper_BNK[0, :, k]}
    forecast = pd.DataFrame(columns)
    if alignment == "next":  # all but the last of these steps are in the table
        forecast = forecast.tail(1)
    return forecast


def _names_of_series(data: DataSpec) -> list[str | None]:
    if data.series is None:
        return [None]
    table = read_table(data)
    if data.series not in table.columns:
        mend = suggest(data.series, map(str, table.columns))
        raise DataError(f"{source_label(data)} has no column {data.series!r}.", key="data.series", mend=mend)
    return [str(name) for name in table[data.series].unique()]


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


def _known_ahead(data: DataSpec, first: int, when: pd.Index, rows: Change) -> np.ndarray[Any, np.dtype[Any]]:
    """Return what is known of the steps of the forecast, ``(N, A)``."""
    columns = []
    if data.future:
        ahead = data.model_copy(update={"features": data.future, "calendar": ()})
        whole = read_series(ahead, inputs_only=True, change=rows)
        ahead_NU = whole.features_TF[first : first + len(when)]
        if len(ahead_NU) < len(when) or np.isnan(ahead_NU).any():
            names = ", ".join(data.future)
            message = f"the forecast needs {names} of the {len(when)} step(s) up to {when[-1]}"
            mend = "Add rows that hold the time and these columns, and nothing in the others."
            raise DataError(f"{message}: {max(len(whole) - first, 0)} are there.", key="data.future", mend=mend)
        columns.append(ahead_NU)
    if data.calendar:
        columns.append(calendar_values(pd.DatetimeIndex(when), data.calendar))
    return np.concatenate(columns, axis=1)


@contextmanager
def _explained(*, of_input: bool) -> Iterator[None]:
    """Say of a table that was given that the run decides how it is read."""
    try:
        yield
    except DataError as error:
        if not of_input:
            raise
        mend = "The run says how its tables are written; bring this one into that form."
        renamed = {"data.path": "--input"}
        raise DataError(
            [
                replace(problem, key=renamed.get(problem.key, problem.key), mend="" if problem.key in renamed else mend)
                for problem in error.problems
            ]
        ) from None


def _check_frequency(data: DataSpec) -> None:
    label = source_label(data)
    stamps = read_stamps(read_table(data), data, label)
    try:
        step = find_frequency(stamps.unique(), label)
    except DataError:
        return  # too few rows to show a step: they are held against the run's own
    if step != data.frequency:
        message = f"the rows of {label} stand at frequency {step}, and the model was trained at {data.frequency}."
        raise DataError(message, key="data.frequency")


def _when(series: Series, first: int, length: int) -> pd.Index:
    """Return the time of ``length`` steps from the ``first`` on; without stamps, their numbers from 1."""
    if series.stamps is None:
        return pd.RangeIndex(first - len(series) + 1, first - len(series) + 1 + length)
    periods = max(first + length - len(series), 0) + 1
    later = pd.date_range(series.stamps[-1], periods=periods, freq=series.frequency)[1:]
    return series.stamps.append(later)[first : first + length]
