"""The data of one experiment, ready to train on: scaled series, splits, window starts.

Axis letters: T steps, F features, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np

from seqexp.data.columns import fingerprint_columns
from seqexp.data.examples import bounds_of_examples, lay_out
from seqexp.data.folds import bounds_of_fold
from seqexp.data.placing import Holes, place_windows
from seqexp.data.scaling import Scaler, fit_scaler
from seqexp.data.series import Change, Part, Series, read_series
from seqexp.data.splits import SPLITS, Bounds, split_bounds
from seqexp.data.transform import Transform, check_positive, make_transform
from seqexp.data.windows import WindowShape, gather
from seqexp.errors import DataError
from seqexp.fingerprint import KEY_LENGTH
from seqexp.padding import make_room
from seqexp.spec.contract import Alignment
from seqexp.spec.experiment import ExperimentSpec

Array = np.ndarray[Any, np.dtype[Any]]
_BLOCK = 65_536  # steps that are scaled at once


@dataclass(frozen=True)
class Dataset:
    """Everything that training and evaluation read.

    Attributes:
        series: The series in source units, without its features.
        splits: Where each split lies, of each series.
        shape: The form of the windows.
        feature_scaler: Fitted on the training split.
        target_scaler: Fitted on the training split, on transformed targets.
        unit_scaler: Fitted on the training split, on targets in source units: what scaled errors are measured in.
        transform: What was done to the target columns before they were scaled.
        inputs_TF: Scaled features, float32.
        targets_TK: Scaled targets, float32.
        ahead: Columns of the inputs that are read at the steps of the forecast.
        weights_T: 1 where a step is trained on, 0 where its target was filled; None where nothing was.
        starts: Split -> first input step of every window, shape ``(W,)``; ``calibration`` among them where intervals
            are wanted.
        refit_W: The same of the windows of a last training on train and validation together; None without.
        fingerprints: Those of the parts of the series, see :func:`fingerprint_columns`.
    """

    series: Series
    splits: tuple[Bounds, ...]
    shape: WindowShape
    feature_scaler: Scaler
    target_scaler: Scaler
    unit_scaler: Scaler
    transform: Transform
    inputs_TF: Array
    targets_TK: Array
    ahead: tuple[int, ...]
    weights_T: Array | None
    starts: dict[str, Array]
    refit_W: Array | None = None
    fingerprints: dict[str, Any] = field(default_factory=dict)

    @property
    def bounds(self) -> Bounds:
        """Where each split of the one series lies."""
        (bounds,) = self.splits
        return bounds

    def stretches(self, split: str) -> list[tuple[int, int]]:
        """Return where a split lies in each series."""
        return [bounds.of(split) for bounds in self.splits]

    def true_WNK(self, split: str) -> Array:
        """Return the targets of a split in source units, NaN where a target was filled."""
        true_WNK = gather(self.series.known_TK, self.target_starts(split), self.shape.output_length)
        return np.asarray(true_WNK, np.float64)

    def in_source_units(self, scaled_WNK: Array, first_W: Array, alignment: Alignment) -> Array:
        """Undo scaling and transform of forecasts, given the first target step of every window."""
        values_WNK = self.target_scaler.inverse(scaled_WNK)
        return self.transform.invert(values_WNK, first_W, self.series.targets_TK, alignment)

    def target_starts(self, split: str) -> Array:
        """Return the first target step of every window of a split."""
        starts: Array = self.starts[split] + self.shape.offset
        return starts


def task_key(dataset: Dataset) -> str:
    """Return the fingerprint of what is scored: the targets and origins of validation and test, whatever is read.

    Runs with the same one forecast the same values from the same origins, and their errors compare.
    """
    shape = dataset.shape
    lead = max(shape.offset - shape.timesteps, 0)  # the same targets are forecast from earlier origins
    content = sha256(repr((dataset.series.target_names, shape.output_length, lead)).encode())
    for split in ("validation", "test"):
        content.update(np.ascontiguousarray(dataset.target_starts(split)).data)
        for stretch in dataset.stretches(split):
            values_TK = dataset.series.known_TK[slice(*stretch)]
            content.update(np.ascontiguousarray(values_TK, np.float64).data)
    return content.hexdigest()[:KEY_LENGTH]


def read_data(spec: ExperimentSpec, *, change: Change | None = None) -> Series:
    """Read the series of an experiment, or its examples as one.

    Raises:
        DataError: The data are not as the spec says.
    """
    if spec.data.is_examples:
        return lay_out(spec.data, _shape_of(spec))
    return read_series(spec.data, change=change)


def prepare_dataset(spec: ExperimentSpec, *, series: Series | None = None, change: Change | None = None) -> Dataset:
    """Read, split, scale and window the data of an experiment.

    Splits come first; scalers see the training rows only, and of these only values that were observed.

    Args:
        spec: The experiment.
        series: Its series, if that was read before.
        change: Changes the table before anything else is done with it: how it is shown that nothing leaks.

    Raises:
        DataError: The data are not as the spec says, or a split is too short for one window.
    """
    shape = _shape_of(spec)
    series = read_data(spec, change=change) if series is None else series
    splits = _splits(spec, series, shape)
    _check_season(spec, splits)
    train = _rows([bounds.train for bounds in splits])
    observed_TK = series.known_TK[train]
    if np.isnan(observed_TK).all(axis=0).any():
        raise DataError("a target has no value in the training split.", key="data.split.train")
    transform = _transform_of(spec, series)
    features_TF, targets_TK = series.features_TF, series.targets_TK
    if transform.steps:
        each = [transform.apply(targets_TK[part.start : part.stop]) for part in series.parts]
        targets_TK = np.concatenate(each)
        features_TF = _with_targets(series, targets_TK)
    feature_scaler = fit_scaler(spec.data.scaler, _known(features_TF[train]))
    unit_scaler = target_scaler = fit_scaler(spec.data.scaler, observed_TK)
    if transform.steps:
        transformed_TK = np.where(series.observed_T[:, None], targets_TK, np.nan)
        target_scaler = fit_scaler(spec.data.scaler, transformed_TK[train])
    ahead = tuple(series.feature_names.index(name) for name in spec.known_ahead)
    holes = Holes(_holes(features_TF), _holes(targets_TK), _holes(features_TF[:, ahead]) if ahead else None)
    names = (*SPLITS, "calibration") if spec.evaluation.conformal else SPLITS
    starts = {split: place_windows(spec, series, splits, shape, split, holes) for split in names}
    inputs_TF = _scaled(feature_scaler, features_TF, series.feature_names, "data.features")
    if features_TF is targets_TK and feature_scaler.as_values() == target_scaler.as_values():
        scaled_TK = inputs_TF
    else:
        scaled_TK = _scaled(target_scaler, targets_TK, series.target_names, "data.targets")
    filled = not series.observed_T.all() and spec.data.missing != "drop"
    return Dataset(
        series=series.without_features(),
        splits=splits,
        shape=shape,
        feature_scaler=feature_scaler,
        target_scaler=target_scaler,
        unit_scaler=unit_scaler,
        transform=transform,
        inputs_TF=inputs_TF,
        targets_TK=scaled_TK,
        ahead=ahead,
        weights_T=series.observed_T.astype(np.float32) if filled else None,
        starts=starts,
        refit_W=_refit_windows(spec, series, splits, shape, holes) if spec.training.refit else None,
        fingerprints=fingerprint_columns(series),
    )


def _shape_of(spec: ExperimentSpec) -> WindowShape:
    return WindowShape.of(spec.timesteps, spec.output_length, spec.topology.contract.alignment, spec.data.lead)


def _splits(spec: ExperimentSpec, series: Series, shape: WindowShape) -> tuple[Bounds, ...]:
    """Return the splits of each series."""
    if spec.data.is_examples:
        splits: tuple[Bounds, ...] = (bounds_of_examples(spec.data, shape, len(series)),)
    else:
        splits = tuple(_split(spec, series, part) for part in series.parts)
        splits = tuple(bounds_of_fold(bounds, spec.evaluation, shape) for bounds in splits)
    if (conformal := spec.evaluation.conformal) is not None:
        splits = tuple(bounds.with_calibration(conformal.share) for bounds in splits)
    return splits


def _check_season(spec: ExperimentSpec, splits: Sequence[Bounds]) -> None:
    shortest = min(bounds.size("train") for bounds in splits)
    if spec.data.season is not None and spec.data.season >= shortest:
        message = f"a season of {spec.data.season} steps does not fit into the {shortest} training steps."
        raise DataError(message, key="data.season", mend="Shorten it, or give the training split more steps.")


def _split(spec: ExperimentSpec, series: Series, part: Part) -> Bounds:
    stamps = None if series.stamps is None else series.stamps[part.start : part.stop]
    try:
        return split_bounds(spec.data.split, part.stop - part.start, stamps).moved(part.start)
    except DataError as error:
        if not part.name:
            raise
        named = [replace(problem, message=f"series {part.name}: {problem.message}") for problem in error.problems]
        raise DataError(named) from None


def _rows(stretches: Sequence[tuple[int, int]]) -> Any:
    """Return what picks the rows of stretches: a slice of one, which copies nothing."""
    if len(stretches) == 1:
        return slice(*stretches[0])
    return np.concatenate([np.arange(*stretch) for stretch in stretches])


def _refit_windows(
    spec: ExperimentSpec, series: Series, splits: Sequence[Bounds], shape: WindowShape, holes: Holes
) -> Array:
    both = [replace(bounds, train=(bounds.train[0], bounds.validation[1])) for bounds in splits]
    return place_windows(spec, series, both, shape, "train", holes)


def _transform_of(spec: ExperimentSpec, series: Series) -> Transform:
    transform = make_transform(spec.data.transform, series.season)
    if "log" in spec.data.transform:
        check_positive(series.targets_TK, series.target_names)
    lead, length = spec.data.lead, spec.output_length
    sums_forecasts = spec.topology.contract.alignment == "future" and any(0 < lag < length for lag in transform.steps)
    if spec.topology.head != "point" and sums_forecasts:
        message = (
            f"topology.head={spec.topology.head} forecasts each step, and quantiles cannot be summed up over steps."
        )
        mend = "Leave the difference out, or forecast no further than its lag."
        raise DataError(message, key="data.transform", mend=mend)
    short = [lag for lag in transform.steps if lag and lag < lead + length]
    if lead and short:
        message = f"a difference of {short[0]} step(s) cannot be summed up over a lead of {lead} and {length} step(s)."
        mend = "Leave the lead or the difference out."
        raise DataError(f"{message} The values between are not known.", key="data.lead", mend=mend)
    return transform


def _with_targets(series: Series, targets_TK: Array) -> Array:
    """Return the features with transformed targets in the place of their columns."""
    if series.feature_names == series.target_names:
        return targets_TK
    features_TF = np.array(series.features_TF, np.float64)
    for k, name in enumerate(series.target_names):
        if name in series.feature_names:
            features_TF[:, series.feature_names.index(name)] = targets_TK[:, k]
    return features_TF


def _scaled(scaler: Scaler, values_TF: Array, names: Sequence[str], key: str) -> Array:
    scaled_TF = make_room(values_TF.shape)
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
