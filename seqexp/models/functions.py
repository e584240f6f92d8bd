"""Functions that a Lambda layer may name. Each takes and gives a batch of sequences.

Axis letters: B batch, T steps, F features per step.

They are registered with Keras, so that a saved model finds them again by name and loads with safe mode on; no source
text and no bytecode is ever stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seqexp.registry import Registry

Function = Callable[..., Any]
FUNCTIONS: Registry[Function] = Registry("function")


def _function(entry: Function) -> Function:
    name = entry.__name__
    registered: Function = keras.saving.register_keras_serializable(package="seqexp", name=name)(entry)
    return FUNCTIONS.register(name)(registered)


@_function
def last_steps(x_BTF: Any, n: int) -> Any:
    """Keep the last ``n`` steps: ``(B, T, F)`` to ``(B, n, F)``."""
    return x_BTF[:, x_BTF.shape[1] - _at_most(n, x_BTF) :, :]


@_function
def first_steps(x_BTF: Any, n: int) -> Any:
    """Keep the first ``n`` steps: ``(B, T, F)`` to ``(B, n, F)``."""
    return x_BTF[:, : _at_most(n, x_BTF), :]


@_function
def take_step(x_BTF: Any, step: int) -> Any:
    """Take one step, counted from 0 or, when negative, from the end: ``(B, T, F)`` to ``(B, F)``."""
    steps = x_BTF.shape[1]
    if not -steps <= step < steps:
        raise ValueError(f"take_step: there is no step {step} among {steps}.")
    return x_BTF[:, step, :]


@_function
def reverse_time(x_BTF: Any) -> Any:
    """Turn the order of the steps round: ``(B, T, F)`` to ``(B, T, F)``."""
    return ops.flip(x_BTF, axis=1)


@_function
def difference(x_BTF: Any, lag: int = 1) -> Any:
    """Subtract the value ``lag`` steps before: ``(B, T, F)`` to ``(B, T - lag, F)``."""
    if not 1 <= lag < x_BTF.shape[1]:
        raise ValueError(f"difference: lag={lag} does not fit into {x_BTF.shape[1]} steps.")
    return x_BTF[:, lag:, :] - x_BTF[:, :-lag, :]


@_function
def cumulative_sum(x_BTF: Any) -> Any:
    """Sum up along time, the inverse of a difference: ``(B, T, F)`` to ``(B, T, F)``."""
    return ops.cumsum(x_BTF, axis=1)


@_function
def mean_over_time(x_BTF: Any) -> Any:
    """Average the steps: ``(B, T, F)`` to ``(B, F)``."""
    return ops.mean(x_BTF, axis=1)


@_function
def add_time_axis(x_BF: Any) -> Any:
    """Make a sequence of one step: ``(B, F)`` to ``(B, 1, F)``."""
    return ops.expand_dims(x_BF, axis=1)


def _at_most(n: int, x_BTF: Any) -> int:
    if not 1 <= n <= x_BTF.shape[1]:
        raise ValueError(f"n={n} steps were asked for, but the sequence has {x_BTF.shape[1]}.")
    return n
