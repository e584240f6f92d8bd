"""Forecast the steps after the last row of a table, with a recorded model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqexp.data.calendar import calendar_values
from seqexp.data.series import Series, feature_names, read_series
from seqexp.data.stamps import find_frequency, read_stamps
from seqexp.data.table import read_table, source_label
from seqexp.errors import DataError, StoreError
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.contract import target_offset
from seqexp.spec.data import DataSpec, TableSource
from seqexp.store.run_dir import MODEL, StoredRun
from seqexp.workflows.load import Run
from seqexp.workflows.serving import Forecaster


def predict(stored: StoredRun, table: Path | None = None) -> pd.DataFrame:
    """Forecast from the last rows of a table.

    Args:
        stored: A finished run.
        table: A CSV or Parquet file with the columns that the run reads; None for the run's own data. Where columns are
            known ahead, its last rows hold them alone.

    Returns:
        One row for each step of the horizon, with its time (or its number) and every target in source units; with the
        ends of its interval, where the run has intervals.

    Raises:
        DataError: The table is not as the run's config says, or has fewer rows than the model reads; or the run was
            trained on windows that lie in no series.
        StoreError: The run has no model.
    """
    run = Run(stored)
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
        series = _read_input(data, found=spec.data.frequency is None)
    else:
        series = _read_past(data)
    forecaster = Forecaster(stored.path)
    length = forecaster.rows
    if len(series) < length:
        message = f"the model reads {length} steps, but {table or data.name} has {len(series)}."
        raise DataError(message, key="--input" if table else "timesteps", mend="Give a table with more rows.")
    past_RF = series.features_TF[-length:]
    if np.isnan(past_RF).any():
        raise DataError(
            "the last rows of the table have holes.", key="data.missing", mend="Fill them, or end the table earlier."
        )
    alignment, lead = spec.topology.contract.alignment, spec.data.lead
    first = len(series) - spec.timesteps + target_offset(alignment, spec.timesteps, spec.output_length, lead)
    when = _when(series, first, spec.output_length)
    ahead_NA = _known_ahead(data, series, first, when) if spec.known_ahead else None
    found = forecaster.forecast(past_RF[None], None if ahead_NA is None else ahead_NA[None])
    columns: dict[str, Any] = {data.time or "step": when}
    for k, name in enumerate(data.targets):
        columns[name] = found.point_BNK[0, :, k]
        if found.lower_BNK is not None and found.upper_BNK is not None:
            columns |= {f"{name}_lower": found.lower_BNK[0, :, k], f"{name}_upper": found.upper_BNK[0, :, k]}
    forecast = pd.DataFrame(columns)
    if spec.topology.contract.alignment == "next":  # all but the last of these steps are in the table
        forecast = forecast.tail(1).reset_index(drop=True)
    return forecast


def _read_past(data: DataSpec) -> Series:
    return read_series(data.model_copy(update={"rows": _rows_of_past(data)}), inputs_only=True)


def _rows_of_past(data: DataSpec) -> tuple[int | None, int | None] | None:
    """Return which rows of a table lie in the past: not those at its end that hold nothing but what is known ahead."""
    table = read_table(data)
    columns = [name for name in feature_names(data) if name not in data.future and name in table.columns]
    if not data.future or not columns:
        return None if data.rows is None else (data.rows[0], data.rows[1])
    start, stop = (None, None) if data.rows is None else (data.rows[0], data.rows[1])
    there = table.iloc[slice(start, stop)][columns].notna().any(axis=1).to_numpy()
    last = int(there.nonzero()[0].max()) + 1 if there.any() else len(there)
    return (start, stop) if last == len(there) else ((start or 0), (start or 0) + last)


def _known_ahead(data: DataSpec, past: Series, first: int, when: pd.Index) -> np.ndarray[Any, np.dtype[Any]]:
    """Return what is known of the steps of the forecast, ``(N, A)``."""
    columns = []
    if data.future:
        whole = read_series(data.model_copy(update={"features": data.future, "calendar": ()}), inputs_only=True)
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


def _read_input(data: DataSpec, *, found: bool) -> Series:
    """Read a table as the run's config says; of its frequency, whether it was ``found`` in the data of the run."""
    try:
        if data.time is not None and found:
            _check_frequency(data)
        return _read_past(data)
    except DataError as error:
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
