"""Forecast with a recorded model: in source units in, in source units out. MLflow loads models through this module.

Axis letters: B batch, T timesteps, F features, N output steps, K targets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data.scaling import Scaler
from seqexp.store.run_dir import MODEL, RECORD

Array = np.ndarray[Any, np.dtype[Any]]


class Forecaster:
    """A trained model with its scaling."""

    def __init__(self, folder: Path) -> None:
        """Load the model of a run directory, or of a folder with the same three files."""
        from seqexp.training.start import start_tensorflow

        start_tensorflow()
        from seqexp.models.saved import load_model

        data = json.loads((folder / RECORD).read_text("utf-8"))["data"]
        self._inputs, self._targets = _scaler(data["feature_scaler"]), _scaler(data["target_scaler"])
        self.model = load_model(folder / MODEL)

    def predict(self, past: Any, params: dict[str, Any] | None = None) -> Array:
        """Forecast from windows of the past.

        Args:
            past: Source units, shape ``(B, T, F)``.
            params: MLflow passes it; nothing is read from it.

        Returns:
            Source units, shape ``(B, N, K)``.
        """
        past_BTF = np.asarray(past, np.float64)
        scaled = np.asarray(
            self.model.predict(self._inputs.transform(past_BTF).astype(np.float32), verbose=0), np.float64
        )
        scaled_BNK = scaled.reshape(len(past_BTF), -1, len(self._targets.center_F))
        return self._targets.inverse(scaled_BNK)


def _scaler(values: dict[str, list[float]]) -> Scaler:
    return Scaler(np.asarray(values["center"]), np.asarray(values["scale"]))


def _load_pyfunc(path: str) -> Forecaster:
    return Forecaster(Path(path))
