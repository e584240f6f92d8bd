"""The sweep's benchmark with KerasTuner: a grid search over the same runs, in one process."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tempfile
from typing import Any

import keras
import keras_tuner
from sweep_case import BATCH, OUTPUT_LENGTHS, TIMESTEPS, TOPOLOGIES, told, windows
from sweep_keras import build


class Runs(keras_tuner.HyperModel):
    """A model and its windows for each combination."""

    def build(self, hp: Any) -> Any:
        """Build and compile the model of a trial."""
        keras.utils.set_random_seed(hp.Choice("seed", sorted({run[3] for run in RUNS})))
        return build(
            hp.Choice("topology", list(TOPOLOGIES)),
            hp.Choice("timesteps", list(TIMESTEPS)),
            hp.Choice("output_length", list(OUTPUT_LENGTHS)),
        )

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train on the windows of a trial, and score the test split."""
        split = windows(FOLDER, hp.get("timesteps"), hp.get("output_length"))
        history = model.fit(
            *split["train"], validation_data=split["validation"], epochs=EPOCHS, batch_size=BATCH, **kwargs
        )
        model.predict(split["test"][0], verbose=0)
        return min(history.history["val_loss"])


if __name__ == "__main__":
    FOLDER, EPOCHS, RUNS = told()
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(Runs(), max_trials=len(RUNS), directory=folder, overwrite=True)
        tuner.search(verbose=0)
