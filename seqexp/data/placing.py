"""Which windows an experiment has: inside a split, at the origins that are asked for, away from holes.

Axis letters: T steps, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seqexp.data.examples import span_of
from seqexp.data.folds import stretches_of_test
from seqexp.data.series import Series
from seqexp.data.splits import Bounds
from seqexp.data.windows import WindowShape, every_nth_step, issued_at, window_starts, without_holes
from seqexp.errors import DataError
from seqexp.spec.experiment import ExperimentSpec

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Holes:
    """Steps that no window may touch with its inputs, its targets, or what it reads of the steps of its targets."""

    inputs_T: Array
    targets_T: Array
    ahead_T: Array | None


def place_windows(
    spec: ExperimentSpec, series: Series, bounds: Sequence[Bounds], shape: WindowShape, split: str, holes: Holes
) -> Array:
    """Return the first input step of every window of a split: at its origins, and without those that touch a hole.

    Args:
        spec: The experiment.
        series: Its data, one series or several end to end.
        bounds: The splits of each.
        shape: The form of the windows.
        split: Which windows.
        holes: What none of them may touch.

    Raises:
        DataError: There is none, or a time of the day is asked for where there are no stamps.
    """
    if spec.data.is_examples:
        return _place_examples(spec, bounds[0].of(split), shape, split)
    found = [
        _origins_of(spec, series, stretch, shape, split, part.start)
        for part, each in zip(series.parts, bounds, strict=True)
        for stretch in (stretches_of_test(each.test, spec.evaluation) if split == "test" else [each.of(split)])
    ]
    found_W = np.concatenate(found)
    if split != "train" and spec.evaluation.origins.at is not None and not len(found_W):
        message = f"no step of the {split} split from which a forecast can start lies at {spec.evaluation.origins.at}."
        raise DataError(message, key="evaluation.origins.at", mend="Look at the stamps of the series.")
    targets_T = holes.targets_T if holes.ahead_T is None else holes.targets_T | holes.ahead_T
    kept_W = without_holes(found_W, shape, holes.inputs_T, targets_T)
    _check_enough(spec, bounds, split, len(series), (len(found_W), len(kept_W)))
    conformal = spec.evaluation.conformal
    if split == "calibration" and conformal is not None and len(kept_W) < conformal.least_windows:
        needed = conformal.least_windows
        message = f"an interval of level {conformal.level:g} needs {needed} windows to be calibrated on"
        mend = "Lower evaluation.conformal.level, raise its share, or give data.split.validation more rows."
        raise DataError(f"{message}, and there are {len(kept_W)}.", key="evaluation.conformal", mend=mend)
    return kept_W


def _origins_of(
    spec: ExperimentSpec, series: Series, bounds: tuple[int, int], shape: WindowShape, split: str, begin: int
) -> Array:
    """Return the first input step of every window of one series whose forecast is issued at an origin."""
    if split == "train":
        return window_starts(shape, bounds, spec.training.stride, begin)
    origins = spec.evaluation.origins
    found_W = window_starts(shape, bounds, 1, begin)
    if origins.at is not None and len(found_W):
        found_W = issued_at(found_W, shape, origins.at, _stamps(series))
    return every_nth_step(found_W, origins.every)


def _place_examples(spec: ExperimentSpec, bounds: tuple[int, int], shape: WindowShape, split: str) -> Array:
    """Return the first rows of the examples of a split: they do not overlap, and none touches a hole."""
    span = span_of(shape)
    stride = spec.training.stride if split == "train" else spec.evaluation.origins.every
    first = -(-bounds[0] // span) * span  # the tail of validation that is kept for calibration may start in an example
    last = bounds[1] // span * span
    return np.arange(first, last, span * stride, dtype=np.int64)


def _stamps(series: Series) -> pd.DatetimeIndex:
    if series.stamps is None:
        mend = "Name the column of stamps in data.time, or count steps: evaluation.origins.every=24."
        raise DataError("a time of the day needs stamps.", key="evaluation.origins.at", mend=mend)
    return series.stamps


def _check_enough(
    spec: ExperimentSpec, bounds: Sequence[Bounds], split: str, rows: int, counts: tuple[int, int]
) -> None:
    found, kept = counts
    share = spec.data.split.validation if split == "calibration" else getattr(spec.data.split, split)
    if kept or share == 0:
        return
    asked = [f"timesteps={spec.timesteps}", f"output_length={spec.output_length}"]
    asked += [f"data.lead={spec.data.lead}"] if spec.data.lead else []
    lengths = f"{', '.join(asked[:-1])} and {asked[-1]}"
    key = f"data.split.{'validation' if split == 'calibration' else split}"
    if found:
        message = f"every one of the {found} windows of the {split} split touches a hole ({lengths})."
        raise DataError(message, key=key, mend="Set data.missing=forward_fill, or shorten the windows.")
    start, stop = max((each.of(split) for each in bounds), key=lambda stretch: stretch[1] - stretch[0])
    shape = WindowShape.of(spec.timesteps, spec.output_length, spec.topology.contract.alignment, spec.data.lead)
    needed = shape.output_length + max(shape.offset - start, 0)  # the input may reach back into the split before
    has = f"{stop - start} of the {rows} rows"
    message = f"{lengths} need at least {needed} steps, but the {split} split of {spec.data.name} has {has}."
    shorten = "data.lead, timesteps or output_length" if spec.data.lead else "timesteps or output_length"
    raise DataError(message, key=key, mend=f"Shorten {shorten}, or give the split more steps.")
