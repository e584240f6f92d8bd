"""Series are padded to few sizes, so that data sets share programs; room for that is left when one is made.

It needs no TensorFlow.

Axis letters: T steps, P steps of the padded series.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_ALIGNMENT = 64  # bytes; TensorFlow takes over what begins at a multiple of them without copying it
_SIZE = 4  # bytes of a float32


def padded_rows(n: int) -> int:
    """Return the size to which a series of n steps is padded, so that series of about one length share a program.

    Powers of two up to a million steps, where they cost nothing; then eight sizes to an octave.

    >>> [padded_rows(n) for n in (1, 1438, 1_048_576, 1_100_000, 10_000_000)]
    [1024, 2048, 1048576, 1179648, 10485760]
    """
    size = 1024
    while size < n:
        size *= 2
    if size <= 2**20:
        return size
    eighth = size // 16
    return -(-n // eighth) * eighth


def make_room(shape: tuple[int, ...]) -> Array:
    """Return float32 zeros ``(T, ...)`` to be filled, behind whose last row there is room up to the padded size.

    Of a large series, a padded copy would be most of what a training needs in memory.
    """
    buffer = np.zeros(_padded_bytes(shape) + _ALIGNMENT, np.uint8)
    return _whole(buffer, shape)[: shape[0]]


def pad(values: Array) -> Array:
    """Return values ``(T, ...)`` with zeros behind them, float32, shape ``(P, ...)``.

    They are copied unless :func:`make_room` made them: then it is the room that they stand in.
    """
    buffer = values.base
    if buffer is not None and buffer.dtype == np.uint8 and buffer.nbytes == _padded_bytes(values.shape) + _ALIGNMENT:
        padded = _whole(buffer, values.shape)
        is_its_room = padded.ctypes.data == values.ctypes.data and values.strides == padded.strides
        if is_its_room and values.dtype == np.float32 and not padded[len(values) :].any():
            return padded
    room = make_room(values.shape)
    room[:] = values
    return pad(room)


def _padded_bytes(shape: tuple[int, ...]) -> int:
    return padded_rows(shape[0]) * math.prod(shape[1:]) * _SIZE


def _whole(buffer: Array, shape: tuple[int, ...]) -> Array:
    start = -buffer.ctypes.data % _ALIGNMENT
    room: Array = buffer[start : start + _padded_bytes(shape)].view(np.float32)
    return room.reshape(padded_rows(shape[0]), *shape[1:])
