"""Padding to few sizes, and the room that saves the copy."""

from __future__ import annotations

import numpy as np
import pytest

from seqexp.padding import make_room, pad, padded_rows


@pytest.mark.parametrize("shape", [(1, 1), (1438, 8), (1024, 3), (2000,), (1_100_000, 1)])
def test_what_stands_in_its_room_is_padded_without_a_copy(shape: tuple[int, ...]) -> None:
    values = make_room(shape)
    assert values.shape == shape
    values[:] = 7
    padded = pad(values)
    assert padded.shape == (padded_rows(shape[0]), *shape[1:])
    assert np.shares_memory(padded, values)
    assert padded.ctypes.data % 64 == 0
    assert (padded[: shape[0]] == 7).all()
    assert not padded[shape[0] :].any()


def test_all_else_is_copied() -> None:
    room = make_room((2000, 4))
    room[:] = 7
    others = [
        np.ones((2000, 4)),  # of another type
        np.ones((2000, 4), np.float32),  # without room
        room[:1500],  # behind which there are values
        room[::2],
        room[:, :2],
        room[1:],
        room.view(np.int32),
        np.zeros(2048 * 16 + 64, np.uint8)[: 2000 * 16].view(np.float32).reshape(2000, 4)[::-1],
    ]
    for values in others:
        padded = pad(values)
        assert not np.shares_memory(padded, values)
        assert padded.dtype == np.float32
        assert len(padded) == padded_rows(len(values))
        assert np.array_equal(padded[: len(values)], np.asarray(values, np.float32))
        assert not padded[len(values) :].any()
