"""Slow operations are translated once for each shape, and the program computes the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from seqexp.training.definitions import renamed_definitions
from seqexp.training.shared_operations import _SLOW, share_operations
from seqexp.training.traced_function import traced_function

ARGUMENT = {"Relu": "features"}
SIGNATURE = [tf.TensorSpec((3, 2))]


def _looped(operation: str) -> Any:
    """Return a function that applies an operation twice in a loop, and once behind it."""
    apply = getattr(tf.raw_ops, operation)

    def once(values: Any) -> Any:
        return apply(**{ARGUMENT.get(operation, "x"): values})

    def function(values: Any) -> list[Any]:
        _, looped = tf.while_loop(
            lambda number, _: number < 3,
            lambda number, values: (number + 1, 0.5 * once(values) + once(values + 1)),
            (tf.constant(0), values),
        )
        return [once(looped)]

    return function


@pytest.mark.parametrize("operation", _SLOW)
def test_the_bits_stay_the_same(operation: str) -> None:
    values = tf.constant(np.random.default_rng(1).uniform(0.1, 2, (3, 2)), tf.float32)
    function = _looped(operation)
    plain = tf.function(function, jit_compile=True, autograph=False)(values)
    shared = traced_function(function, SIGNATURE).as_call()(values)
    np.testing.assert_array_equal(shared[0].numpy(), plain[0].numpy())


def test_each_operation_stands_in_one_function_that_is_not_put_back() -> None:
    def both(values: Any) -> list[Any]:
        return [*_looped("Tanh")(values), *_looped("Sqrt")(values)]

    concrete = tf.function(both, jit_compile=True, autograph=False).get_concrete_function(*SIGNATURE)
    library = concrete.graph.as_graph_def().library.function
    definitions = share_operations(renamed_definitions(concrete.function_def, library))
    slow = {one.signature.name: [node.op for node in one.node_def if node.op in _SLOW] for one in definitions}
    assert {name: found for name, found in slow.items() if found} == {"g0": ["Tanh"], "g1": ["Sqrt"]}
    calls = [node.attr["f"].func.name for one in definitions for node in one.node_def if node.op == "PartitionedCall"]
    assert sorted(calls) == ["g0"] * 3 + ["g1"] * 3
    assert all(one.attr["_noinline"].b for one in definitions if one.signature.name.startswith("g"))
