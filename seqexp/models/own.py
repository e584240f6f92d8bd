"""A user's own layers and functions, made known to Keras: it finds them again by name when it loads a model."""

from __future__ import annotations

from typing import Any

import keras

from seqexp.plugins.table import find, known


def own_entry(kind: str, name: str) -> Any:
    """Return an own layer or function, as Keras saves it: by the names of its plugin and its own."""
    part = find(kind, name)
    if part is None:
        raise KeyError(name)
    return keras.saving.register_keras_serializable(package=part.package, name=name)(part.entry)


def register_own() -> None:
    """Make every own layer and function known to Keras, for a model that is loaded."""
    for kind in ("layer", "function"):
        for name in known(kind):
            own_entry(kind, name)
