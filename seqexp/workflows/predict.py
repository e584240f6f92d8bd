"""Forecast the steps after the last row of a table, with a recorded model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from seqexp.data.series import Series, read_series
from seqexp.data.stamps import find_frequency, read_stamps
from seqexp.data.table import read_table, source_label
from seqexp.errors import DataError, StoreError
from seqexp.spec.contract import target_offset
from seqexp.spec.data import DataSpec, TableSource
from seqexp.store.run_dir import MODEL, StoredRun
from seqexp.workflows.load import Run
from seqexp.workflows.serving import Forecaster


def predict(stored: StoredRun, table: Path | None = None) -> pd.DataFrame:
    """Forecast from the last rows of a table.

    Args:
        stored: A finished run.
        table: A CSV or Parquet file with the columns that the run reads; None for the run's own data.

    Returns:
        One row for each step of the horizon, with its time (or its number) and every target in source units.

    Raises:
        DataError: The table is not as the run's config says, or has fewer rows than the model reads.
        StoreError: The run has no model.
    """
    run = Run(stored)
    if not (stored.path / MODEL).is_file():
        done = run.status == "FINISHED"
        mend = "It is damaged; run it again with --force." if done else "Choose a finished run."
        raise StoreError(f"The run {stored.path.name} ({run.status}) has no {MODEL}.", mend=mend)
    spec = run.spec
    # The columns that the model was trained on, whatever else the table holds; at the step it was trained on.
    known = {"features": tuple(run.record.data["features"]), "frequency": run.record.data["frequency"]}
    data = spec.data.model_copy(update=known)
    if table is None:
        series = read_series(data, inputs_only=True)
    else:
        source = {"source": TableSource(), "path": str(table.resolve()), "rows": None}
        series = _read_input(data.model_copy(update=source), found=spec.data.frequency is None)
    length = spec.timesteps
    if len(series) < length:
        message = f"the model reads {length} steps, but {table or data.name} has {len(series)}."
        raise DataError(message, key="--input" if table else "timesteps", mend="Give a table with more rows.")
    past_TF = series.features_TF[-length:]
    if np.isnan(past_TF).any():
        raise DataError(
            "the last rows of the table have holes.", key="data.missing", mend="Fill them, or end the table earlier."
        )
    forecast_NK = Forecaster(stored.path).predict(past_TF[None])[0]
    first = len(series) - length + target_offset(spec.topology.contract.alignment, length, spec.output_length)
    forecast = pd.DataFrame(forecast_NK.astype(np.float64), columns=list(data.targets))
    forecast.insert(0, data.time or "step", _when(series, first, spec.output_length))
    if spec.topology.contract.alignment == "next":  # all but the last of these steps are in the table
        forecast = forecast.tail(1).reset_index(drop=True)
    return forecast


def _read_input(data: DataSpec, *, found: bool) -> Series:
    """Read a table as the run's config says; of its frequency, whether it was ``found`` in the data of the run."""
    try:
        if data.time is not None and found:
            _check_frequency(data)
        return read_series(data, inputs_only=True)
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
    later = pd.date_range(series.stamps[-1], periods=length + 1, freq=series.frequency)[1:]
    return series.stamps.append(later)[first : first + length]
