"""The written-out loop against Keras' own: outputs, states and every gradient."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqexp.training import lstm_loop
from seqexp.training.lstm_loop import fuse_lstms

CASES = {
    "last output": keras.layers.LSTM(5),
    "all outputs": keras.layers.LSTM(5, return_sequences=True),
    "more features than units": keras.layers.LSTM(2, return_sequences=True),
    "backwards": keras.layers.LSTM(5, return_sequences=True, go_backwards=True),
    "both ways": keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True)),
    "many units": keras.layers.LSTM(9),
    "dropout": keras.layers.LSTM(5, dropout=0.4, seed=3),
    "dropout of all, which Keras leaves out": keras.layers.LSTM(5, dropout=1.0, seed=3),
}


def _values(model: keras.Model, inputs: np.ndarray) -> list[np.ndarray]:
    past = tf.constant(inputs)
    for variable in model.non_trainable_variables:  # of dropout
        variable.assign(keras.ops.zeros_like(variable))
    with tf.GradientTape() as tape:
        tape.watch(past)
        given = model(past, training=True)
        loss = tf.reduce_sum(tf.sin(given) * given)
    sources = [past, *(variable.value for variable in model.trainable_variables)]
    return [given.numpy(), *(np.asarray(gradient) for gradient in tape.gradient(loss, sources))]


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_keras(name: str) -> None:
    keras.utils.set_random_seed(2)
    layer = CASES[name].__class__.from_config(CASES[name].get_config())
    model = keras.Sequential([keras.Input((7, 3)), layer])
    inputs = np.random.default_rng(0).normal(size=(4, 7, 3)).astype("float32")
    by_keras = _values(model, inputs)
    fuse_lstms(model)
    inner = [each for each in model._flatten_layers() if isinstance(each, keras.layers.LSTM)]
    assert inner
    assert all("inner_loop" in vars(each) for each in inner)
    for ours, theirs in zip(_values(model, inputs), by_keras, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize("options", [{"return_sequences": True}, {}, {"return_sequences": True, "go_backwards": True}])
def test_steps_that_all_read_the_same_give_the_gradients_of_keras(options: dict[str, bool]) -> None:
    keras.utils.set_random_seed(2)
    encoder, decoder = keras.layers.LSTM(6), keras.layers.LSTM(5, **options)
    model = keras.Sequential([keras.Input((7, 3)), encoder, keras.layers.RepeatVector(4), decoder])
    inputs = np.random.default_rng(0).normal(size=(4, 7, 3)).astype("float32")
    by_keras = _values(model, inputs)
    fuse_lstms(model)
    assert lstm_loop._reads_repeated(decoder)
    assert not lstm_loop._reads_repeated(encoder)
    for ours, theirs in zip(_values(model, inputs), by_keras, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.1, "implementation": 1},
        {"recurrent_dropout": 0.1},
        {"activation": "relu"},
        {"use_bias": False},
        {"unroll": True},
    ],
)
def test_an_lstm_of_another_kind_stays_that_of_keras(options: dict[str, object]) -> None:
    model = keras.Sequential([keras.Input((7, 3)), keras.layers.LSTM(2, **options)])
    fuse_lstms(model)
    assert "inner_loop" not in vars(model.layers[0])


def test_xla_copies_none_of_the_values_that_a_step_changes() -> None:
    """A copy of a few kilobytes costs as much as the arithmetic of a gate."""
    past = keras.Input((7, 3))
    model = keras.Model(past, keras.layers.LSTM(5)(past))
    fuse_lstms(model)

    @tf.function(jit_compile=True)
    def gradients(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(inputs, training=True) ** 2)
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    program = gradients.experimental_get_compiler_ir(tf.zeros((4, 7, 3)))(stage="optimized_hlo")
    names = re.findall(r" while\(.*body=(%[\w.-]+)", program)
    assert len(names) == 2, "there is a loop forward and one back"
    bodies = [part for part in program.split("\n\n") if part.startswith(tuple(f"{name} " for name in names))]
    assert len(bodies) == 2
    assert not re.findall(r"f32\[\S+ copy\(", "".join(bodies))


@pytest.mark.parametrize("training", [None, False])
def test_a_layer_that_is_called_not_to_train_has_gradients_under_xla(training: bool | None) -> None:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((7, 3)), keras.layers.LSTM(5, return_sequences=True)])
    inputs = tf.constant(np.random.default_rng(0).normal(size=(4, 7, 3)), tf.float32)

    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(inputs, training=training) ** 2)
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    by_keras = gradients()
    fuse_lstms(model)
    for ours, theirs in zip(tf.function(gradients, jit_compile=True)(), by_keras, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)


def test_states_are_returned_as_by_keras() -> None:
    past = keras.Input((7, 3))
    model = keras.Model(past, keras.layers.LSTM(4, return_state=True)(past))
    inputs = np.random.default_rng(0).normal(size=(4, 7, 3)).astype("float32")
    by_keras = [np.asarray(value) for value in model(inputs)]
    fuse_lstms(model)
    for ours, theirs in zip(model(tf.constant(inputs)), by_keras, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
