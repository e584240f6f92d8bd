"""Write down what the installed Keras offers, so that names and arguments are checked without importing it.

``python -m seqexp.models.describe_keras`` prints the catalogue that lies in ``seqexp/spec/catalogue.json``.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import keras

from seqexp.models.functions import FUNCTIONS
from seqexp.spec.topology import HEAD_LOSSES, READS_AHEAD

# Classes that make no sense in a chain over one sequence, by the reason.
LEFT_OUT = {
    "an abstract base": {"Layer", "Wrapper", "InputLayer", "InputSpec", "Optimizer", "LearningRateSchedule", "Loss"}
    | {"Metric", "MeanMetricWrapper", "Initializer", "Regularizer", "Constraint"},
    "another framework's layer": {"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"},
    "it joins several inputs": {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"},
    "text and categories are read as numbers": {"CategoryEncoding", "Discretization", "HashedCrossing", "Hashing"}
    | {"IntegerLookup", "StringLookup", "TextVectorization"},
    "scaling is data.scaler, fitted on the training split": {"Normalization", "Rescaling"},
    "sound is read as numbers": {"MelSpectrogram", "STFTSpectrogram", "STFTInitializer"},
    "pictures are no sequences": {
        "AugMix",
        "AutoContrast",
        "CenterCrop",
        "ContrastLimitedAdaptiveHistogramEqualization",
    }
    | {"CutMix", "Equalization", "MaxNumBoundingBoxes", "MixUp", "RandAugment", "Resizing", "Solarization"},
    "a topology is a chain already": {"Pipeline"},
    "it needs two passes of one table": {"ReversibleEmbedding"},
    "it wraps other optimizers": {"LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"},
    "its targets are no numbers per step": {"CTC", "Circle", "Dice", "Tversky", "SparseCategoricalCrossentropy"}
    | {"CategoricalGeneralizedCrossEntropy", "SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy"}
    | {"BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"},
    "it is no comparison": {"Mean", "Sum"},
}
_PICTURES = re.compile(r"2D|3D|^Random(?!Normal$|Uniform$)")
# Arguments that would break a chain, or that seqexp itself sets.
_OWN_ARGUMENTS = {"return_state", "stateful", "weights", "embeddings", "dtype", "reduction", "y_axis", "kwargs", "args"}
_OWN_ARGUMENTS |= {"loss_scale_factor", "layer_class", "output_shape_fn", "zero_output_for_mask", "jit_compile"}
_OWN_ARGUMENTS |= {"lora_rank", "lora_alpha", "quantization_config", "gptq_unpacked_column_size", "flash_attention"}
_OWN_ARGUMENTS |= {"use_cudnn", "exclude_layers", "synchronized"}

_SIZES = {"units", "filters", "kernel_size", "pool_size", "strides", "dilation_rate", "n", "num_heads", "key_dim"}
_SIZES |= {"value_dim", "head_dim", "num_query_heads", "num_key_value_heads", "input_dim", "output_dim", "size"}
_SIZES |= {"output_size", "depth_multiplier", "groups", "gradient_accumulation_steps"}
_WHOLE_NUMBERS = {"decay_steps", "first_decay_steps", "warmup_steps", "seed", "lag", "step", "power_iterations"}
_NUMBERS = {"decay_rate", "max_value"}
_POSITIVE = {"clipnorm", "clipvalue", "global_clipnorm", "warmup_target"}
_FROM_ZERO = {"initial_learning_rate", "stddev", "weight_decay"}
_SHARES = {"rate", "dropout", "recurrent_dropout", "momentum", "beta_1", "beta_2", "rho", "ema_momentum"}
_KINDS = {
    "activation": "activation",
    "recurrent_activation": "activation",
    "layer": "layer",
    "backward_layer": "layer",
    "cell": "cell",
    "cells": "cells",
    "function": "function",
    "learning_rate": "schedule",
    "arguments": "arguments",
}
_ENDINGS = {"_initializer": "initializer", "_regularizer": "regularizer", "_constraint": "constraint"}
_ALIASES = {
    "losses": {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "mape": "MeanAbsolutePercentageError"}
    | {"msle": "MeanSquaredLogarithmicError"},
    "metrics": {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "mape": "MeanAbsolutePercentageError"}
    | {"rmse": "RootMeanSquaredError", "r2": "R2Score"},
    "regularizers": {"l1_l2": "L1L2"},
}


def describe() -> dict[str, Any]:
    """Return the catalogue: section, name, argument, and of each argument its kind and default."""
    classes = {
        "layers": (keras.layers, keras.layers.Layer),
        "optimizers": (keras.optimizers, keras.optimizers.Optimizer),
        "schedules": (keras.optimizers.schedules, keras.optimizers.schedules.LearningRateSchedule),
        "losses": (keras.losses, keras.losses.Loss),
        "metrics": (keras.metrics, keras.metrics.Metric),
        "initializers": (keras.initializers, keras.initializers.Initializer),
        "regularizers": (keras.regularizers, keras.regularizers.Regularizer),
        "constraints": (keras.constraints, keras.constraints.Constraint),
    }
    catalogue: dict[str, Any] = {"keras": keras.__version__}
    for section, (module, base) in classes.items():
        entries = {name: _arguments(entry, section) for name, entry in _members(module, base)}
        catalogue[section] = entries
        snake = {_snake_case(name): name for name in entries}
        known = {alias: name for alias, name in snake.items() if hasattr(module, alias)}
        catalogue.setdefault("aliases", {})[section] = dict(sorted((known | _ALIASES.get(section, {})).items()))
    catalogue["layers"][READS_AHEAD] = {}
    catalogue["losses"] |= HEAD_LOSSES
    catalogue["activations"] = {name: {} for name in _activations()}
    catalogue["functions"] = {name: _arguments(FUNCTIONS[name], "functions", skip=1) for name in FUNCTIONS}
    return catalogue


def left_out(name: str) -> str:
    """Return why a class of Keras is not in the catalogue, or an empty text."""
    if _PICTURES.search(name):
        return "pictures are no sequences"
    return next((reason for reason, names in LEFT_OUT.items() if name in names), "")


def _members(module: Any, base: type) -> Iterator[tuple[str, type]]:
    found: dict[type, str] = {}
    for name in dir(module):
        entry = getattr(module, name)
        if not inspect.isclass(entry) or not issubclass(entry, base) or not name[0].isupper():
            continue
        if entry not in found or name == entry.__name__:  # one class under several names: its own one counts
            found[entry] = name
    yield from sorted((name, entry) for entry, name in found.items() if not left_out(name))


def _activations() -> Iterator[str]:
    for name in dir(keras.activations):
        if not name.startswith("_") and name not in {"get", "serialize", "deserialize"}:
            yield name


def _arguments(entry: Callable[..., Any], section: str, skip: int = 0) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    parameters = list(inspect.signature(entry).parameters.values())[skip:]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name in _OWN_ARGUMENTS:
            continue
        if parameter.name == "name" and section != "layers":
            continue
        arguments[parameter.name] = _argument(parameter)
    if section == "layers":
        arguments["name"] = {"kind": "text", "default": None}
        arguments["trainable"] = {"kind": "bool", "default": True}
    return arguments


def _argument(parameter: inspect.Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": _kind(parameter)}
    if parameter.default is not parameter.empty:
        default = parameter.default
        plain = default is None or isinstance(default, (bool, int, float, str))
        described["default"] = default if plain else str(default)
    return described


def _kind(parameter: inspect.Parameter) -> str:
    name, default = parameter.name, parameter.default
    if name in _KINDS:
        return _KINDS[name]
    for ending, kind in _ENDINGS.items():
        if name.endswith(ending):
            return kind
    if isinstance(default, bool):
        return "bool"
    if name in _SIZES:
        return "size"
    if name in _WHOLE_NUMBERS:
        return "int"
    if name in _SHARES:
        return "share"
    if name in _POSITIVE:
        return "positive"
    if name in _FROM_ZERO:
        return "from_zero"
    if isinstance(default, float) or name in _NUMBERS:
        return "number"
    return "any"


def _snake_case(name: str) -> str:
    parts = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", parts).lower()


if __name__ == "__main__":
    print(json.dumps(describe(), indent=1, sort_keys=True))
