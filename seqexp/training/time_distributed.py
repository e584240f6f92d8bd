"""TimeDistributed without its loop: Keras unrolls it over the steps, which a compiler then has to compile one by one.

Axis letters: B batch, T steps, F features.
"""

from __future__ import annotations

from typing import Any

import keras

#: Layers that treat every step of ``(B, T, F)`` alone, by themselves.
_STEPWISE = (keras.layers.Dense, keras.layers.Activation)


def fold_time_distributed(model: keras.Model) -> None:
    """Let every TimeDistributed of a model whose layer works on the last axis alone call it once for all steps.

    What is computed stays the same; the weights, the names and the config of the model do too.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.TimeDistributed) and isinstance(layer.layer, _STEPWISE):
            layer.call = _once(layer)


def _once(wrapper: keras.layers.TimeDistributed) -> Any:
    stepwise, unrolled = wrapper.layer, wrapper.call

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return stepwise(inputs) if mask is None else unrolled(inputs, training=training, mask=mask)

    return call
