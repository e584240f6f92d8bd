"""Weights that cannot be counted: the message names the key, the layer and the mend."""

from __future__ import annotations

from typing import Any

import pytest

from seqexp.errors import ConfigError
from seqexp.spec.parts import Part
from seqexp.spec.weights import count_weights


@pytest.mark.parametrize(
    ("name", "args", "says"),
    [
        ("SeparableConv1D", {"filters": 2, "kernel_size": 3}, "SeparableConv1D (topology.layers[1])."),
        ("TimeDistributed", {"layer": {"PReLU": {}}}, "PReLU (topology.layers[1])."),
        ("Conv1D", {"filters": 2, "kernel_size": 3, "data_format": "channels_first"}, "data_format=channels_first"),
        ("Conv1D", {"filters": 2, "kernel_size": 9}, "its window of 9 steps is longer than the 6 that come to it"),
        ("RepeatVector", {"n": 3}, "it repeats one vector, and the shape (batch, 6, 2) comes to it"),
        ("TimeDistributed", {"layer": {"LSTM": {"units": 3}}}, "it reads steps of features, and the shape (batch, 2)"),
        ("Reshape", {"target_shape": [5, 2]}, "(batch, 6, 2) cannot become (batch, 5, 2)"),
        ("Reshape", {"target_shape": "flat"}, "Reshape (topology.layers[1]): its arguments do not fit"),
        ("LayerNormalization", {"axis": -4}, "its arguments do not fit"),
        ("Bidirectional", {"layer": {"LSTM": {"units": 3}}, "merge_mode": None}, "two outputs"),
        ("Lambda", {"function": "my_own"}, "what its function my_own does to a shape is not known"),
    ],
)
def test_what_cannot_be_counted_is_named(name: str, args: dict[str, Any], says: str) -> None:
    chain = [Part(name="Dense", args={"units": 2}), Part(name=name, args=args), Part(name="Dense", args={"units": 1})]
    with pytest.raises(ConfigError) as caught:
        count_weights(chain, (6, 4))
    (problem,) = caught.value.problems
    assert problem.key == "topology.match_parameters"
    assert says in problem.message
    assert "topology.units" in problem.mend
