"""A program that changes variables is run once for every call, the first one too."""

from __future__ import annotations

import pytest
import tensorflow as tf

from seqexp.training.compiled_function import CompiledFunction


@pytest.mark.parametrize("compiled_before", [True, False])
def test_every_call_runs_once(compiled_before: bool) -> None:
    count = tf.Variable(0.0)
    function = CompiledFunction(lambda x: [count.assign_add(x)], [tf.TensorSpec(())], xla=True)
    if compiled_before:
        assert float(function.compile(tf.constant(1.0))[0]) == 1.0
    else:
        assert float(function(tf.constant(1.0))[0]) == 1.0
    assert float(function(tf.constant(2.0))[0]) == 3.0
    assert float(count) == 3.0


def test_what_xla_refuses_runs_once_as_a_graph() -> None:
    count = tf.Variable(0.0)

    def body(x: tf.Tensor) -> list[tf.Tensor]:
        return [count.assign_add(tf.strings.to_number(tf.strings.as_string(x)))]

    function = CompiledFunction(body, [tf.TensorSpec(())], xla=True)
    assert float(function(tf.constant(1.0))[0]) == 1.0
    assert function.refused
    assert float(count) == 1.0
