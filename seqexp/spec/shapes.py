"""What the layers without weights do to a shape, followed without TensorFlow.

Axis letters: T steps, F features. A shape is that of one window, without the batch: ``(T, F)``, or ``(F,)`` where there
are no steps. Sizes that Keras refuses are not looked for here: building explains them better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Shape = tuple[int, ...]
Args = Mapping[str, Any]
ShapeRule = Callable[[Args, Shape], Shape]

_KEEP = (
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "ELU",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "LeakyReLU",
    "Masking",
    "ReLU",
    "Softmax",
    "SpatialDropout1D",
    "UnitNormalization",
)


class DoesNotFit(ValueError):
    """A layer cannot read the shape that the one before it gives."""


def steps_and_features(shape: Shape) -> tuple[int, int]:
    """Return T and F of what a layer reads that works along time."""
    if len(shape) != 2:
        raise DoesNotFit(f"it reads steps of features, and the shape {shown_shape(shape)} comes to it")
    return shape[0], shape[1]


def size_of(value: Any) -> int:
    """Return a size that may be written as a list of one: ``kernel_size: 3`` or ``kernel_size: [3]``."""
    return int(value[0] if isinstance(value, (list, tuple)) else value)


def windows_along(steps: int, size: int, stride: int, padding: str, dilation: int = 1) -> int:
    """Return how many windows of a convolution or a pooling there are along time."""
    if padding != "valid":
        return math.ceil(steps / stride)
    room = steps - dilation * (size - 1)
    if room < 1:
        raise DoesNotFit(f"its window of {dilation * (size - 1) + 1} steps is longer than the {steps} that come to it")
    return (room - 1) // stride + 1


def shown_shape(shape: Shape) -> str:
    """Return a shape as messages write it."""
    return f"(batch{''.join(f', {size}' for size in shape)})"


def _repeated(args: Args, shape: Shape) -> Shape:
    if len(shape) != 1:
        raise DoesNotFit(f"it repeats one vector, and the shape {shown_shape(shape)} comes to it")
    return (size_of(args["n"]), *shape)


def _reshaped(args: Args, shape: Shape) -> Shape:
    target = tuple(args["target_shape"])
    if -1 in target:
        rest = math.prod(shape) // -math.prod(target)
        target = tuple(rest if size == -1 else size for size in target)
    if math.prod(target) != math.prod(shape):
        raise DoesNotFit(f"{shown_shape(shape)} cannot become {shown_shape(target)}")
    return target


def _permuted(args: Args, shape: Shape) -> Shape:
    return tuple(shape[axis - 1] for axis in args["dims"])


def _flattened(args: Args, shape: Shape) -> Shape:
    return (math.prod(shape),)


def _padded(args: Args, shape: Shape) -> Shape:
    steps, features = steps_and_features(shape)
    return steps + _both_ends(args.get("padding", 1)), features


def _cropped(args: Args, shape: Shape) -> Shape:
    steps, features = steps_and_features(shape)
    return steps - _both_ends(args.get("cropping", 1)), features


def _both_ends(value: Any) -> int:
    return sum(value) if isinstance(value, (list, tuple)) else 2 * int(value)


def _pooled(args: Args, shape: Shape) -> Shape:
    steps, features = steps_and_features(shape)
    size = size_of(args.get("pool_size", 2))
    stride = size_of(args.get("strides") or size)
    return windows_along(steps, size, stride, args.get("padding", "valid")), features


def _pooled_whole(args: Args, shape: Shape) -> Shape:
    _, features = steps_and_features(shape)
    return (1, features) if args.get("keepdims") else (features,)


def _upsampled(args: Args, shape: Shape) -> Shape:
    steps, features = steps_and_features(shape)
    return steps * size_of(args.get("size", 2)), features


def _called(args: Args, shape: Shape) -> Shape:
    """Follow a Lambda: the functions are those of seqexp/models/functions.py."""
    name, values = args["function"], args.get("arguments") or {}
    if name in {"last_steps", "first_steps"}:
        return (size_of(values["n"]), *shape[1:])
    if name == "difference":
        return (shape[0] - int(values.get("lag", 1)), *shape[1:])
    if name in {"take_step", "mean_over_time"}:
        return shape[1:]
    if name == "add_time_axis":
        return (1, *shape)
    if name in {"reverse_time", "cumulative_sum"}:
        return shape
    raise DoesNotFit(f"what its function {name} does to a shape is not known")


def _kept(args: Args, shape: Shape) -> Shape:
    return shape


SHAPE_RULES: dict[str, ShapeRule] = {
    **dict.fromkeys(_KEEP, _kept),
    **dict.fromkeys(("AveragePooling1D", "MaxPooling1D"), _pooled),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalMaxPooling1D"), _pooled_whole),
    "Cropping1D": _cropped,
    "Flatten": _flattened,
    "Lambda": _called,
    "Permute": _permuted,
    "RepeatVector": _repeated,
    "Reshape": _reshaped,
    "UpSampling1D": _upsampled,
    "ZeroPadding1D": _padded,
}
