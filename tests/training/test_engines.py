"""The compiled engine against stock Keras: the same batches, losses, steps and weights, whatever is trained and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.models.build import build_model
from seqexp.spec.experiment import ExperimentSpec
from seqexp.training.arrays import Array
from seqexp.training.epoch_program import _steps_per_call, _windows_per_call
from seqexp.training.fit import Fit, fit_model, set_seed
from seqexp.training.watch import EpochEvent
from seqexp.workflows.running.train_and_score import arrays_of

Compose = Callable[..., ExperimentSpec]
CLOSE = 1e-5
SINE = ["data=sine", "data.source.sine.length=230", "training.epochs=2"]
SMALL = [*SINE, "timesteps=6", "output_length=3"]
TOPOLOGIES = {
    "one_to_one": [],
    "one_to_many": ["output_length=3", "topology.units=5"],
    "many_to_one": ["timesteps=6", "topology.units=5"],
    "many_to_many": ["timesteps=6", "topology.units=5"],
    "many_to_many_last_n": ["timesteps=6", "output_length=3", "topology.units=5"],
    "many_to_many_padded": ["timesteps=6", "output_length=3", "topology.units=5"],
    "vector_output": ["timesteps=6", "output_length=3", "topology.units=5"],
    "encoder_decoder": ["timesteps=6", "output_length=3", "topology.units=5"],
}
# Layers between the input and a head of Flatten and Dense: everything that XLA, padding or rounding might treat apart.
LAYERS = {
    "batch normalization": "{LSTM:{units:4,return_sequences:true}},{BatchNormalization:{momentum:0.5}}",
    "layer normalization": "{GRU:{units:4,return_sequences:true}},{LayerNormalization:{}}",
    "bidirectional": "{Bidirectional:{layer:{LSTM:{units:3}}}},{Reshape:{target_shape:[6,1]}}",
    "convolution": "{Conv1D:{filters:4,kernel_size:3,activation:relu}},{MaxPooling1D:{pool_size:2}}",
    "attention": "{Dense:{units:4}},{MultiHeadAttention:{num_heads:2,key_dim:4}}",
    "masking": "{Masking:{mask_value:0.0}},{SimpleRNN:{units:3,return_sequences:true}},"
    "{TimeDistributed:{layer:{Dense:{units:2}}}},{GRU:{units:3}}",
    "penalties": "{LSTM:{units:4,kernel_regularizer:{L2:{l2:0.01}},activity_regularizer:{L1:{l1:0.01}}}}",
    "stacked cells": "{RNN:{cell:{StackedRNNCells:{cells:[{GRUCell:{units:3}},{LSTMCell:{units:2}}]}}}}",
}
# A model that is compiled in no time, for what does not depend on the layers.
HEAD = "{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}"
FLAT = f"topology.layers=[{{Flatten:{{}}}},{{Dense:{{units:4,activation:tanh}}}},{HEAD}]"
SETTINGS = {
    "schedule and clipping": ["optimizer=adam_cosine"],
    "momentum": ["optimizer=sgd"],
    "weight decay": ["optimizer=adamw", "optimizer.use_ema=true"],
    "accumulated gradients": ["optimizer.gradient_accumulation_steps=2"],
    "nadam": ["optimizer.name=Nadam"],
    "rmsprop": ["optimizer=rmsprop"],
    "schedule free": ["optimizer.name=ScheduleFreeAdamW"],
    "huber and metrics": ["training.loss={Huber:{delta:0.5}}", "training.metrics=[mae,rmse]"],
    "batch of one": ["training.batch_size=1", "training.stride=9"],
    "batch larger than the data": ["training.batch_size=500"],
    "in order": ["training.shuffle=false"],
    "no validation": ["data.split={train:0.8,validation:0,test:0.2}"],
    "early stopping": ["training.early_stopping={patience:0,min_delta:100.0}", "training.epochs=4"],
}


@dataclass
class Trained:
    model: keras.Model
    events: list[EpochEvent]
    fit: Fit
    forecasts: Array


def _train(spec: ExperimentSpec, **changes: object) -> Trained:
    dataset = prepare_dataset(spec)
    set_seed(spec.seed)
    model = build_model(spec).model
    events: list[EpochEvent] = []
    arrays = replace(arrays_of(dataset), **changes)
    fit = fit_model(model, arrays, spec.training, spec.optimizer, seed=spec.seed, on_epoch=events.append)
    return Trained(model, events, fit, fit.forecast(dataset.starts["test"]))


def _both(compose: Compose, *overrides: str, **changes: object) -> Trained:
    """Train with both engines, hold one against the other, and return what the compiled one gave."""
    specs = {engine: compose(*overrides, f"training.engine={engine}") for engine in ("compiled", "keras")}
    compiled, stock = (_train(spec, **changes) for spec in specs.values())
    for ours, theirs in zip(compiled.model.get_weights(), stock.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=CLOSE)
    assert len(compiled.events) == len(stock.events)
    for ours, theirs in zip(compiled.events, stock.events, strict=True):
        assert ours.values == pytest.approx(theirs.values, abs=CLOSE)
        assert ours.learning_rate == pytest.approx(theirs.learning_rate, abs=1e-7)
    assert (compiled.fit.best_epoch, compiled.fit.stopped_early) == (stock.fit.best_epoch, stock.fit.stopped_early)
    np.testing.assert_allclose(compiled.forecasts, stock.forecasts, rtol=0, atol=CLOSE)
    return compiled


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_topology_trains_as_with_stock_keras(topology: str, compose: Compose) -> None:
    trained = _both(compose, *SINE, f"topology={topology}", *TOPOLOGIES[topology])
    assert trained.fit.engine == {"engine": "compiled", "xla": True}


@pytest.mark.parametrize("topology", ["vector_output", "encoder_decoder"])
def test_what_is_known_ahead_is_read_as_with_stock_keras(topology: str, compose: Compose) -> None:
    known = ["data=co2", "data.calendar=[month,weekend]", "data.lead=2", "training.epochs=1", "training.stride=5"]
    trained = _both(compose, *known, f"topology={topology}", *TOPOLOGIES[topology])
    assert [tuple(tensor.shape) for tensor in trained.model.inputs] == [(None, 6, 4), (None, 3, 3)]
    assert trained.fit.engine == {"engine": "compiled", "xla": True}


@pytest.mark.parametrize("name", LAYERS)
def test_every_kind_of_layer_trains_as_with_stock_keras(name: str, compose: Compose) -> None:
    head = "{Flatten:{}},{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}"
    # Adam would blow the rounding of a gradient that is zero in theory (the keys of an attention) up to a whole step.
    _both(compose, *SMALL, f"topology.layers=[{LAYERS[name]},{head}]", "optimizer=sgd")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_trains_as_with_stock_keras(name: str, compose: Compose) -> None:
    _both(compose, *SMALL, FLAT, *SETTINGS[name])


def test_steps_without_weight_count_as_with_stock_keras(compose: Compose) -> None:
    weights = np.ones(230, "float32")
    weights[40:50] = weights[170] = 0
    words = [*SMALL, "topology=vector_output", "topology.units=4", "training.metrics=[mae]"]
    _both(compose, *words, weights_T=weights)


def test_holes_in_windows_that_are_left_out_do_no_harm(compose: Compose) -> None:
    spec = compose(*SMALL, "topology=vector_output", "topology.units=4")
    inputs = prepare_dataset(spec).inputs_TF.copy()
    inputs[:3] = np.nan  # the first windows, with which a batch might have been padded
    trained = _train(spec, inputs_TF=inputs, train_W=np.arange(5, 100))
    assert np.isfinite(trained.events[-1].values["train/loss"])


def test_a_metric_that_counts_rows_is_not_padded(compose: Compose) -> None:
    _both(compose, *SINE, "timesteps=6", "topology=many_to_one", "topology.units=3", "training.metrics=[r2]")


def test_a_remainder_after_several_calls_is_a_step_of_its_own(compose: Compose) -> None:
    """8,252 windows in batches of 16: a call of 512 steps, one of 3, and a step of 12 windows."""
    layers = "{Flatten:{}},{Dense:{units:3}},{BatchNormalization:{momentum:0.9}}"
    words = [*SMALL, "data.source.sine.length=11800", f"topology.layers=[{layers},{HEAD}]", "training.batch_size=16"]
    _both(compose, *words, "optimizer=sgd", "training.epochs=1")


def test_what_xla_cannot_compile_is_trained_all_the_same_and_recorded(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    def call(self: keras.layers.Layer, inputs: object) -> object:
        return tf.reshape(tf.strings.to_number(tf.strings.as_string(inputs)), tf.shape(inputs)) * 0 + inputs

    monkeypatch.setattr(keras.layers.Identity, "call", call)
    layers = "{Flatten:{}},{Identity:{}},{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}"
    trained = _both(compose, *SMALL, f"topology.layers=[{layers}]")
    assert trained.fit.engine["xla"] is False
    assert trained.fit.engine["xla_refused"]


class TestSharing:
    """Runs of one shape share a program, and know nothing of each other."""

    DROPOUT = ["topology.layers=[{LSTM:{units:4,dropout:0.3}},{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}]"]

    def test_a_run_gives_the_same_bits_alone_and_after_others(self, compose: Compose) -> None:
        spec = compose(*SMALL, *self.DROPOUT, "optimizer=adam_cosine")
        alone = _train(spec)
        others = [
            compose(*SMALL, *self.DROPOUT, "seed=7", "optimizer=adam_cosine"),
            compose(*SMALL, *self.DROPOUT, "optimizer=adam_cosine", "optimizer.learning_rate=0.5"),
            compose(*SMALL, *self.DROPOUT, "data.source.sine.length=190", "optimizer=adam_cosine"),
        ]
        for other in others:
            given = _train(other)
            assert given.fit.compile_seconds == 0.0
            assert not np.array_equal(given.model.get_weights()[0], alone.model.get_weights()[0])
        again = _train(spec)
        assert again.fit.compile_seconds == 0.0
        for ours, theirs in zip(again.model.get_weights(), alone.model.get_weights(), strict=True):
            assert np.array_equal(ours, theirs)
        assert [event.values for event in again.events] == [event.values for event in alone.events]
        assert np.array_equal(again.forecasts, alone.forecasts)

    def test_forecasts_stay_those_of_their_run(self, compose: Compose) -> None:
        spec = compose(*SMALL, *self.DROPOUT)
        first = _train(spec)
        _train(compose(*SMALL, *self.DROPOUT, "seed=9"))
        assert np.array_equal(first.fit.forecast(prepare_dataset(spec).starts["test"]), first.forecasts)

    @pytest.mark.parametrize(
        "change", ["training.batch_size=16", "training.loss=mae", "optimizer.clipnorm=1.0", "timesteps=7"]
    )
    def test_what_is_no_argument_has_a_program_of_its_own(self, change: str, compose: Compose) -> None:
        base = [*SMALL, "topology=vector_output", "topology.units=2"]
        _train(compose(*base))
        assert _train(compose(*base, change)).fit.compile_seconds > 0


@pytest.mark.parametrize(
    ("timesteps", "weights", "windows"), [(24, 13_000, 8192), (168, 202_000, 589), (512, 10**9, 0)]
)
def test_a_call_of_a_large_model_takes_fewer_windows(timesteps: int, weights: int, windows: int) -> None:
    """Ctrl-C waits for a call to end."""
    assert _windows_per_call(timesteps, weights) == windows
    assert _steps_per_call(64, windows) == max(1, windows // 64)
