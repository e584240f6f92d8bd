"""From a part of a spec to a Keras layer. Only names of the catalogue, and what users registered, ever reach Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from seqexp.models.functions import FUNCTIONS
from seqexp.models.own import own_entry
from seqexp.spec.catalogue import arguments_of, canonical_name, load_catalogue
from seqexp.spec.parts import Part, split_part

_MODULES = {
    "layer": ("layers", keras.layers),
    "cell": ("layers", keras.layers),
    "initializer": ("initializers", keras.initializers),
    "regularizer": ("regularizers", keras.regularizers),
    "constraint": ("constraints", keras.constraints),
}
#: These layers take a query and a value; in a chain both are the sequence itself.
_SELF_ATTENTION = {"Attention", "AdditiveAttention"}
_TWO_ARGUMENTS = {"MultiHeadAttention", "GroupQueryAttention"}


def make_layer(part: Part) -> keras.layers.Layer:
    """Make a layer with its arguments; nested layers, initialisers and other parts are made with it.

    Raises:
        ValueError, TypeError: Keras refuses the arguments.
    """
    return _make("layer", part.name, part.args)


def call_layer(part: Part, layer: keras.layers.Layer, tensor: Any) -> Any:
    """Apply a layer to the output of the one before it."""
    if part.name in _SELF_ATTENTION:
        return layer([tensor, tensor])
    if part.name in _TWO_ARGUMENTS:
        return layer(tensor, tensor)
    return layer(tensor)


def _make(kind: str, name: str, args: Mapping[str, Any]) -> Any:
    section, module = _MODULES[kind]
    known = arguments_of(section, name) or {}
    made = {key: _argument(known[key]["kind"], value) for key, value in args.items()}
    canonical = canonical_name(section, name)
    maker = getattr(module, canonical) if canonical in load_catalogue()[section] else own_entry("layer", name)
    return maker(**made)


def _argument(kind: str, value: Any) -> Any:
    if kind == "cells":
        return [_argument("cell", cell) for cell in value]
    if kind in _MODULES and value is not None:
        name, args = split_part(value) or ("", {})
        return _make(kind, name, args)
    if kind == "function":
        return FUNCTIONS[value] if value in FUNCTIONS else own_entry("function", value)
    if isinstance(value, (list, tuple)):
        return tuple(_argument("any", item) for item in value)
    return value
