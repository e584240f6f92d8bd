"""A recorded model as one ONNX file, held against Keras before it is given away.

Axis letters: B windows, R rows that are read, F features, N output steps, A columns known ahead, K targets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from seqexp.errors import StoreError
from seqexp.spec.validate import validate
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.schema import schema_of
from seqexp.workflows.serving import Forecaster

Array = np.ndarray[Any, np.dtype[Any]]
_NAMES = ("forecast", "lower", "upper")
_WINDOWS = 16  # that both are given, to see that they agree
_TOLERANCE = 1e-4  # in the units of the network, those of the scaler


def write_checked_onnx(run: StoredRun, path: Path) -> None:
    """Write the model of a run with scaling, transform and intervals inside: ``past`` and ``ahead`` in source units in,
    ``forecast``, ``lower`` and ``upper`` out, as float64.

    Raises:
        StoreError: The converter does not know a layer, or what it wrote says something else than Keras.
    """
    forecaster = Forecaster(run.path)  # starts TensorFlow
    from seqexp.models.source_units import SourceUnits, in_source_units, run_onnx, write_onnx

    spec, data = validate(run.spec), run.record.data
    steps = tuple(data.get("transform", ()))
    levels = tuple(spec.topology.quantiles) if spec.topology.head != "point" else ()
    units = SourceUnits(
        rows=forecaster.rows,
        timesteps=spec.timesteps,
        output_length=spec.output_length,
        alignment=spec.topology.contract.alignment,
        input_center_F=np.asarray(data["feature_scaler"]["center"]),
        input_scale_F=np.asarray(data["feature_scaler"]["scale"]),
        target_center_K=np.asarray(data["target_scaler"]["center"]),
        target_scale_K=np.asarray(data["target_scaler"]["scale"]),
        steps=steps,
        columns=tuple(data["features"].index(name) for name in data["targets"]) if steps else (),
        ahead=tuple(data.get("ahead", ())),
        head=spec.topology.head,
        levels=levels,
        deviates_Q=ndtri(np.asarray(levels)),
        radius_NK=np.asarray(data["radius"]) if data.get("radius") else None,
    )
    wrapped = in_source_units(forecaster.model, units)
    names = _NAMES[: len(wrapped.outputs)]
    given, wanted = _windows(forecaster, units.steps, units.columns, data)
    try:
        write_onnx(wrapped, path, names, {"seqexp": json.dumps(schema_of(spec, run.record))})
        said = run_onnx(path, given)
    except Exception as error:  # converter and runtime raise many kinds, none of them documented
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        mend = "Some layers have no ONNX form: choose --format keras or mlflow."
        raise StoreError(f"the model of {run.path.name} cannot be written as ONNX: {reason}", mend=mend) from error
    _check(said, wanted, units.target_scale_K, is_log=0 in steps)


def _check(said: dict[str, Array], wanted: dict[str, Array | None], spread_K: Array, *, is_log: bool) -> None:
    for name, found_BNK in said.items():
        wanted_BNK = np.asarray(wanted[name])
        # With a logarithm the spread is that of logarithms, a share of the value.
        unit_BNK = np.abs(wanted_BNK) * spread_K if is_log else spread_K
        worst = float(np.nanmax(np.abs(found_BNK - wanted_BNK) / unit_BNK))
        if not worst <= _TOLERANCE:
            message = f"the ONNX file differs from Keras by {worst:.2g} in {name} (scaled), more than {_TOLERANCE:g}."
            raise StoreError(message, key="--format", mend="Choose --format keras or mlflow.")


def _windows(
    forecaster: Forecaster, steps: tuple[int, ...], columns: tuple[int, ...], data: dict[str, Any]
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Return windows that look like those of training, as the scaler knows them, and what Keras says to them."""
    random = np.random.default_rng(0)
    center_F, scale_F = (np.asarray(data["feature_scaler"][name]) for name in ("center", "scale"))
    past_BRF = center_F + scale_F * random.normal(size=(_WINDOWS, forecaster.rows, len(center_F)))
    if columns:
        past_BRK = past_BRF[..., list(columns)]
        for lag in reversed(steps):
            if lag == 0:
                past_BRK = np.exp(past_BRK)
            else:
                for row in range(lag, past_BRK.shape[1]):
                    past_BRK[:, row] += past_BRK[:, row - lag]
        past_BRF[..., list(columns)] = past_BRK
    given = {"past": past_BRF}
    if data.get("ahead"):
        which = list(data["ahead"])
        noise_BNA = random.normal(size=(_WINDOWS, forecaster.output_length, len(which)))
        given["ahead"] = center_F[which] + scale_F[which] * noise_BNA
    said = forecaster.forecast(past_BRF, given.get("ahead"))
    return given, {"forecast": said.point_BNK, "lower": said.lower_BNK, "upper": said.upper_BNK}
