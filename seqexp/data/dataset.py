"""The data of one experiment, ready to train on: scaled series, splits, window starts.

Axis letters: T steps, F features, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from seqexp.data.scaling import Scaler, fit_scaler
from seqexp.data.series import Change, Series, read_series
from seqexp.data.splits import SPLITS, Bounds, split_bounds
from seqexp.data.windows import WindowShape, gather, window_starts, without_holes
from seqexp.errors import DataError
from seqexp.fingerprint import KEY_LENGTH
from seqexp.spec.experiment import ExperimentSpec

Array = np.ndarray[Any, np.dtype[Any]]
_BLOCK = 65_536  # steps that are scaled at once


@dataclass(frozen=True)
class Dataset:
    """Everything that training and evaluation read.

    Attributes:
        series: The series in source units, without its features.
        bounds: Where each split lies.
        shape: The form of the windows.
        feature_scaler: Fitted on the training split.
        target_scaler: Fitted on the training split.
        inputs_TF: Scaled features, float32.
        targets_TK: Scaled targets, float32.
        weights_T: 1 where a step is trained on, 0 where its target was filled; None where nothing was.
        starts: Split -> first input step of every window, shape ``(W,)``.
    """

    series: Series
    bounds: Bounds
    shape: WindowShape
    feature_scaler: Scaler
    target_scaler: Scaler
    inputs_TF: Array
    targets_TK: Array
    weights_T: Array | None
    starts: dict[str, Array]

    def true_WNK(self, split: str) -> Array:
        """Return the targets of a split in source units, NaN where a target was filled."""
        true_WNK = gather(self.series.known_TK, self.target_starts(split), self.shape.output_length)
        return np.asarray(true_WNK, np.float64)

    def target_starts(self, split: str) -> Array:
        """Return the first target step of every window of a split."""
        starts: Array = self.starts[split] + self.shape.offset
        return starts


def task_key(dataset: Dataset) -> str:
    """Return the fingerprint of what is scored: the targets and origins of validation and test, whatever is read.

    Runs with the same one forecast the same values from the same origins, and their errors compare.
    """
    content = sha256(repr((dataset.series.target_names, dataset.shape.output_length)).encode())
    for split in ("validation", "test"):
        content.update(np.ascontiguousarray(dataset.target_starts(split)).data)
        values_TK = dataset.series.known_TK[slice(*dataset.bounds.of(split))]
        content.update(np.ascontiguousarray(values_TK, np.float64).data)
    return content.hexdigest()[:KEY_LENGTH]


def prepare_dataset(spec: ExperimentSpec, *, change: Change | None = None) -> Dataset:
    """Read, split, scale and window the data of an experiment.

    Splits come first; scalers see the training rows only, and of these only values that were observed.

    Args:
        spec: The experiment.
        change: Changes the table before anything else is done with it: how it is shown that nothing leaks.

    Raises:
        DataError: The data are not as the spec says, or a split is too short for one window.
    """
    series = read_series(spec.data, change=change)
    bounds = split_bounds(spec.data.split, len(series), series.stamps)
    shape = WindowShape.of(spec.timesteps, spec.output_length, spec.topology.contract.alignment)
    train = slice(*bounds.train)
    observed_TK = series.known_TK[train]
    if spec.data.season is not None and spec.data.season >= bounds.size("train"):
        message = f"a season of {spec.data.season} steps does not fit into the {bounds.size('train')} training steps."
        raise DataError(message, key="data.season", mend="Shorten it, or give the training split more steps.")
    if np.isnan(observed_TK).all(axis=0).any():
        raise DataError("a target has no value in the training split.", key="data.split.train")
    feature_scaler = fit_scaler(spec.data.scaler, _known(series.features_TF[train]))
    target_scaler = fit_scaler(spec.data.scaler, observed_TK)
    strides = {"train": spec.training.stride, "validation": spec.evaluation.stride, "test": spec.evaluation.stride}
    input_holes_T, target_holes_T = _holes(series.features_TF), _holes(series.targets_TK)
    starts = {}
    for split in SPLITS:
        found_W = window_starts(shape, bounds.of(split), strides[split])
        kept_W = without_holes(found_W, shape, input_holes_T, target_holes_T)
        _check_enough(spec, bounds, split, len(found_W), len(kept_W))
        starts[split] = kept_W
    filled = not series.observed_T.all() and spec.data.missing == "forward_fill"
    inputs_TF = _scaled(feature_scaler, series.features_TF, series.feature_names, "data.features")
    if series.features_TF is series.targets_TK and feature_scaler.as_values() == target_scaler.as_values():
        targets_TK = inputs_TF
    else:
        targets_TK = _scaled(target_scaler, series.targets_TK, series.target_names, "data.targets")
    return Dataset(
        series=series.without_features(),
        bounds=bounds,
        shape=shape,
        feature_scaler=feature_scaler,
        target_scaler=target_scaler,
        inputs_TF=inputs_TF,
        targets_TK=targets_TK,
        weights_T=series.observed_T.astype(np.float32) if filled else None,
        starts=starts,
    )


def _scaled(scaler: Scaler, values_TF: Array, names: Sequence[str], key: str) -> Array:
    scaled_TF = np.empty(values_TF.shape, np.float32)
    broken_F = np.zeros(values_TF.shape[1], bool)
    for first in range(0, len(values_TF), _BLOCK):  # block by block: in double precision it would be there twice more
        block = slice(first, first + _BLOCK)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled_TF[block] = scaler.transform(values_TF[block])
        broken_F |= (~np.isfinite(scaled_TF[block]) & np.isfinite(values_TF[block])).any(axis=0)
    if broken_F.any():
        message = f"the values of {names[int(broken_F.argmax())]!r} are too large to be scaled to 32 bits."
        raise DataError(message, key=key, mend="Divide the column, or choose another data.scaler.")
    return scaled_TF


def _known(values_TF: Array) -> Array:
    if np.isnan(values_TF).all(axis=0).any():
        raise DataError("a feature has no value in the training split.", key="data.split.train")
    return values_TF


def _holes(values_TF: Array) -> Array:
    holes: Array = np.asarray(np.isnan(values_TF).any(axis=1))
    return holes


def _check_enough(spec: ExperimentSpec, bounds: Bounds, split: str, found: int, kept: int) -> None:
    if kept or (split == "validation" and spec.data.split.validation == 0):
        return
    lengths = f"timesteps={spec.timesteps} and output_length={spec.output_length}"
    key = f"data.split.{split}"
    if found:
        message = f"every one of the {found} windows of the {split} split touches a hole ({lengths})."
        raise DataError(message, key=key, mend="Set data.missing=forward_fill, or shorten the windows.")
    start, stop = bounds.of(split)
    shape = WindowShape.of(spec.timesteps, spec.output_length, spec.topology.contract.alignment)
    needed = shape.output_length + max(shape.offset - start, 0)  # the input may reach back into the split before
    message = f"{lengths} need at least {needed} steps, but the {split} split of {spec.data.name} has {stop - start}."
    raise DataError(message, key=key, mend="Shorten timesteps or output_length, or give the split more steps.")
