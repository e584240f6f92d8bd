"""What a program needs to know of a model beside its weights: columns, lengths, scaling."""

from __future__ import annotations

from typing import Any

from seqexp.spec.contract import target_offset
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.record import RunRecord

_HOW = (
    "Read the last `rows` values of `features` in source units; apply `transform` to the columns that are targets "
    "(log, or the difference to the value so many steps before), which uses up the first of them; keep the last "
    "`timesteps`; subtract the center of feature_scaler and divide by its scale, as float32. The output times the "
    "scale of target_scaler, plus its center, with the transform undone, is the forecast of `targets`."
)


def schema_of(spec: ExperimentSpec, record: RunRecord) -> dict[str, Any]:
    """Return the columns, the window and the scaling of a model, as plain values."""
    data, contract = record.data, spec.topology.contract
    lags = tuple(data.get("transform", ()))
    offset = target_offset(contract.alignment, spec.timesteps, spec.output_length, spec.data.lead)
    return {
        "run": record.folder_name,
        "title": record.title,
        "features": data["features"],
        "targets": data["targets"],
        "known_ahead": [data["features"][column] for column in data.get("ahead", ())],
        "time": spec.data.time,
        "frequency": data["frequency"],
        "rows": spec.timesteps + sum(lags),
        "timesteps": spec.timesteps,
        "output_length": spec.output_length,
        "alignment": contract.alignment,
        "first_step": offset - spec.timesteps + 1,
        "transform": ["log" if lag == 0 else {"difference": lag} for lag in lags],
        "feature_scaler": data["feature_scaler"],
        "target_scaler": data["target_scaler"],
        "head": spec.topology.head,
        "quantiles": list(spec.topology.quantiles) if spec.topology.head != "point" else [],
        "interval_radius": data.get("radius"),
        "how": _HOW,
    }
