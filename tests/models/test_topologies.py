"""Each of the eight topologies is the Keras model that a person would write by hand, and it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
from keras import layers

from seqexp.data.dataset import prepare_dataset
from seqexp.models.build import build_model
from seqexp.models.saved import load_model, save_model
from seqexp.spec.experiment import ExperimentSpec
from seqexp.training.fit import fit_model, set_seed
from seqexp.training.watch import EpochEvent
from seqexp.workflows.running.train_and_score import arrays_of

T, N, F, K, UNITS = 6, 4, 3, 2, 5


def _one_to_one(x):
    return layers.Dense(K)(x)


def _one_to_many(x):
    x = layers.Reshape((F,))(x)
    x = layers.RepeatVector(N)(x)
    x = layers.LSTM(UNITS, return_sequences=True)(x)
    return layers.Dense(K)(x)


def _many_to_one(x):
    return layers.Dense(K)(layers.LSTM(UNITS)(x))


def _many_to_many(x):
    return layers.Dense(K)(layers.LSTM(UNITS, return_sequences=True)(x))


def _many_to_many_last_n(x):
    x = layers.LSTM(UNITS, return_sequences=True)(x)
    return layers.Dense(K)(x[:, -N:, :])


def _many_to_many_padded(x):
    x = layers.ZeroPadding1D((0, N))(x)
    x = layers.LSTM(UNITS, return_sequences=True)(x)
    return layers.Dense(K)(x[:, -N:, :])


def _vector_output(x):
    x = layers.LSTM(UNITS)(x)
    return layers.Reshape((N, K))(layers.Dense(N * K)(x))


def _encoder_decoder(x):
    x = layers.LSTM(UNITS)(x)
    x = layers.RepeatVector(N)(x)
    x = layers.LSTM(UNITS, return_sequences=True)(x)
    x = layers.TimeDistributed(layers.Dense(K))(x)
    return layers.Activation("linear")(x)


BY_HAND = {
    "one_to_one": (_one_to_one, 1, 1),
    "one_to_many": (_one_to_many, 1, N),
    "many_to_one": (_many_to_one, T, 1),
    "many_to_many": (_many_to_many, T, T),
    "many_to_many_last_n": (_many_to_many_last_n, T, N),
    "many_to_many_padded": (_many_to_many_padded, T, N),
    "vector_output": (_vector_output, T, N),
    "encoder_decoder": (_encoder_decoder, T, N),
}
COLUMNS = ["Global_active_power", "Voltage", "Global_intensity"]


@pytest.fixture(autouse=True)
def _clean_session() -> Iterator[None]:
    yield
    keras.backend.clear_session()


@pytest.mark.parametrize("name", BY_HAND)
def test_gives_the_same_as_keras_by_hand(name: str, compose: Callable[..., ExperimentSpec]) -> None:
    make, timesteps, output_length = BY_HAND[name]
    units = [] if name == "one_to_one" else [f"topology.units={UNITS}"]
    spec = compose(
        f"topology={name}",
        f"data.features=[{','.join(COLUMNS)}]",
        f"data.targets=[{','.join(COLUMNS[:K])}]",
        *units,
        # Neither is insisted on where the contract fixes it.
        *([f"timesteps={T}"] if timesteps == T else []),
        *([f"output_length={N}"] if output_length == N else []),
    )
    assert (spec.timesteps, spec.output_length) == (timesteps, output_length)
    keras.utils.set_random_seed(1)
    built = build_model(spec).model
    inputs = keras.Input((timesteps, F))
    by_hand = keras.Model(inputs, make(inputs))
    by_hand.set_weights(built.get_weights())
    windows = np.random.default_rng(0).normal(size=(32, timesteps, F)).astype("float32")
    given, wanted = built.predict(windows, verbose=0), by_hand.predict(windows, verbose=0)
    assert given.reshape(32, output_length, K).shape == (32, output_length, K)
    assert np.abs(given - wanted).max() < 1e-6
    assert np.abs(given).max() > 1e-3


@pytest.mark.parametrize("name", BY_HAND)
def test_learns_on_real_data(name: str, compose: Callable[..., ExperimentSpec]) -> None:
    units = [] if name == "one_to_one" else ["topology.units=8"]
    spec = compose(f"topology={name}", "training.epochs=3", "optimizer.learning_rate=0.01", *units)
    dataset = prepare_dataset(spec)
    set_seed(0)
    model = build_model(spec).model
    arrays = arrays_of(dataset)
    events: list[EpochEvent] = []
    fit_model(model, arrays, spec.training, spec.optimizer, seed=0, on_epoch=events.append)
    losses = [event.values["train/loss"] for event in events]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["many_to_many_last_n", "encoder_decoder"])
def test_survives_saving_with_safe_mode_on(name: str, compose: Callable[..., ExperimentSpec], tmp_path) -> None:
    model = build_model(compose(f"topology={name}", "topology.units=4")).model
    save_model(model, tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    windows = np.ones((2, 14, 1), "float32")
    assert np.array_equal(model.predict(windows, verbose=0), again.predict(windows, verbose=0))
