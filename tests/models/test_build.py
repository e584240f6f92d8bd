"""Building layers from YAML: every layer of the catalogue, nested parts, and shapes that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from seqexp.errors import ModelError
from seqexp.models.build import build_model
from seqexp.models.functions import FUNCTIONS
from seqexp.models.layers import call_layer, make_layer
from seqexp.spec.catalogue import load_catalogue
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part
from seqexp.spec.topology import READS_AHEAD

# What each layer that cannot stand alone, or needs an argument, is given; the input is (batch, 6, 4).
ARGUMENTS = {
    "Activation": {"activation": "relu"},
    "AdaptiveAveragePooling1D": {"output_size": 3},
    "AdaptiveMaxPooling1D": {"output_size": 3},
    "AlphaDropout": {"rate": 0.1},
    "AveragePooling1D": {"pool_size": 2},
    "Bidirectional": {"layer": {"LSTM": {"units": 3}}, "backward_layer": {"GRU": {"units": 3, "go_backwards": True}}},
    "Conv1D": {"filters": 2, "kernel_size": 3, "padding": "causal", "kernel_regularizer": {"L2": {"l2": 0.1}}},
    "Conv1DTranspose": {"filters": 2, "kernel_size": 3},
    "Dense": {"units": 2, "kernel_initializer": {"RandomNormal": {"stddev": 0.1}}, "bias_initializer": "ones"},
    "DepthwiseConv1D": {"kernel_size": 3},
    "Dropout": {"rate": 0.1},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": [None, 8], "activation": "tanh"},
    "Embedding": {"input_dim": 10, "output_dim": 3},
    "GRU": {"units": 3, "kernel_constraint": {"MaxNorm": {"max_value": 1}}},
    "GaussianDropout": {"rate": 0.1},
    "GaussianNoise": {"stddev": 0.1},
    "GroupNormalization": {"groups": 2},
    "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1},
    "LSTM": {"units": 3, "return_sequences": True},
    "Lambda": {"function": "last_steps", "arguments": {"n": 2}},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "Permute": {"dims": [2, 1]},
    "RNN": {"cell": {"LSTMCell": {"units": 3}}},
    "RepeatVector": {"n": 3},
    "Reshape": {"target_shape": [3, 8]},
    "SeparableConv1D": {"filters": 2, "kernel_size": 3},
    "SimpleRNN": {"units": 3},
    "SpatialDropout1D": {"rate": 0.1},
    "SpectralNormalization": {"layer": {"Dense": {"units": 2}}},
    "TimeDistributed": {"layer": {"Dense": {"units": 2}}},
    "ZeroPadding1D": {"padding": [0, 3]},
}
INPUT_SHAPES = {"RepeatVector": (4,), "ConvLSTM1D": (6, 4, 2)}
CELLS = {"LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells"}
ARGUMENTS["ConvLSTM1D"] = {"filters": 2, "kernel_size": 3}


@pytest.mark.parametrize("name", [name for name in load_catalogue()["layers"] if name not in {*CELLS, READS_AHEAD}])
def test_every_layer_of_the_catalogue_builds(name: str) -> None:
    part = Part(name=name, args=ARGUMENTS.get(name, {}))
    tensor = keras.Input(INPUT_SHAPES.get(name, (6, 4)))
    assert call_layer(part, make_layer(part), tensor) is not None


def test_cells_stack() -> None:
    cells = [{"LSTMCell": {"units": 3}}, {"LSTMCell": {"units": 2}}]
    part = Part(name="RNN", args={"cell": {"StackedRNNCells": {"cells": cells}}, "return_sequences": True})
    assert make_layer(part)(keras.Input((6, 4))).shape == (None, 6, 2)


def test_nested_arguments_reach_keras() -> None:
    part = Part(
        name="TimeDistributed", args={"layer": {"Dense": {"units": 2, "kernel_regularizer": {"L1": {"l1": 0.5}}}}}
    )
    assert make_layer(part).layer.kernel_regularizer.l1 == 0.5


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("last_steps", {"n": 2}, [[3, 4]]),
        ("first_steps", {"n": 2}, [[1, 2]]),
        ("take_step", {"step": -1}, [4]),
        ("reverse_time", {}, [[4, 3, 2, 1]]),
        ("difference", {"lag": 2}, [[2, 2]]),
        ("cumulative_sum", {}, [[1, 3, 6, 10]]),
        ("mean_over_time", {}, [2.5]),
    ],
)
def test_functions_do_what_they_say(name: str, arguments: dict, wanted: list) -> None:
    x_BTF = np.array([[[1.0], [2.0], [3.0], [4.0]]], "float32")
    assert np.array_equal(np.squeeze(FUNCTIONS[name](x_BTF, **arguments), -1), np.array(wanted, "float32"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("last_steps", {"n": 5}), ("first_steps", {"n": 0}), ("take_step", {"step": 4}), ("difference", {"lag": 4})],
)
def test_functions_refuse_what_does_not_fit(name: str, arguments: dict) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        FUNCTIONS[name](np.zeros((1, 4, 1), "float32"), **arguments)


TOPOLOGY = "contract: {{timesteps: any, output_length: any, alignment: future}}\nlayers:\n{layers}"


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ("  - LSTM: {units: 4}\n  - Dense: {units: 1}\n", "return_sequences: true"),
        ("  - LSTM: {units: 4}\n  - Dense: {units: 7}\n", "Reshape: {target_shape: [7, 1]}"),
        ("  - LSTM: {units: 4, return_sequences: true}\n  - Dense: {units: 1}\n", "last_steps"),
        ("  - LSTM: {units: 4, return_sequences: true}\n", "End in Dense"),
        ("  - LSTM: {units: 4}\n  - RepeatVector: {n: 3}\n  - Dense: {units: 1}\n", "RepeatVector"),
    ],
)
def test_a_wrong_output_shape_is_explained_layer_by_layer(
    layers: str, says: str, write: Callable[[str, str], Path], compose: Callable[..., ExperimentSpec]
) -> None:
    write("conf/topology/mine.yaml", TOPOLOGY.format(layers=layers))
    with pytest.raises(ModelError) as caught:
        build_model(compose("topology=mine"))
    text = str(caught.value)
    assert says in text
    assert "LSTM" in text
    assert "(batch, 14, 1)" in text
    assert caught.value.problems[0].key == "topology.layers"


def test_a_layer_that_keras_refuses_is_named(
    write: Callable[[str, str], Path], compose: Callable[..., ExperimentSpec]
) -> None:
    write("conf/topology/mine.yaml", TOPOLOGY.format(layers="  - RepeatVector: {n: 3}\n  - Dense: {units: 1}\n"))
    with pytest.raises(ModelError) as caught:
        build_model(compose("topology=mine"))
    assert caught.value.problems[0].key == "topology.layers[0].RepeatVector"
