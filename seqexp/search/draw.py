"""Draw combinations of values at random: each at most once, and the same ones for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from seqexp.compose.axes import Axes, Axis, Interval

_DIGITS = 6  # that count, of a number drawn from an interval: what is recorded is what was used, and can be read


def draw(axes: Axes, seed: int) -> Iterator[dict[str, Any]]:
    """Yield combinations, without end where an axis is an interval, else until all were drawn.

    Args:
        axes: Key -> a list of values, all equally likely, or an interval.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    if all(isinstance(axis, list) for axis in axes.values()):
        for place in rng.permutation(size_of(axes) or 0):
            yield _at(axes, int(place))
        return
    while True:
        yield {key: _draw(axis, rng) for key, axis in axes.items()}


def size_of(axes: Axes) -> int | None:
    """Return how many combinations there are, None where they have no end."""
    sizes = [_size(axis) for axis in axes.values()]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def readable(value: float, interval: Interval) -> float:
    """Round a number from an interval to the digits that count."""
    return value if interval.is_whole else float(f"{value:.{_DIGITS}g}")


def _size(axis: Axis) -> int | None:
    if isinstance(axis, list):
        return len(axis)
    return int(axis.high) - int(axis.low) + 1 if axis.is_whole else None


def _at(axes: Axes, place: int) -> dict[str, Any]:
    """Return one combination of a finite number, counted with the last axis running fastest."""
    found = {}
    for key, axis in reversed(axes.items()):
        assert isinstance(axis, list)
        place, position = divmod(place, len(axis))
        found[key] = axis[position]
    return dict(reversed(found.items()))


def _draw(axis: Axis, rng: np.random.Generator) -> Any:
    if isinstance(axis, list):
        return axis[int(rng.integers(len(axis)))]
    if axis.is_whole:
        if not axis.log:
            return int(rng.integers(int(axis.low), int(axis.high), endpoint=True))
        # As Optuna does it: every whole number stands for the half before and behind it.
        drawn = math.exp(rng.uniform(math.log(axis.low - 0.5), math.log(axis.high + 0.5)))
        return int(min(max(round(drawn), axis.low), axis.high))
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
    drawn = rng.uniform(low, high)
    return readable(math.exp(drawn) if axis.log else drawn, axis)
