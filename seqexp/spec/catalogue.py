"""What Keras offers, read from a generated file: names and arguments are checked before TensorFlow is imported."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

Arguments = dict[str, dict[str, Any]]

#: What the registry calls one entry of a section, in messages.
NOUNS = {
    "layers": "layer",
    "optimizers": "optimizer",
    "schedules": "learning-rate schedule",
    "losses": "loss",
    "metrics": "metric",
    "initializers": "initializer",
    "regularizers": "regularizer",
    "constraints": "constraint",
    "activations": "activation",
    "functions": "function",
}


@cache
def load_catalogue() -> dict[str, Any]:
    """Return section -> name -> argument -> ``{"kind": ..., "default": ...}``, plus ``aliases`` and ``keras``."""
    catalogue: dict[str, Any] = json.loads(files("seqexp.spec").joinpath("catalogue.json").read_text("utf-8"))
    return catalogue


def canonical_name(section: str, name: str) -> str:
    """Return Keras' class name for an alias such as ``mse``; any other name as it is."""
    aliases: dict[str, str] = load_catalogue()["aliases"].get(section, {})
    return aliases.get(name, name)


def arguments_of(section: str, name: str) -> Arguments | None:
    """Return the arguments of a name, or None where the section does not know it."""
    entries: dict[str, Arguments] = load_catalogue()[section]
    return entries.get(canonical_name(section, name))


def known_names(section: str) -> list[str]:
    """Return the names and aliases that a section knows."""
    return [*load_catalogue()[section], *load_catalogue()["aliases"].get(section, {})]
