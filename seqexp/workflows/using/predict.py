"""Forecast with a recorded model: the steps after the last row of a table, or after others of its steps.

Axis letters: T steps, O origins, R rows that are read, N output steps, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from seqexp.errors import DataError, StoreError
from seqexp.spec.contract import target_offset
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.run_dir import MODEL, StoredRun, missing_for, taken_out
from seqexp.workflows.serving import Forecaster, Forecasts
from seqexp.workflows.stored_spec import spec_of
from seqexp.workflows.using.new_rows import NewRows, Table, read_rows
from seqexp.workflows.using.origins import EVERY, Origin, choose_origins

Array = np.ndarray[Any, np.dtype[Any]]
_AT_ONCE = 8192  # origins whose windows are held at a time


def predict(
    stored: StoredRun,
    table: Table | None = None,
    *,
    origin: Origin | None = None,
    forecaster: Forecaster | None = None,
    load_code: Callable[[], None] | None = None,
) -> pd.DataFrame:
    """Forecast from the last rows of a table, or from others.

    Args:
        stored: A finished run.
        table: A CSV or Parquet file, or a frame, with the columns that the run reads; None for the run's own data.
            Where columns are known ahead, its last rows hold them alone.
        origin: The last step that the forecast may know of: its stamp, or where there are no stamps its number,
            from 0 at the first row that is read (of the run's own data, the first that ``data.rows`` leaves).
            ``every``: each step that is possible, all in one frame. None: the last row.
        forecaster: The run's model, if it was loaded before.
        load_code: Loads the own code that was asked for, if the run uses any.

    Returns:
        One row for each step of the horizon, with its time (or its number, counted from the origin) and every target in
        source units; with the ends of its interval, where the run has intervals. Of every origin, with a first column
        ``origin``.

    Raises:
        DataError: The table is not as the run's config says, or has fewer rows than the model reads, or no such origin;
            or the run was trained on windows that lie in no series.
        StoreError: The run has no model.
    """
    check_has_model(stored)
    spec = spec_of(stored, load_code)
    if spec.data.is_examples:
        mend = "Give its windows to the model: seqexp.load(RUN).model."
        raise DataError(f"the run was trained on {spec.data.name}, which has no rows to follow.", key="data", mend=mend)
    data = stored.record.data
    every = read_rows(spec, data["features"], data["frequency"], table)
    reads = spec.timesteps + sum(data.get("transform", ()))
    contract = spec.topology.contract
    offset = target_offset(contract.alignment, spec.timesteps, spec.output_length, spec.data.lead)
    first = offset - spec.timesteps + 1  # from an origin to the first step of its forecast
    chosen = [(rows, choose_origins(rows, origin, reads, first, spec.output_length)) for rows in every]
    model = forecaster or Forecaster(stored.path)
    frames = [
        _as_frame(spec, rows, origins_O, first, found, with_origin=origin == EVERY)
        for rows, all_O in chosen
        for origins_O, found in _forecasts(model, rows, all_O, first, spec.output_length)
    ]
    return pd.concat(frames, ignore_index=True)


def check_has_model(stored: StoredRun) -> None:
    """See that there is a model to forecast with.

    Raises:
        StoreError: The run did not finish, or is damaged.
    """
    if not (stored.path / MODEL).is_file():
        if MODEL in taken_out(stored.path):
            raise missing_for(stored.path, MODEL)
        status = stored.record.status
        mend = "It is damaged; seqexp rerun makes it again." if status == "FINISHED" else "Choose a finished run."
        raise StoreError(f"The run {stored.path.name} ({status}) has no {MODEL}.", mend=mend)


def _forecasts(
    model: Forecaster, rows: NewRows, origins_O: Array, first: int, length: int
) -> Iterator[tuple[Array, Forecasts]]:
    """Yield the forecasts of many origins together, with which origins they are."""
    for begin in range(0, len(origins_O), _AT_ONCE):
        some_O = origins_O[begin : begin + _AT_ONCE]
        past_ORF = rows.series.features_TF[some_O[:, None] + np.arange(1 - model.rows, 1)]
        ahead_ONA = None
        if rows.ahead_TA is not None:
            ahead_ONA = rows.ahead_TA[some_O[:, None] + first + np.arange(length)]
        yield some_O, model.forecast(past_ORF, ahead_ONA)


def _as_frame(
    spec: ExperimentSpec, rows: NewRows, origins_O: Array, first: int, found: Forecasts, *, with_origin: bool
) -> pd.DataFrame:
    data = spec.data
    steps_N = np.arange(spec.output_length)
    if spec.topology.contract.alignment == "next":  # all but the last of these steps are known
        steps_N = steps_N[-1:]
    ahead_ON = np.broadcast_to(first + steps_N, (len(origins_O), len(steps_N)))
    columns: dict[str, Any] = {data.series: rows.name} if data.series else {}
    if with_origin:
        each = np.repeat(origins_O, len(steps_N))
        columns["origin"] = each if rows.stamps is None else rows.stamps[each]
    if rows.stamps is None:
        columns["step"] = ahead_ON.ravel()
    else:
        columns[data.time or "time"] = rows.stamps[(origins_O[:, None] + ahead_ON).ravel()]
    for k, target in enumerate(data.targets):
        columns[target] = found.point_BNK[:, steps_N, k].ravel()
        if found.lower_BNK is not None and found.upper_BNK is not None:
            columns[f"{target}_lower"] = found.lower_BNK[:, steps_N, k].ravel()
            columns[f"{target}_upper"] = found.upper_BNK[:, steps_N, k].ravel()
    return pd.DataFrame(columns)
