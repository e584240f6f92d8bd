"""Count the weights of a chain of layers by following shapes: Keras counts the same, and takes seconds to import.

Axis letters: T steps, F features. Shapes are those of one window, without the batch, as in seqexp/spec/shapes.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from seqexp.errors import ConfigError
from seqexp.spec.parts import Part, split_part
from seqexp.spec.shapes import SHAPE_RULES, Args, DoesNotFit, Shape, size_of, steps_and_features, windows_along
from seqexp.spec.topology import READS_AHEAD

Counted = tuple[int, Shape]  # the weights of a layer, and the shape that it gives


class _Unknown(Exception):
    """There is no rule for a layer."""


def count_weights(layers: Sequence[Part], input_shape: Shape, ahead: Shape = (0, 0)) -> int:
    """Return what ``model.count_params()`` of the layers would be, those that are not trained among them.

    Args:
        layers: The chain, as a topology has it.
        input_shape: ``(T, F)``: timesteps and features.
        ahead: ``(N, A)``: output length, and columns that are known at its steps.

    Raises:
        ConfigError: There is no rule for a layer, or it cannot read the shape that the one before it gives.

    >>> count_weights([Part(name="LSTM", args={"units": 4}), Part(name="Dense", args={"units": 1})], (14, 2))
    117
    """
    return sum(weights for weights, _ in follow_layers(layers, input_shape, ahead))


def follow_layers(layers: Sequence[Part], input_shape: Shape, ahead: Shape = (0, 0)) -> list[Counted]:
    """Return, for each layer, its weights and the shape that it gives; arguments and errors as for counting them.

    >>> follow_layers([Part(name="LSTM", args={"units": 4}), Part(name="RepeatVector", args={"n": 7})], (14, 2))
    [(112, (4,)), (0, (7, 4))]
    """
    found: list[Counted] = []
    shape = input_shape
    for position, part in enumerate(layers):
        weights = 0
        try:
            if part.name == READS_AHEAD:
                shape = (*shape[:-1], shape[-1] + (ahead[1] if len(shape) > 1 else math.prod(ahead)))
            else:
                weights, shape = _count(part.name, part.args, shape)
        except _Unknown as error:
            raise _uncounted(str(error), position) from None
        except DoesNotFit as error:
            raise _uncounted(part.name, position, str(error)) from None
        except (ArithmeticError, IndexError, TypeError, ValueError):  # of arguments that only Keras checks
            raise _uncounted(part.name, position, "its arguments do not fit") from None
        found.append((weights, shape))
    return found


def _uncounted(name: str, position: int, reason: str = "") -> ConfigError:
    message = f"cannot count the weights of {name} (topology.layers[{position}]){': ' if reason else ''}{reason}."
    return ConfigError(message, key="topology.match_parameters", mend="Set topology.units in its place.")


def _count(name: str, args: Args, shape: Shape) -> Counted:
    if args.get("data_format") not in (None, "channels_last"):
        raise _Unknown(f"{name} with data_format={args['data_format']}")
    if name in SHAPE_RULES:
        return 0, SHAPE_RULES[name](args, shape)
    if name in _RULES:
        return _RULES[name](args, shape)
    raise _Unknown(name)


def _count_nested(value: Any, shape: Shape) -> Counted:
    name, args = split_part(value) or (str(value), {})
    return _count(name, args, shape)


def _bias(args: Args, size: int) -> int:
    return size if args.get("use_bias", True) else 0


def _dense(args: Args, shape: Shape) -> Counted:
    units = size_of(args["units"])
    return shape[-1] * units + _bias(args, units), (*shape[:-1], units)


def _recurrent(gates: int, args: Args, shape: Shape) -> Counted:
    steps, features = steps_and_features(shape)
    units = size_of(args["units"])
    weights = gates * ((features + units) * units + _bias(args, units))
    return weights, (steps, units) if args.get("return_sequences") else (units,)


def _gru(args: Args, shape: Shape) -> Counted:
    weights, given = _recurrent(3, args, shape)
    # With reset_after the recurrent kernel has a bias of its own, as in cuDNN.
    return weights + (3 * _bias(args, given[-1]) if args.get("reset_after", True) else 0), given


def _bidirectional(args: Args, shape: Shape) -> Counted:
    weights, given = _count_nested(args["layer"], shape)
    backward, other = _count_nested(args.get("backward_layer") or args["layer"], shape)
    mode = args.get("merge_mode", "concat")
    if mode is None:
        raise DoesNotFit("with merge_mode null it gives two outputs, and a chain has one")
    return weights + backward, (*given[:-1], given[-1] + other[-1]) if mode == "concat" else given


def _time_distributed(args: Args, shape: Shape) -> Counted:
    weights, given = _count_nested(args["layer"], shape[1:])
    return weights, (*shape[:1], *given)


def _convolution(args: Args, shape: Shape) -> Counted:
    steps, features = steps_and_features(shape)
    filters, size = size_of(args["filters"]), size_of(args["kernel_size"])
    stride, dilation = size_of(args.get("strides", 1)), size_of(args.get("dilation_rate", 1))
    weights = size * (features // size_of(args.get("groups", 1))) * filters + _bias(args, filters)
    return weights, (windows_along(steps, size, stride, args.get("padding", "valid"), dilation), filters)


def _normalization(args: Args, shape: Shape, kept: int = 0) -> Counted:
    """Count a scale and a centre for each place along the axes, and so many more that are ``kept`` and not trained."""
    axis = args.get("axis", -1)
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    places = math.prod(shape[axis - 1 if axis > 0 else axis] for axis in axes)  # axis 0 is the batch
    return places * (bool(args.get("scale", True)) + bool(args.get("center", True)) + kept), shape


def _batch_normalization(args: Args, shape: Shape) -> Counted:
    return _normalization(args, shape, kept=5 if args.get("renorm") else 2)


def _rms_normalization(args: Args, shape: Shape) -> Counted:
    return _normalization({**args, "center": False}, shape)


_RULES: dict[str, Callable[[Args, Shape], Counted]] = {
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Conv1D": _convolution,
    "Dense": _dense,
    "GRU": _gru,
    "GroupNormalization": _normalization,
    "LSTM": partial(_recurrent, 4),
    "LayerNormalization": _normalization,
    "RMSNormalization": _rms_normalization,
    "SimpleRNN": partial(_recurrent, 1),
    "TimeDistributed": _time_distributed,
}
