"""Apply a model to windows of a series, and keep and load it.

Axis letters: T steps, F features, W windows, N output steps, K targets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from seqexp.errors import StoreError
from seqexp.models import functions  # noqa: F401  (a saved Lambda finds its function by name)

Array = np.ndarray[Any, np.dtype[Any]]
_CHUNK = 4096  # windows held in memory at once


def forecast_windows(
    model: keras.Model, inputs_TF: Array, starts_W: Array, *, timesteps: int, output_length: int, n_targets: int
) -> Array:
    """Return the scaled forecasts of the windows that start at ``starts_W``, shape ``(W, N, K)``, float64."""
    pieces = [np.zeros((0, output_length, n_targets))]
    for first in range(0, len(starts_W), _CHUNK):
        chunk_W = starts_W[first : first + _CHUNK]
        windows = inputs_TF[chunk_W[:, None] + np.arange(timesteps)]
        given = model.predict(windows, batch_size=256, verbose=0)
        pieces.append(np.asarray(given, np.float64).reshape(len(chunk_W), output_length, n_targets))
    return np.concatenate(pieces)


def save_model(model: keras.Model, path: Path) -> None:
    """Write a model in Keras' own format."""
    model.save(path)


def load_model(path: Path) -> keras.Model:
    """Read a model with safe mode on: no code in it is ever run.

    Raises:
        StoreError: The file is missing or damaged.
    """
    try:
        return keras.saving.load_model(path, safe_mode=True, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StoreError(f"The model {path.name} of {path.parent.name} cannot be loaded: {reason}") from None
