"""The side of stock Keras: the script that a person writes, for one run or for all of them in a loop."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import keras
import numpy as np
from sweep_case import BATCH, UNITS, told, windows


def build(topology: str, timesteps: int, length: int) -> Any:
    """The model of one run."""
    model = keras.Sequential([keras.Input((timesteps, 1)), keras.layers.LSTM(UNITS)])
    if topology == "vector_output":
        model.add(keras.layers.Dense(length))
    else:
        model.add(keras.layers.RepeatVector(length))
        model.add(keras.layers.LSTM(UNITS, return_sequences=True))
        model.add(keras.layers.TimeDistributed(keras.layers.Dense(1)))
        model.add(keras.layers.Reshape((length,)))
    model.compile(optimizer="adam", loss="mse")
    return model


if __name__ == "__main__":
    folder, epochs, runs = told()
    for topology, timesteps, length, seed in runs:
        keras.utils.set_random_seed(seed)
        data = windows(folder, timesteps, length)
        model = build(topology, timesteps, length)
        model.fit(*data["train"], batch_size=BATCH, epochs=epochs, validation_data=data["validation"], verbose=0)
        error = np.abs(model.predict(data["test"][0], verbose=0) - data["test"][1]).mean()
        print(topology, timesteps, length, seed, f"{error:.4f}", flush=True)
