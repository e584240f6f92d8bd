"""Weights are counted without TensorFlow as Keras counts them: every topology, and every layer that has a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import pytest

from seqexp.models.build import build_model
from seqexp.models.functions import FUNCTIONS
from seqexp.models.layers import call_layer, make_layer
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part
from seqexp.spec.shapes import SHAPE_RULES
from seqexp.spec.weights import _RULES, count_weights

COLUMNS = ["Global_active_power", "Voltage", "Global_intensity"]
T, F = 9, 4


@pytest.fixture(autouse=True)
def _clean_session() -> Iterator[None]:
    yield
    keras.backend.clear_session()


@pytest.mark.parametrize(("timesteps", "output_length", "n_features", "n_targets"), [(6, 4, 1, 1), (5, 3, 3, 2)])
@pytest.mark.parametrize(
    "name",
    [
        "one_to_one",
        "one_to_many",
        "many_to_one",
        "many_to_many",
        "many_to_many_last_n",
        "many_to_many_padded",
        "vector_output",
        "encoder_decoder",
    ],
)
def test_every_topology_counts_as_keras_counts(
    name: str,
    timesteps: int,
    output_length: int,
    n_features: int,
    n_targets: int,
    compose: Callable[..., ExperimentSpec],
) -> None:
    spec = compose(
        f"topology={name}",
        f"data.features=[{','.join(COLUMNS[:n_features])}]",
        f"data.targets=[{','.join(COLUMNS[:n_targets])}]",
        *([] if name.startswith("one_to") else [f"timesteps={timesteps}"]),
        *([] if name in {"one_to_one", "many_to_one", "many_to_many"} else [f"output_length={output_length}"]),
        *([] if name == "one_to_one" else ["topology.units=7"]),
    )
    counted = count_weights(spec.topology.layers, (spec.timesteps, spec.data.n_features))
    assert counted == build_model(spec).model.count_params() > 0


@pytest.mark.parametrize("name", ["vector_output", "encoder_decoder"])
def test_what_is_known_ahead_counts_as_keras_counts(name: str, compose: Callable[..., ExperimentSpec]) -> None:
    words = ["data.future=Voltage", "data.calendar=[dayofweek]", "topology.match_parameters=4000"]
    spec = compose(f"topology={name}", *words, "timesteps=6", "output_length=4")
    counted = count_weights(spec.topology.layers, (6, spec.data.n_features), (4, 3))
    assert counted == build_model(spec).model.count_params()
    assert counted == pytest.approx(4000, rel=0.05)


LSTM = {"LSTM": {"units": 3, "return_sequences": True}}
# Layers as YAML has them; each chain ends in a Dense and so shows the last axis, and in a Flatten the whole shape.
CHAINS: list[list[Any]] = [
    [{"Dense": {"units": 5, "use_bias": False}}],
    [{"LSTM": {"units": 5, "use_bias": False}}],
    [{"GRU": {"units": 5}}],
    [{"GRU": {"units": 5, "reset_after": False, "return_sequences": True}}],
    [{"GRU": {"units": 5, "use_bias": False}}],
    [{"SimpleRNN": {"units": 5, "return_sequences": True}}],
    [{"Bidirectional": {"layer": LSTM}}],
    [{"Bidirectional": {"layer": LSTM, "merge_mode": "sum"}}],
    [
        {
            "Bidirectional": {
                "layer": {"GRU": {"units": 3}},
                "backward_layer": {"LSTM": {"units": 3, "go_backwards": True}},
            }
        }
    ],
    [{"TimeDistributed": {"layer": {"Dense": {"units": 2}}}}],
    [{"Reshape": {"target_shape": [3, 3, 4]}}, {"TimeDistributed": {"layer": LSTM}}],
    [{"Reshape": {"target_shape": [3, 3, -1]}}, {"TimeDistributed": {"layer": "Flatten"}}],
    ["Flatten", {"RepeatVector": {"n": 3}}],
    [{"Reshape": {"target_shape": [-1, 2]}}],
    [{"Permute": {"dims": [2, 1]}}],
    [{"Conv1D": {"filters": 6, "kernel_size": 3}}],
    [{"Conv1D": {"filters": 6, "kernel_size": [3], "strides": 2, "use_bias": False}}],
    [{"Conv1D": {"filters": 6, "kernel_size": 3, "dilation_rate": 2, "groups": 2}}],
    [{"Conv1D": {"filters": 6, "kernel_size": 4, "strides": 2, "padding": "same"}}],
    [{"Conv1D": {"filters": 6, "kernel_size": 4, "strides": 2, "padding": "causal"}}],
    [{"Conv1D": {"filters": 6, "kernel_size": 4, "dilation_rate": 3, "padding": "causal"}}],
    ["ZeroPadding1D"],
    [{"ZeroPadding1D": {"padding": [0, 3]}}],
    ["Cropping1D"],
    [{"Cropping1D": {"cropping": [2, 3]}}],
    ["MaxPooling1D"],
    [{"AveragePooling1D": {"pool_size": 3, "strides": 2}}],
    [{"MaxPooling1D": {"pool_size": 2, "padding": "same"}}],
    [{"UpSampling1D": {"size": 3}}],
    ["GlobalAveragePooling1D"],
    [{"GlobalMaxPooling1D": {"keepdims": True}}],
    ["LayerNormalization"],
    [{"LayerNormalization": {"axis": [1, 2], "center": False}}],
    ["BatchNormalization"],
    [{"BatchNormalization": {"axis": 1, "scale": False}}],
    [{"BatchNormalization": {"renorm": True}}],
    [{"GroupNormalization": {"groups": 2}}],
    ["RMSNormalization"],
    [{"Dropout": {"rate": 0.1, "seed": 1}}],
    [{"SpatialDropout1D": {"rate": 0.1}}],
    [{"AlphaDropout": {"rate": 0.1}}],
    [{"GaussianDropout": {"rate": 0.1}}],
    [{"GaussianNoise": {"stddev": 0.1}}],
    [{"Activation": {"activation": "tanh"}}],
    *([name] for name in ("ActivityRegularization", "ELU", "Identity", "LeakyReLU", "ReLU", "Softmax")),
    ["UnitNormalization"],
    ["Masking", {"LSTM": {"units": 3}}],
    [{"Lambda": {"function": "last_steps", "arguments": {"n": 3}}}],
    [{"Lambda": {"function": "first_steps", "arguments": {"n": 2}}}],
    [{"Lambda": {"function": "take_step", "arguments": {"step": -1}}}],
    [{"Lambda": {"function": "reverse_time"}}],
    [{"Lambda": {"function": "difference"}}],
    [{"Lambda": {"function": "difference", "arguments": {"lag": 3}}}],
    [{"Lambda": {"function": "cumulative_sum"}}],
    [{"Lambda": {"function": "mean_over_time"}}, {"Lambda": {"function": "add_time_axis"}}],
]


def _parts(chain: list[Any]) -> list[Part]:
    read = [next(iter(layer.items())) if isinstance(layer, dict) else (layer, {}) for layer in chain]
    return [Part(name=name, args=args) for name, args in read]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_every_layer_counts_as_keras_counts(chain: list[Any]) -> None:
    parts = _parts([*chain, {"Dense": {"units": 2}}, "Flatten", {"Dense": {"units": 3}}])
    inputs = tensor = keras.Input((T, F))
    for part in parts:
        tensor = call_layer(part, make_layer(part), tensor)
    assert count_weights(parts, (T, F)) == keras.Model(inputs, tensor).count_params()


def test_every_rule_is_held_against_keras() -> None:
    assert set(_RULES) | set(SHAPE_RULES) == {
        name for chain in CHAINS for name in (part.name for part in _parts(chain))
    } | {
        "Dense",
        "Flatten",
    }
    assert {part.args["function"] for chain in CHAINS for part in _parts(chain) if part.name == "Lambda"} == set(
        FUNCTIONS
    )
