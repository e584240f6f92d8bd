"""Forecast with a recorded model: in source units in, in source units out. MLflow loads models through this module.

Axis letters: B batch, R rows that are read (T timesteps, and those that a difference reaches back), F features, N
output steps, A columns known ahead, K targets, P outputs of a target, Q quantile levels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data.scaling import Scaler
from seqexp.data.transform import Transform
from seqexp.evaluation.heads import Head
from seqexp.plugins.loading import load_entry_points
from seqexp.store.run_dir import MODEL, RECORD
from seqexp.workflows.user_code import require_code

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Forecasts:
    """What a model says.

    Attributes:
        point_BNK: In source units.
        lower_BNK: The lower ends of its intervals; None where it has none.
        upper_BNK: The upper ends.
    """

    point_BNK: Array
    lower_BNK: Array | None = None
    upper_BNK: Array | None = None


class Forecaster:
    """A trained model with its scaling and transform.

    Attributes:
        rows: R.
    """

    def __init__(self, folder: Path) -> None:
        """Load the model of a run directory, or of a folder with the same three files."""
        from seqexp.training.start import start_tensorflow

        start_tensorflow()
        from seqexp.models.saved import load_model

        record = json.loads((folder / RECORD).read_text("utf-8"))
        data, spec = record["data"], record["spec"]
        load_entry_points()
        require_code(folder, record["environment"])
        self._inputs, self._targets = _scaler(data["feature_scaler"]), _scaler(data["target_scaler"])
        self._transform = Transform(tuple(data.get("transform", ())))
        self._columns = [data["features"].index(name) for name in data["targets"]] if self._transform.steps else []
        self._ahead = list(data.get("ahead", ()))
        self._radius_NK = np.asarray(data["radius"]) if data.get("radius") else None
        topology = spec["topology"]
        self._head = Head(topology.get("head", "point"), tuple(topology.get("quantiles", ())))
        self._alignment = topology["contract"]["alignment"]
        self._length, self.rows = spec["output_length"], spec["timesteps"] + self._transform.lags
        self.model = load_model(folder / MODEL)

    def predict(self, past: Any, params: dict[str, Any] | None = None) -> Array:
        """Forecast from windows of the past.

        Args:
            past: Source units, shape ``(B, R, F)``; where the model reads what is known ahead, ``(B, N, A)``, both by
                name: ``past`` and ``ahead``.
            params: MLflow passes it; nothing is read from it.

        Returns:
            Source units, shape ``(B, N, K)``.
        """
        given = past if isinstance(past, dict) else {"past": past}
        return self.forecast(given["past"], given.get("ahead")).point_BNK

    def forecast(self, past: Any, ahead: Any = None) -> Forecasts:
        """Forecast with intervals, where the model has any: ``(B, R, F)`` and ``(B, N, A)`` in source units.

        Raises:
            ValueError: There are too few rows, or what is known ahead is missing.
        """
        past_BRF = np.asarray(past, np.float64)
        if past_BRF.shape[1] != self.rows:
            raise ValueError(f"the model reads {self.rows} rows of the past, not {past_BRF.shape[1]}.")
        if self._ahead and ahead is None:
            raise ValueError("the model also reads what is known ahead: give it as 'ahead'.")
        given_BNKP = np.asarray(self.model.predict(self._scaled(past_BRF, ahead), verbose=0), np.float64)
        given_BNKP = given_BNKP.reshape(len(past_BRF), self._length, len(self._targets.center_F), -1)
        point_BNK = self._in_source_units(self._head.point(given_BNKP), past_BRF)
        if self._head.kind != "point":
            scaled_BNKQ = self._head.quantiles(given_BNKP)
            ends = [self._in_source_units(scaled_BNKQ[..., q], past_BRF) for q in (0, -1)]
            return Forecasts(point_BNK, *ends)
        if self._radius_NK is not None:
            return Forecasts(point_BNK, point_BNK - self._radius_NK, point_BNK + self._radius_NK)
        return Forecasts(point_BNK)

    def _scaled(self, past_BRF: Array, ahead: Any) -> Any:
        """Return what the model itself reads."""
        transformed_BRF = past_BRF.copy()
        if self._columns:
            transformed_BRF[..., self._columns] = self._transform.apply(past_BRF[..., self._columns])
        read_BTF = transformed_BRF[:, self._transform.lags :]
        inputs_BTF = self._inputs.transform(read_BTF).astype(np.float32)
        if not self._ahead:
            return inputs_BTF
        center, scale = (values[self._ahead] for values in (self._inputs.center_F, self._inputs.scale_F))
        return inputs_BTF, ((np.asarray(ahead, np.float64) - center) / scale).astype(np.float32)

    def _in_source_units(self, scaled_BNK: Array, past_BRF: Array) -> Array:
        values_BNK = self._targets.inverse(scaled_BNK)
        if not self._columns:
            return values_BNK
        first = self.rows - (self._length - 1 if self._alignment == "next" else 0)
        undone = [
            self._transform.invert(values_NK[None], np.array([first]), past_RF[:, self._columns], self._alignment)
            for values_NK, past_RF in zip(values_BNK, past_BRF, strict=True)
        ]
        return np.concatenate(undone)


def _scaler(values: dict[str, list[float]]) -> Scaler:
    return Scaler(np.asarray(values["center"]), np.asarray(values["scale"]))


def _load_pyfunc(path: str) -> Forecaster:
    return Forecaster(Path(path))
