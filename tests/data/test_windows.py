"""Windows: every one there should be, none that reaches forward, and the right steps in each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqexp.data.windows import WindowShape, gather, window_starts, without_holes
from seqexp.spec.contract import Alignment

ALIGNMENTS = st.sampled_from(["future", "next", "same"])
LENGTHS = st.integers(1, 9)
PROPERTY = settings(max_examples=50, deadline=None)


def _targets_by_definition(first: int, timesteps: int, output_length: int, alignment: Alignment) -> list[int]:
    inputs = list(range(first, first + timesteps))
    if alignment == "future":
        return [inputs[-1] + 1 + step for step in range(output_length)]
    answered = inputs[-output_length:]
    return [step + 1 for step in answered] if alignment == "next" else answered


def _windows_by_definition(
    timesteps: int, output_length: int, alignment: Alignment, bounds: tuple[int, int]
) -> list[int]:
    start, stop = bounds
    return [
        first
        for first in range(stop)
        if all(start <= t < stop for t in _targets_by_definition(first, timesteps, output_length, alignment))
    ]


@PROPERTY
@given(timesteps=LENGTHS, output_length=LENGTHS, alignment=ALIGNMENTS, start=st.integers(0, 30), n=st.integers(0, 30))
def test_a_split_has_exactly_the_windows_whose_targets_all_lie_in_it(
    timesteps: int, output_length: int, alignment: Alignment, start: int, n: int
) -> None:
    assume(alignment == "future" or output_length <= timesteps)
    shape = WindowShape.of(timesteps, output_length, alignment)
    expected = _windows_by_definition(timesteps, output_length, alignment, (start, start + n))
    assert window_starts(shape, (start, start + n)).tolist() == expected


@PROPERTY
@given(timesteps=LENGTHS, output_length=LENGTHS, alignment=ALIGNMENTS, start=st.integers(9, 30), n=st.integers(1, 30))
def test_with_enough_history_the_number_of_windows_does_not_depend_on_timesteps(
    timesteps: int, output_length: int, alignment: Alignment, start: int, n: int
) -> None:
    assume(alignment == "future" or output_length <= timesteps)
    starts_W = window_starts(WindowShape.of(timesteps, output_length, alignment), (start, start + n))
    assert len(starts_W) == max(n - output_length + 1, 0)


@PROPERTY
@given(timesteps=LENGTHS, output_length=LENGTHS, alignment=ALIGNMENTS, start=st.integers(0, 30), n=st.integers(1, 30))
def test_no_input_reaches_past_the_last_target_or_before_the_series(
    timesteps: int, output_length: int, alignment: Alignment, start: int, n: int
) -> None:
    assume(alignment == "future" or output_length <= timesteps)
    shape = WindowShape.of(timesteps, output_length, alignment)
    starts_W = window_starts(shape, (start, start + n))
    last_input_W = starts_W + timesteps - 1
    last_target_W = starts_W + shape.offset + output_length - 1
    assert (starts_W >= 0).all()
    assert (last_input_W <= last_target_W).all()
    assert (last_target_W < start + n).all()


@PROPERTY
@given(timesteps=LENGTHS, output_length=LENGTHS, stride=st.integers(1, 12), start=st.integers(0, 30))
def test_a_stride_keeps_the_first_window_and_every_nth_after_it(
    timesteps: int, output_length: int, stride: int, start: int
) -> None:
    shape = WindowShape.of(timesteps, output_length, "future")
    every = window_starts(shape, (start, start + 30))
    assert window_starts(shape, (start, start + 30), stride).tolist() == every[::stride].tolist()


@PROPERTY
@given(
    timesteps=st.integers(1, 4),
    output_length=st.integers(1, 4),
    alignment=ALIGNMENTS,
    input_holes=st.lists(st.booleans(), min_size=25, max_size=25),
    target_holes=st.lists(st.booleans(), min_size=25, max_size=25),
)
def test_a_window_is_left_out_when_and_only_when_it_touches_a_hole(
    timesteps: int, output_length: int, alignment: Alignment, input_holes: list[bool], target_holes: list[bool]
) -> None:
    assume(alignment == "future" or output_length <= timesteps)
    shape = WindowShape.of(timesteps, output_length, alignment)
    starts_W = window_starts(shape, (0, 25))
    expected = [
        first
        for first in starts_W.tolist()
        if not any(input_holes[first : first + timesteps])
        and not any(target_holes[t] for t in _targets_by_definition(first, timesteps, output_length, alignment))
    ]
    kept_W = without_holes(starts_W, shape, np.array(input_holes), np.array(target_holes))
    assert kept_W.tolist() == expected


@pytest.mark.parametrize(
    ("alignment", "offset"), [("future", [4, 5]), ("next", [3, 4]), ("same", [2, 3])], ids=["future", "next", "same"]
)
def test_the_targets_of_the_first_window_of_four_steps_and_two_outputs(alignment: Alignment, offset: list[int]) -> None:
    shape = WindowShape.of(4, 2, alignment)
    steps_T1 = np.arange(10)[:, None]
    first_W = window_starts(shape, (0, 10)) + shape.offset
    assert gather(steps_T1, first_W, 2)[0].ravel().tolist() == offset


def test_gather_cuts_windows_with_every_column() -> None:
    values_TF = np.array([[0, 10], [1, 11], [2, 12], [3, 13]])
    windows = gather(values_TF, np.array([2, 0]), 2)
    assert windows.tolist() == [[[2, 12], [3, 13]], [[0, 10], [1, 11]]]


def test_an_empty_split_has_no_windows() -> None:
    assert window_starts(WindowShape.of(3, 1, "future"), (20, 20)).size == 0
