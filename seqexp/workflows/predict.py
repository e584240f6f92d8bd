"""Forecast the steps after the last row of a table, with a recorded model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqexp.data.series import Series, read_series
from seqexp.errors import DataError, StoreError
from seqexp.spec.contract import target_offset
from seqexp.spec.data import TableSource
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
        raise StoreError(f"The run {stored.path.name} ({run.status}) has no model.", mend="Choose a finished run.")
    spec = run.spec
    data = spec.data
    if table is not None:
        data = data.model_copy(update={"source": TableSource(), "path": str(table.resolve()), "rows": None})
    if data.features == "all":  # the columns that the model was trained on, whatever else the table holds
        data = data.model_copy(update={"features": tuple(run.record.data["features"])})
    series = read_series(data, inputs_only=True)
    length = spec.timesteps
    if len(series) < length:
        message = f"the model reads {length} steps, but {table or data.name} has {len(series)}."
        raise DataError(message, key="timesteps", mend="Give a table with more rows.")
    past_TF = series.features_TF[-length:]
    if np.isnan(past_TF).any():
        raise DataError(
            "the last rows of the table have holes.", key="data.missing", mend="Fill them, or end the table earlier."
        )
    forecast_NK = Forecaster(stored.path).predict(past_TF[None])[0]
    first = len(series) - length + target_offset(spec.topology.contract.alignment, length, spec.output_length)
    forecast = pd.DataFrame(forecast_NK.astype(np.float64), columns=list(data.targets))
    forecast.insert(0, data.time or "step", _when(series, first, spec.output_length))
    return forecast


def _when(series: Series, first: int, length: int) -> pd.Index:
    """Return the time of ``length`` steps from the ``first`` on; without stamps, their numbers from 1."""
    if series.stamps is None:
        return pd.RangeIndex(first - len(series) + 1, first - len(series) + 1 + length)
    later = pd.date_range(series.stamps[-1], periods=length + 1, freq=series.frequency)[1:]
    return series.stamps.append(later)[first : first + length]
