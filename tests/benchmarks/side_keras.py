"""The sides of Keras, written as its guides write it: stock ``fit``, and ``fit`` with every switch on."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from case import FEATURES, VALIDATION, Case, Report, cut_windows, make_series, talk
from keras import layers

FAST = "fast" in sys.argv[1:]
if "one" in sys.argv[1:]:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def build(case: Case) -> keras.Model:
    units, steps = case.units, case.output_length
    stacks = {
        "encoder_decoder": [
            layers.LSTM(units),
            layers.RepeatVector(steps),
            layers.LSTM(units, return_sequences=True),
            layers.TimeDistributed(layers.Dense(1)),
        ],
        "vector_output": [layers.LSTM(units), layers.Dense(steps), layers.Reshape((steps, 1))],
        "many_to_many": [layers.LSTM(units, return_sequences=True), layers.Dense(1)],
    }
    return keras.Sequential([keras.Input((case.timesteps, FEATURES)), *stacks[case.topology]])


class Turns(keras.callbacks.Callback):
    """Reports every epoch, and leaves the waiting out of its clock."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.held, self._report, self._began = 0.0, report, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        stopped = time.perf_counter()
        self._report(seconds=stopped - self._began, loss=logs["loss"], val=logs["val_loss"])
        self.held += time.perf_counter() - stopped


def train(case: Case, report: Report) -> dict[str, Any]:
    inputs, targets, later_inputs, later_targets = cut_windows(case, make_series(case))
    began = time.perf_counter()
    keras.backend.clear_session()
    keras.utils.set_random_seed(case.seed)
    model = build(case)
    turns = Turns(report)
    options: dict[str, Any] = {"epochs": case.epochs, "verbose": 0, "callbacks": [turns]}
    if FAST:  # whole batches alone: another size would be compiled for itself
        model.compile("adam", "mse", jit_compile=True, steps_per_execution=min(128, case.windows // case.batch))
        data = tf.data.Dataset.from_tensor_slices((inputs, targets)).cache().shuffle(case.windows, seed=case.seed)
        later = tf.data.Dataset.from_tensor_slices((later_inputs, later_targets)).batch(VALIDATION).cache()
        model.fit(data.batch(case.batch, drop_remainder=True).prefetch(2), validation_data=later, **options)
    else:
        model.compile("adam", "mse")
        model.fit(inputs, targets, batch_size=case.batch, validation_data=(later_inputs, later_targets), **options)
    return {"seconds": time.perf_counter() - began - turns.held, "weights": model.count_params()}


if __name__ == "__main__":
    talk(train)
