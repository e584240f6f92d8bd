"""A trained network with its scaling inside: source units in, source units out, for whatever runs ONNX.

Axis letters: B batch, R rows that are read (T timesteps, and those that a difference reaches back), F features, N
output steps, A columns known ahead, K targets, P outputs of a target, Q quantile levels.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

Array = np.ndarray[Any, np.dtype[Any]]
_LOG = 0  # stands for a logarithm among the lags
_LEAST_DEVIATION = 1e-3  # of a scaled target, as in the loss


@dataclass(frozen=True)
class SourceUnits:
    """What lies between a network and the units of its data.

    Attributes:
        rows: R.
        timesteps: T.
        output_length: N.
        alignment: Where the targets lie.
        input_center_F: Of the scaler, like the three that follow.
        input_scale_F: ...
        target_center_K: ...
        target_scale_K: ...
        steps: Of the transform: 0 for a logarithm, or the lag of a difference.
        columns: Which inputs are the transformed targets; empty without a transform.
        ahead: Which inputs are read at the steps of the forecast.
        head: ``point``, ``quantiles`` or ``gaussian``.
        levels: Of the quantiles that are told.
        deviates_Q: Of a standard normal distribution, at these levels.
        radius_NK: How far intervals reach from a point; None without.
    """

    rows: int
    timesteps: int
    output_length: int
    alignment: str
    input_center_F: Array
    input_scale_F: Array
    target_center_K: Array
    target_scale_K: Array
    steps: tuple[int, ...]
    columns: tuple[int, ...]
    ahead: tuple[int, ...]
    head: str
    levels: tuple[float, ...]
    deviates_Q: Array
    radius_NK: Array | None


def in_source_units(model: keras.Model, units: SourceUnits) -> keras.Model:
    """Wrap a network: ``past`` (B, R, F) and, where it reads it, ``ahead`` (B, N, A) in, a list out.

    The list holds the forecast, and the lower and upper ends of its intervals where there are any, each (B, N, K).
    Everything but the network itself is float64: large values with a small spread lose nothing.
    """
    past_BRF = keras.Input((units.rows, len(units.input_center_F)), dtype="float64", name="past")
    levels = _levels(past_BRF, units)
    read_BTF = _with_targets(past_BRF[:, units.rows - units.timesteps :], levels[-1], units)
    scaled: Any = ops.cast((read_BTF - units.input_center_F) / units.input_scale_F, "float32")
    inputs = [past_BRF]
    if units.ahead:
        which = list(units.ahead)
        ahead_BNA = keras.Input((units.output_length, len(which)), dtype="float64", name="ahead")
        inputs.append(ahead_BNA)
        scaled_BNA = (ahead_BNA - units.input_center_F[which]) / units.input_scale_F[which]
        scaled = [scaled, ops.cast(scaled_BNA, "float32")]
    given = ops.cast(model(scaled), "float64")
    size = int(np.prod(given.shape[1:])) // (units.output_length * len(units.target_center_K))
    given_BNKP = ops.reshape(given, (-1, units.output_length, len(units.target_center_K), size))
    told = [_unscaled(values_BNK, levels, units) for values_BNK in _told(given_BNKP, units)]
    if units.radius_NK is not None:
        told += [told[0] - units.radius_NK, told[0] + units.radius_NK]
    return keras.Model(inputs, told)


def _levels(past_BRF: Any, units: SourceUnits) -> list[Any]:
    """Return the target columns before the transform and after each of its steps; each difference is shorter."""
    if not units.steps:
        return [None]
    levels = [ops.take(past_BRF, list(units.columns), axis=-1)]
    for lag in units.steps:
        before = levels[-1]
        levels.append(ops.log(before) if lag == _LOG else before[:, lag:] - before[:, :-lag])
    return levels


def _with_targets(read_BTF: Any, transformed_BTK: Any, units: SourceUnits) -> Any:
    """Return what is read with transformed targets in the place of their columns."""
    if not units.steps:
        return read_BTF
    whole = ops.concatenate([read_BTF, transformed_BTK], axis=-1)
    features = len(units.input_center_F)
    taken = [features + units.columns.index(f) if f in units.columns else f for f in range(features)]
    return ops.take(whole, taken, axis=-1)


def _told(given_BNKP: Any, units: SourceUnits) -> list[Any]:
    """Return the forecast and the ends of its interval, scaled."""
    if units.head == "quantiles":
        sorted_BNKQ = ops.sort(given_BNKP, axis=-1)
        return [sorted_BNKQ[..., q] for q in (units.levels.index(0.5), 0, len(units.levels) - 1)]
    mean_BNK = given_BNKP[..., 0]
    if units.head == "gaussian":
        raw_BNK = given_BNKP[..., 1]
        # ONNX Runtime has no Softplus of float64.
        softplus_BNK = ops.maximum(raw_BNK, 0.0) + ops.log(1.0 + ops.exp(-ops.abs(raw_BNK)))
        deviation_BNK = softplus_BNK + _LEAST_DEVIATION
        return [mean_BNK, *(mean_BNK + deviation_BNK * float(units.deviates_Q[q]) for q in (0, -1))]
    return [mean_BNK]


def _unscaled(scaled_BNK: Any, levels: Sequence[Any], units: SourceUnits) -> Any:
    values_BNK = scaled_BNK * units.target_scale_K + units.target_center_K
    first = units.rows - (units.output_length - 1 if units.alignment == "next" else 0)
    for position in reversed(range(len(units.steps))):
        lag = units.steps[position]
        if lag == _LOG:
            values_BNK = ops.exp(values_BNK)
            continue
        begin = sum(units.steps[:position])  # the row that this level begins with
        summed: list[Any] = []
        for n in range(units.output_length):
            if n >= lag and units.alignment == "future":
                before_BK = summed[n - lag]
            else:
                before_BK = levels[position][:, first + n - lag - begin]
            summed.append(values_BNK[:, n] + before_BK)
        values_BNK = ops.stack(summed, axis=1)
    return values_BNK


def write_onnx(model: keras.Model, path: Path, names: Sequence[str], notes: dict[str, str]) -> None:
    """Write a model as ONNX, with names for its outputs and notes in its metadata."""
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.WARNING)  # it tells every pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy and Python, about the converter
        inputs = [np.ones((1, *given.shape[1:])) for given in model.inputs]
        model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)  # Keras asks for a call first
        model.export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    known = {output.name: name for output, name in zip(written.graph.output, names, strict=True)}
    for node in written.graph.node:
        for parts in (node.input, node.output):
            for place, part in enumerate(parts):
                parts[place] = known.get(part, part)
    for output, given in zip(written.graph.output, model.outputs, strict=True):
        output.name = known[output.name]
        for place, size in enumerate(given.shape[1:], start=1):
            output.type.tensor_type.shape.dim[place].dim_value = size
    for value in (*written.graph.input, *written.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(written, notes)
    onnx.checker.check_model(written)
    onnx.save(written, path)


def run_onnx(path: Path, given: dict[str, Array]) -> dict[str, Array]:
    """Return what an ONNX file says to named inputs, by the names of its outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))
