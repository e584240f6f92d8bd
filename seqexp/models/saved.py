"""Keep a model, and load it again."""

from __future__ import annotations

from pathlib import Path

import keras

from seqexp.errors import StoreError
from seqexp.models import functions  # noqa: F401  (a saved Lambda finds its function by name)
from seqexp.models.own import register_own


def save_model(model: keras.Model, path: Path) -> None:
    """Write a model in Keras' own format."""
    model.save(path)


def load_model(path: Path) -> keras.Model:
    """Read a model with safe mode on: no code in it is ever run.

    Raises:
        StoreError: The file is missing or damaged.
    """
    register_own()
    try:
        return keras.saving.load_model(path, safe_mode=True, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StoreError(f"The model {path.name} of {path.parent.name} cannot be loaded: {reason}") from None
