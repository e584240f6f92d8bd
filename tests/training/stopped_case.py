"""Train for the tests of checkpoints: ``python stopped_case.py '[[OVERRIDES, CHECKPOINT], ...]'`` prints what came.

A process of its own, for that is where a run goes on that was killed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data.dataset import prepare_dataset
from seqexp.training.checkpoint import Checkpoint
from seqexp.training.start import start_tensorflow
from seqexp.training.watch import EpochEvent
from seqexp.workflows.project import open_project


class Stop(BaseException):
    """Raised between two epochs."""


def train(overrides: list[str], path: str | None = None, *, stop_at: int = 0, every: int = 2) -> dict[str, Any]:
    """Train, and return all that must be alike to the last bit, as plain values.

    Args:
        overrides: What.
        path: The file of the checkpoint.
        stop_at: The epoch at whose end the training is stopped; 0 for never.
        every: Epochs between two checkpoints.
    """
    start_tensorflow(1)
    from seqexp.models.build import build_model
    from seqexp.training.fit import fit_model, set_seed
    from seqexp.workflows.running.train_and_score import arrays_of

    spec = open_project().compose_one(overrides).spec
    dataset = prepare_dataset(spec)
    set_seed(spec.seed)
    model = build_model(spec).model
    arrays = arrays_of(dataset)
    events: list[EpochEvent] = []

    def on_epoch(event: EpochEvent) -> None:
        events.append(event)
        if event.epoch == stop_at:
            raise Stop

    checkpoint = path and Checkpoint(Path(path), every=every, last=spec.training.epochs, made_by={"test": "1"})
    fit = fit_model(
        model, arrays, spec.training, spec.optimizer, seed=spec.seed, on_epoch=on_epoch, checkpoint=checkpoint or None
    )
    forecasts = fit.forecast(dataset.starts["test"])
    return {
        "weights": [_hash(value) for value in model.get_weights()],
        "forecasts": _hash(forecasts),
        "epochs": [[event.epoch, event.values, event.learning_rate] for event in events],
        "best_epoch": fit.best_epoch,
        "stopped_early": fit.stopped_early,
        "described": checkpoint.described() if checkpoint else {},
        "notes": [event.note for event in events if event.note],
    }


def _hash(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


if __name__ == "__main__":
    print(json.dumps([train(*case) for case in json.loads(sys.argv[1])]))
