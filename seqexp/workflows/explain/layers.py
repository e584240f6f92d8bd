"""The calls of a script that make its layers, and the functions that a Lambda calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqexp.plugins.table import find
from seqexp.spec.catalogue import arguments_of, canonical_name
from seqexp.spec.parts import Part, split_part
from seqexp.workflows.explain.code import Code, Group, call, listed, mapped, tupled, value
from seqexp.workflows.explain.notes import RECURRENT
from seqexp.workflows.explain.scope import Subject

_MODULES = {
    "layer": ("layers", "layers"),
    "cell": ("layers", "layers"),
    "initializer": ("initializers", "keras.initializers"),
    "regularizer": ("regularizers", "keras.regularizers"),
    "constraint": ("constraints", "keras.constraints"),
}
#: The argument that everybody writes without its name.
_FIRST = {"Activation": "activation", "Bidirectional": "layer", "Dense": "units", "Dropout": "rate", "GRU": "units"}
_FIRST |= {"LSTM": "units", "Lambda": "function", "RepeatVector": "n", "Reshape": "target_shape", "SimpleRNN": "units"}
_FIRST |= {"TimeDistributed": "layer", "ZeroPadding1D": "padding"}
FUNCTIONS_WRITTEN = {
    "last_steps": '''def last_steps(x, n):
    """Keep the last n steps: (batch, steps, features) to (batch, n, features)."""
    return x[:, x.shape[1] - n :, :]''',
    "first_steps": '''def first_steps(x, n):
    """Keep the first n steps: (batch, steps, features) to (batch, n, features)."""
    return x[:, :n, :]''',
    "take_step": '''def take_step(x, step):
    """Take one step, negative ones counted from the end: (batch, steps, features) to (batch, features)."""
    return x[:, step, :]''',
    "reverse_time": '''def reverse_time(x):
    """Turn the order of the steps round: (batch, steps, features) as before."""
    return keras.ops.flip(x, axis=1)''',
    "difference": '''def difference(x, lag=1):
    """Subtract the value lag steps before: (batch, steps, features) to (batch, steps - lag, features)."""
    return x[:, lag:, :] - x[:, :-lag, :]''',
    "cumulative_sum": '''def cumulative_sum(x):
    """Sum up along time: (batch, steps, features) as before."""
    return keras.ops.cumsum(x, axis=1)''',
    "mean_over_time": '''def mean_over_time(x):
    """Average the steps: (batch, steps, features) to (batch, features)."""
    return keras.ops.mean(x, axis=1)''',
    "add_time_axis": '''def add_time_axis(x):
    """Make a sequence of one step: (batch, features) to (batch, 1, features)."""
    return keras.ops.expand_dims(x, axis=1)''',
}


def units_constant(subject: Subject) -> str:
    """Return the line that names the topology's parameter ``units``, where its layers have so many."""
    units = subject.spec.topology.params.get("units")
    return f"UNITS = {units}" if any(_has_units(subject, step.part) for step in subject.chain) else ""


def layer_call(subject: Subject, part: Part) -> Group:
    """Return the call that makes a layer; lengths and widths that follow from the experiment stand by their names."""
    args = {key: _named(subject, part, key) for key in part.args}
    return _made("layer", part.name, part.args, args)


def _made(kind: str, name: str, args: Mapping[str, Any], named: Mapping[str, Code | None] | None = None) -> Group:
    """Return the call of a part. Its arguments keep their order: it is the order in which seeds are drawn."""
    section, module = _MODULES[kind]
    known = arguments_of(section, name) or {}
    written = {
        key: (named or {}).get(key) or _argument(known[key]["kind"], given)
        for key, given in args.items()
        if not (key == "arguments" and not given)
    }
    if name == "Lambda" and "function" in written:  # the function first, whatever the order in YAML
        written = {"function": written["function"], **written}
    called = name if find(kind, name) is not None else f"{module}.{canonical_name(section, name)}"
    first = _FIRST.get(name)
    if written and next(iter(written)) == first:
        return call(called, written.pop(first), **written)
    return call(called, **written)


def _argument(kind: str, given: Any) -> Code:
    if kind == "cells":
        return listed(_argument("cell", cell) for cell in given)
    if kind in _MODULES and given is not None:
        name, args = split_part(given) or ("", {})
        return _made(kind, name, args)
    if kind == "function":
        return str(given)
    if kind == "arguments":
        return mapped({key: value(item) for key, item in given.items()})
    return value(given)


def _named(subject: Subject, part: Part, key: str) -> Code | None:
    """Return the name of a constant that an argument is, where it cannot be but by chance another number."""
    given, spec = part.args[key], subject.spec
    length, (outputs, written) = spec.output_length, _outputs(subject)
    if part.name == "RepeatVector" and given == length:
        return "OUTPUT_LENGTH"
    if part.name == "Lambda" and key == "arguments" and given == {"n": length}:
        return mapped({"n": "OUTPUT_LENGTH"})
    if part.name == "ZeroPadding1D" and isinstance(given, (list, tuple)) and length in given:
        return tupled("OUTPUT_LENGTH" if size == length else str(size) for size in given)
    if part.name == "Reshape" and list(given) == [length, outputs]:
        return tupled(["OUTPUT_LENGTH", written])
    if part.name == "Reshape" and list(given) == [spec.data.n_features]:
        return tupled([subject.features_written])
    if key == "units" and _has_units(subject, part):
        return "UNITS"
    if part.name == "Dense" and key == "units" and part is _last_dense(subject):
        return {outputs: written, length * outputs: f"OUTPUT_LENGTH * {written}"}.get(given)
    if part.name == "TimeDistributed" and key == "layer" and part is _last_dense(subject):
        name, args = split_part(given) or ("", {})
        return _made("layer", name, args, {"units": written} if args.get("units") == outputs else {})
    return None


def _outputs(subject: Subject) -> tuple[int, str]:
    """Return how many outputs there are at each step, and how that is written."""
    spec, targets = subject.spec, subject.targets_written
    written = {"point": targets, "quantiles": f"{targets} * len(QUANTILES)", "gaussian": f"2 * {targets}"}
    return spec.data.n_targets * spec.topology.outputs_per_target, written[spec.topology.head]


def _last_dense(subject: Subject) -> Part | None:
    dense = [step.part for step in subject.chain if "Dense" in layer_names(step.part.name, step.part.args)]
    return dense[-1] if dense else None


def _has_units(subject: Subject, part: Part) -> bool:
    units = subject.spec.topology.params.get("units")
    return units is not None and part.name in RECURRENT and part.args.get("units") == units


def called_function(name: str, args: Mapping[str, Any]) -> str:
    """Return the name of the function that a layer calls, or that the layer it wraps calls."""
    if name == "Lambda":
        return str(args["function"])
    inner = split_part(args.get("layer"))
    return called_function(*inner) if inner else ""


def layer_names(name: str, args: Mapping[str, Any]) -> list[str]:
    """Return the names of a layer and of those inside it."""
    inner = split_part(args.get("layer"))
    return [name, *(layer_names(*inner) if inner else [])]
