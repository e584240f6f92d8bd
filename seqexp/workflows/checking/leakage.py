"""Prove for one experiment that nothing of the future reaches what is fitted on the past, by doing.

The data are read again with everything from some step on changed beyond recognition. What may only depend on the steps
before must come out the same to the last bit.

Axis letters: T steps, F features, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd

from seqexp.data.dataset import Dataset, prepare_dataset
from seqexp.data.series import Part, read_series
from seqexp.data.splits import SPLITS
from seqexp.data.stamps import read_stamps
from seqexp.data.windows import gather
from seqexp.evaluation.baselines import naive_forecasts
from seqexp.evaluation.metrics import seasonal_scale
from seqexp.evaluation.own import own_baselines
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.checking.foresight import knowing_columns
from seqexp.workflows.running.judge import history_of

Array = np.ndarray[Any, np.dtype[Any]]
_LOOKED_AT = 3  # windows of each split that are looked at one by one
_CUTS = 6  # steps at which the series is cut; as many again behind holes
Cuts = tuple[int, ...]  # a step of each series
_MOST_TRAINED = 500  # training windows whose baselines are compared


@dataclass(frozen=True)
class Verdict:
    """One thing that was checked."""

    check: str
    holds: bool
    detail: str


def check_leakage(spec: ExperimentSpec) -> Iterator[Verdict]:
    """Yield a verdict for each check.

    Raises:
        SeqexpError: The data are not as the spec says; there is nothing to check.
    """
    dataset = prepare_dataset(spec)
    yield from _windows(dataset)
    if spec.data.is_examples:
        yield _doubled_examples(dataset)
        return
    yield _reading(spec, dataset)
    if spec.topology.contract.alignment != "same":  # there a column may tell the label of its own step
        yield _foresight(dataset)
    if dataset.series.several:
        yield _crossings(dataset)
    for split in ("train", "validation"):
        stretches = dataset.stretches(split)
        cuts = tuple(stop for _, stop in stretches)
        ends = zip(cuts, dataset.series.parts, strict=True)
        if any(stop > start for start, stop in stretches) and any(stop < part.stop for stop, part in ends):
            yield from _after(split, cuts, spec, dataset, _read_changed(spec, dataset, cuts))
    yield from _single_windows(spec, dataset)
    if spec.topology.contract.alignment == "next" and spec.output_length > 1:
        yield _outputs_read_no_later_input(spec)


def _windows(dataset: Dataset) -> Iterator[Verdict]:
    length = dataset.shape.output_length
    steps = {
        split: np.unique(dataset.target_starts(split)[:, None] + np.arange(length))
        for split in SPLITS
        if len(dataset.starts[split])
    }
    shared = {
        f"{one} and {other}": len(np.intersect1d(steps[one], steps[other])) for one, other in combinations(steps, 2)
    }
    overlap = {pair: count for pair, count in shared.items() if count}
    said = ", ".join(f"{pair} share {count} target step(s)" for pair, count in overlap.items())
    yield Verdict("no target step lies in two splits", not overlap, said or _counted(steps))
    doubled = {split: len(starts_W) - len(np.unique(starts_W)) for split, starts_W in dataset.starts.items()}
    yield Verdict(
        "no window is there twice", not any(doubled.values()), f"{sum(map(len, dataset.starts.values()))} windows"
    )
    in_order = all(_follow_each_other(steps, part) for part in dataset.series.parts)
    yield Verdict("the splits follow each other in time", in_order, "train, validation, test")


def _doubled_examples(dataset: Dataset) -> Verdict:
    """Look for examples of training whose inputs also stand in another split."""
    rows = {
        split: gather(dataset.inputs_TF, starts_W, dataset.shape.timesteps).reshape(len(starts_W), -1)
        for split, starts_W in dataset.starts.items()
    }
    seen = {row.tobytes() for row in rows["train"]}
    found = {split: sum(row.tobytes() in seen for row in values) for split, values in rows.items() if split != "train"}
    said = ", ".join(f"{count} of {len(rows[split])} {split}" for split, count in found.items())
    return Verdict("no example stands in training and elsewhere", not any(found.values()), said)


def _counted(steps: dict[str, Array]) -> str:
    return ", ".join(f"{len(found)} {split}" for split, found in steps.items()) + " target steps"


def _follow_each_other(steps: dict[str, Array], part: Part) -> bool:
    own = [steps[split] for split in SPLITS if split in steps]
    own = [those[(those >= part.start) & (those < part.stop)] for those in own]
    return all(one.max() < other.min() for one, other in pairwise(those for those in own if len(those)))


def _crossings(dataset: Dataset) -> Verdict:
    """Look for windows that lie in two series."""
    begins = np.array([part.start for part in dataset.series.parts])
    length, crossing = max(dataset.shape.offset + dataset.shape.output_length, dataset.shape.timesteps), 0
    for starts_W in dataset.starts.values():
        ends_W = starts_W + length - 1
        parts = [np.searchsorted(begins, steps_W, side="right") for steps_W in (starts_W, ends_W)]
        crossing += int((parts[0] != parts[1]).sum())
    said = f"{crossing} windows lie in two" if crossing else f"{len(begins)} series"
    return Verdict("no window crosses from one series to another", not crossing, said)


def _foresight(dataset: Dataset) -> Verdict:
    """Look for columns that know what is to be forecast."""
    told = [f"{name} tells the next {target} to the last digit" for name, target in knowing_columns(dataset).items()]
    mend = ". Does it look ahead? What is truly known before belongs into data.future"
    said = ", ".join(told) + mend if told else f"{len(dataset.series.feature_names)} column(s) read"
    return Verdict("no column that is read knows the targets to come", not told, said)


def _reading(spec: ExperimentSpec, dataset: Dataset) -> Verdict:
    """Cut the series at several steps, behind holes above all: what is read before knows nothing of what follows."""
    each = [_stops(dataset, part) for part in dataset.series.parts]
    most = max(map(len, each))
    whole = read_series(spec.data)
    for cuts in zip(*([*stops, *stops[-1:] * (most - len(stops))] for stops in each), strict=True):
        changed = read_series(spec.data, change=_changer(spec, dataset, cuts))
        before_T = _before(dataset, cuts)
        for name in ("features_TF", "targets_TK", "observed_T"):
            one, other = getattr(whole, name)[before_T], getattr(changed, name)[before_T]
            if not np.array_equal(one, other, equal_nan=True):
                where = cuts[0] if len(cuts) == 1 else "some step"
                detail = f"{name[:-3]} before {where} depend on later steps: a filled hole, or a smoothing?"
                return Verdict("what is read knows nothing of later steps", False, detail)
    return Verdict("what is read knows nothing of later steps", True, f"cut at {most} steps")


def _stops(dataset: Dataset, part: Part) -> list[int]:
    observed_T = dataset.series.observed_T[part.start : part.stop]
    behind_holes = np.flatnonzero(np.diff(observed_T.astype(int)) == 1) + 1
    chosen = np.linspace(0, len(behind_holes) - 1, min(len(behind_holes), _CUTS)).astype(int)
    evenly = np.linspace(1, len(observed_T) - 1, _CUTS).astype(int)
    return [part.start + stop for stop in sorted({*behind_holes[chosen].tolist(), *evenly.tolist()})]


def _before(dataset: Dataset, cuts: Cuts) -> Array:
    """Return True for each step of a series that lies before the cut in it."""
    before_T = np.zeros(len(dataset.series), bool)
    for part, cut in zip(dataset.series.parts, cuts, strict=True):
        before_T[part.start : cut] = True
    return before_T


def _after(split: str, cuts: Cuts, spec: ExperimentSpec, dataset: Dataset, changed: Dataset) -> Iterator[Verdict]:
    """Compare what was read with what is read when every step from the cuts on is another."""
    when = f"when all after the {split} split changes"
    before_T = _before(dataset, cuts)
    rows = f"{int(before_T.sum())} of {len(dataset.series)} steps"
    for name, values in (("inputs", dataset.inputs_TF), ("targets", dataset.targets_TK)):
        others = {"inputs": changed.inputs_TF, "targets": changed.targets_TK}[name]
        yield _same(f"the scaled {name} stay {when}", values[before_T], others[before_T], rows)
    observed = [read.series.observed_T[before_T] for read in (dataset, changed)]
    yield _same(f"what counts as observed stays {when}", observed[0], observed[1], rows)
    scalers = [
        np.concatenate(
            [
                values
                for scaler in (read.feature_scaler, read.target_scaler)
                for values in (scaler.center_F, scaler.scale_F)
            ]
        )
        for read in (dataset, changed)
    ]
    yield _same(f"the scalers stay {when}", scalers[0], scalers[1], f"data.scaler={spec.as_tree()['data']['scaler']}")
    starts = [read.starts[split] for read in (dataset, changed)]
    yield _same(f"the {split} windows stay {when}", starts[0], starts[1], f"{len(starts[0])} windows")
    histories = [history_of(spec, read) for read in (dataset, changed)]
    first_W = dataset.target_starts(split)[-_MOST_TRAINED:]
    own = own_baselines(spec.evaluation.baselines)
    forecasts = [naive_forecasts(history, first_W, own) for history in histories]
    yield Verdict(f"the baselines of the {split} windows stay {when}", _alike(*forecasts), ", ".join(forecasts[0]))
    trained = [slice(*stretch) for stretch in dataset.stretches("train")]
    scales = [
        np.array([seasonal_scale(history.targets_TK[train], history.season).absolute_K for train in trained])
        for history in histories
    ]
    yield _same(f"the scale of MASE stays {when}", scales[0], scales[1], f"season {dataset.series.season}")


def _single_windows(spec: ExperimentSpec, dataset: Dataset) -> Iterator[Verdict]:
    """Look at a few windows: their inputs and baselines know nothing of what comes from their first target on."""
    alignment = spec.topology.contract.alignment
    if alignment != "future":
        return  # by its meaning an input of these windows reaches past the first target
    parts, own = dataset.series.parts, own_baselines(spec.evaluation.baselines)
    for split in ("validation", "test"):
        starts_W = dataset.starts[split]
        if not len(starts_W):
            continue
        chosen_W = starts_W[np.linspace(0, len(starts_W) - 1, _LOOKED_AT).astype(int)]
        holds = True
        for start in chosen_W:
            first = int(start) + dataset.shape.offset
            which = next(place for place, part in enumerate(parts) if part.start <= first < part.stop)
            cuts = tuple(first if place == which else part.stop for place, part in enumerate(parts))
            changed = _read_changed(spec, dataset, cuts)
            window = slice(int(start), int(start) + spec.timesteps)
            before, after = (
                naive_forecasts(history_of(spec, read), np.array([first]), own) for read in (dataset, changed)
            )
            fitted_later = (
                first < dataset.stretches("train")[which][1]
            )  # a scaler or a map fitted on train may see what changed
            holds &= fitted_later or (
                np.array_equal(dataset.inputs_TF[window], changed.inputs_TF[window]) and _alike(before, after)
            )
        detail = f"{len(chosen_W)} windows, everything from their first target on changed"
        yield Verdict(f"inputs and baselines of single {split} windows stay", holds, detail)


def _outputs_read_no_later_input(spec: ExperimentSpec) -> Verdict:
    """Change one input step after another: the output that answers an earlier step must not move."""
    from seqexp.training.start import start_tensorflow

    start_tensorflow(spec.training.cores)
    from seqexp.models.build import build_model

    model = build_model(spec).model
    random = np.random.default_rng(0)
    inputs_1TF = random.normal(size=(1, spec.timesteps, spec.data.n_features)).astype(np.float32)
    outputs_N = np.asarray(model(inputs_1TF)).reshape(spec.output_length, -1)
    first = spec.timesteps - spec.output_length  # the input step that the first output answers
    for n in range(spec.output_length - 1):
        changed_1TF = inputs_1TF.copy()
        changed_1TF[:, first + n + 1 :] += 3.0
        moved_N = np.asarray(model(changed_1TF)).reshape(spec.output_length, -1)
        if not np.array_equal(outputs_N[: n + 1], moved_N[: n + 1]):
            detail = f"output {n + 1} moves with input steps after the one it answers: they hold its target"
            return Verdict("no output reads its own target", False, detail)
    return Verdict("no output reads its own target", True, f"{spec.output_length} outputs, each one step ahead")


def _alike(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(values, other[name]) for name, values in one.items())


def _same(check: str, one: Array, other: Array, detail: str) -> Verdict:
    if one.shape != other.shape:
        return Verdict(check, False, f"shape {one.shape}, then {other.shape}")
    differ = ~((one == other) | (np.isnan(one) & np.isnan(other)))
    return Verdict(check, not differ.any(), detail if not differ.any() else f"{int(differ.sum())} value(s) differ")


def _read_changed(spec: ExperimentSpec, dataset: Dataset, cuts: Cuts) -> Dataset:
    return prepare_dataset(spec, change=_changer(spec, dataset, cuts))


def _changer(spec: ExperimentSpec, dataset: Dataset, cuts: Cuts) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return what changes every value of a table from the cut in its series on."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        later = np.zeros(len(table), bool)
        for part, cut in zip(dataset.series.parts, cuts, strict=True):
            own = np.ones(len(table), bool)
            if spec.data.series is not None:
                own = (table[spec.data.series].astype(str) == part.name).to_numpy()
            if cut < part.stop:
                later |= own & _from(table, own, part, cut)
        random = np.random.default_rng(cuts[0])
        changed = table.copy()
        for name in table.columns:
            untouched = {spec.data.time, spec.data.series, *spec.data.static}
            if name in untouched or not pd.api.types.is_numeric_dtype(table[name]):
                continue
            values = table[name].to_numpy(np.float64, copy=True)
            size = np.nanstd(values) or 1.0
            values[later] = 50 * size + 20 * size * random.random(int(later.sum()))
            if spec.data.missing in ("forward_fill", "seasonal_fill"):
                values[later & (random.random(len(values)) < 0.05)] = np.nan
            elif spec.data.missing == "drop":  # one hole: many would leave long windows none to be cut from
                values[np.flatnonzero(later)[int(later.sum()) // 2]] = np.nan
            changed[name] = values
        return changed

    def _from(table: pd.DataFrame, own: Array, part: Part, cut: int) -> Array:
        """Return which rows lie at a step of a series or after it."""
        if dataset.series.stamps is not None:
            return np.asarray(read_stamps(table, spec.data, "the changed data") >= dataset.series.stamps[cut])
        return np.cumsum(own) - 1 >= cut - part.start

    return change
