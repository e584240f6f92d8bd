"""Build the chain of layers that a topology describes, and hold its shape against the contract.

Axis letters: B batch, T timesteps, F features, N output steps, K targets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from seqexp.errors import ModelError, Problem
from seqexp.models.layers import call_layer, make_layer
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part
from seqexp.spec.topology import READS_AHEAD

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class LayerRow:
    """One line of the table of layers: the name in YAML, the output shape, the number of weights."""

    name: str
    output_shape: Shape
    weights: int


@dataclass(frozen=True)
class BuiltModel:
    """A Keras model and what each of its layers does to the shape."""

    model: keras.Model
    rows: tuple[LayerRow, ...]


def build_model(spec: ExperimentSpec) -> BuiltModel:
    """Build the model of an experiment: ``(B, T, F)`` in, ``(B, N, K)`` out, K times as many where a head has several.

    With one output step, ``(B, K)`` counts as ``(B, 1, K)``. Nothing is added to the layers as they are written. Where
    columns are known ahead, and the topology reads them, ``(B, N, A)`` is a second input.

    Raises:
        ModelError: Keras refuses a layer, or the output has not the shape that the experiment needs.
    """
    past = keras.Input(shape=(spec.timesteps, spec.data.n_features), name="past")
    inputs, tensor = [past], past
    rows = [LayerRow("input", tuple(past.shape), 0)]
    if spec.known_ahead:
        inputs.append(keras.Input(shape=(spec.output_length, len(spec.known_ahead)), name="ahead"))
    for position, part in enumerate(spec.topology.layers):
        if part.name == READS_AHEAD and len(inputs) == 1:
            continue  # there is nothing to read
        try:
            if part.name == READS_AHEAD:
                tensor = _concatenated(tensor, inputs[1])
                rows.append(LayerRow(_label(part), tuple(tensor.shape), 0))
                continue
            layer = make_layer(part)
            tensor = call_layer(part, layer, tensor)
        except Exception as error:  # Keras and TensorFlow raise many kinds for a shape that does not fit
            raise _refused(spec, position, part, rows, error) from None
        rows.append(LayerRow(_label(part), tuple(tensor.shape), int(layer.count_params())))
    _check_output(spec, rows)
    model = keras.Model(inputs if len(inputs) > 1 else past, tensor, name=spec.topology.name)
    return BuiltModel(model, tuple(rows))


def _concatenated(tensor: Any, ahead_BNA: Any) -> Any:
    """Join what is known ahead to N steps ``(B, N, C)``, step by step, or to one vector ``(B, C)``, all of it."""
    if len(tensor.shape) == 2:
        return keras.layers.Concatenate()([tensor, keras.layers.Flatten()(ahead_BNA)])
    if tensor.shape[1] != ahead_BNA.shape[1]:
        raise ValueError(f"{READS_AHEAD} needs {ahead_BNA.shape[1]} steps or one vector, not {tensor.shape[1]} steps.")
    return keras.layers.Concatenate()([tensor, ahead_BNA])


def _label(part: Part) -> str:
    inner = part.args.get("layer")
    return f"{part.name}({next(iter(inner)) if isinstance(inner, dict) else inner})" if inner else part.name


def _refused(spec: ExperimentSpec, position: int, part: Part, rows: Sequence[LayerRow], error: Exception) -> ModelError:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras prints its reasons in bold
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception encountered")]  # the next line says which
    reason = next(iter([*told, *lines]), type(error).__name__)
    message = f"Keras refuses this layer of {spec.topology.name}: {reason}"
    return ModelError(
        [Problem(message, f"topology.layers[{position}].{part.name}", f"The layers before it:\n{_shapes(rows)}")]
    )


def _check_output(spec: ExperimentSpec, rows: Sequence[LayerRow]) -> None:
    length, targets = spec.output_length, spec.data.n_targets * spec.topology.outputs_per_target
    given = rows[-1].output_shape[1:]
    if given == (length, targets) or (length == 1 and given == (targets,)):
        return
    message = (
        f"topology {spec.topology.name} gives the shape {_shape(rows[-1].output_shape)}, "
        f"but output_length={length} and {_described(spec)} need {_shape((None, length, targets))}."
    )
    mend = f"{_mend(given, length, targets)}\n{_shapes(rows)}"
    raise ModelError([Problem(message, "topology.layers", mend)])


def _described(spec: ExperimentSpec) -> str:
    each = spec.topology.outputs_per_target
    head = f" with {each} outputs each (topology.head={spec.topology.head})" if each > 1 else ""
    return f"{spec.data.n_targets} target(s){head}"


def _mend(given: Shape, length: int, targets: int) -> str:
    if len(given) == 1:
        if given[0] == length * targets:
            return f"Add Reshape: {{target_shape: [{length}, {targets}]}} at the end."
        return (
            "Its last layers know one vector and no steps. Give the last recurrent layer return_sequences: true, "
            f"or end in Dense: {{units: {length * targets}}} and Reshape: {{target_shape: [{length}, {targets}]}}."
        )
    if len(given) != 2:
        return f"Its output has {len(given)} axes besides the batch; Reshape or Flatten it to steps and targets."
    if given[-1] != targets:
        return f'End in Dense: {{units: "${{topology.n_outputs}}"}}, which is {targets} here.'
    if (given[0] or 0) > length:
        keep = 'Lambda: {function: last_steps, arguments: {n: "${output_length}"}}'
        return f"Keep the last steps: {keep}, which is {length} here."
    return "It gives too few steps: repeat the last state (RepeatVector), or pad the input (ZeroPadding1D)."


def _shapes(rows: Sequence[LayerRow]) -> str:
    width = max(len(row.name) for row in rows)
    return "\n".join(f"    {row.name:<{width}}  {_shape(row.output_shape)}" for row in rows)


def _shape(shape: Shape) -> str:
    return f"({', '.join('batch' if size is None else str(size) for size in shape)})"
