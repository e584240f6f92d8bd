"""What Keras offers, read from a generated file, and what users registered: names and arguments are checked with it.

TensorFlow is not imported for it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from seqexp.plugins.signature import Arguments
from seqexp.plugins.table import find, known

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
    "sources": "source",
    "scalers": "scaler",
    "baselines": "baseline",
    "scores": "metric",
}
#: Section -> the kind of what users may register in it. The last four are not Keras' but seqexp's: Keras' metrics are
#: told of every epoch, scores of the forecasts.
OWN_KINDS = {
    "layers": "layer",
    "losses": "loss",
    "functions": "function",
    "sources": "source",
    "scalers": "scaler",
    "baselines": "baseline",
    "scores": "metric",
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
    entries: dict[str, Arguments] = load_catalogue().get(section, {})
    arguments = entries.get(canonical_name(section, name))
    if arguments is None and section in OWN_KINDS and (own := find(OWN_KINDS[section], name)):
        return own.arguments
    return arguments


def known_names(section: str) -> list[str]:
    """Return the names and aliases that a section knows."""
    catalogue = load_catalogue()
    own = known(OWN_KINDS[section]) if section in OWN_KINDS else {}
    return [*own, *catalogue.get(section, {}), *catalogue["aliases"].get(section, {})]
