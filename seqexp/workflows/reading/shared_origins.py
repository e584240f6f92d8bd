"""From where several runs forecast, all of them: the origins that they can be compared on.

Axis letters: W forecast origins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from seqexp.errors import StoreError
from seqexp.store.run_dir import FORECASTS, StoredRun

Array = np.ndarray[Any, np.dtype[Any]]
PREFIXES = {"validation": "val_", "test": ""}  # split -> how the names of its stored arrays begin


@dataclass(frozen=True)
class SharedOrigins:
    """The origins that runs have in common.

    An origin is named by the time stamp of its first target, or by its step number where a run has no stamps.

    Attributes:
        names: Split -> the shared origins, in order, shape ``(W,)``; validation only where every run has it.
        places: Split -> for each run, where its stored arrays hold these origins, shape ``(W,)``.
        gap: The fewest steps between two neighbouring test origins.
        notes: Why there is no validation, where there is none.
    """

    names: Mapping[str, Array]
    places: Mapping[str, Sequence[Array]]
    gap: int
    notes: tuple[str, ...]


def share_origins(runs: Sequence[StoredRun]) -> SharedOrigins:
    """Find what origins runs have in common, each split by itself: no run was trained on what another is tested on.

    Raises:
        StoreError: They have no test origin in common.
    """
    stored = [_origins(run) for run in runs]
    kind = "time" if all("time" in found for found in stored) else "target_start"
    test = [found[kind] for found in stored]
    validation = [found[f"val_{kind}"] for found in stored if f"val_{kind}" in found]
    names = {"test": _intersection(test)}
    if not len(names["test"]):
        raise _nothing_shared(runs, test)
    notes = _why_unranked(runs, stored, validation)
    if not notes:
        names["validation"] = _intersection(validation)
    keys = {"test": test, "validation": validation}
    places = {split: [_places(key_W, shared_W) for key_W in keys[split]] for split, shared_W in names.items()}
    gap = steps_between(stored[0]["target_start"][places["test"][0]])
    return SharedOrigins(names, places, gap, notes)


def steps_between(start_W: Array) -> int:
    """Return the fewest steps between two neighbouring origins, whatever thinned them out; 1 where there is one.

    >>> steps_between(np.array([4, 0, 2]))
    2
    """
    return int(np.diff(np.sort(start_W)).min()) if len(start_W) > 1 else 1


def _origins(run: StoredRun) -> dict[str, Array]:
    """Return the first target of each window of a run, as a step number and, where there are any, as a time stamp."""
    arrays = run.forecasts
    if "target_start" not in arrays:
        raise StoreError(f"{FORECASTS} of the run {run.path.name} names no origins.", mend="Run it again with --force.")
    steps = {name: arrays[name] for name in ("target_start", "val_target_start") if name in arrays}
    return steps | {name: arrays[name][:, 0] for name in ("time", "val_time") if name in arrays}


def _intersection(keys: Iterable[Array]) -> Array:
    """Return what all have; a stamp that comes twice, when a clock is put back, names no origin."""
    return reduce(np.intersect1d, (_once(key_W) for key_W in keys))


def _once(key_W: Array) -> Array:
    found_W, counts_W = np.unique(key_W, return_counts=True)
    once_W: Array = found_W[counts_W == 1]
    return once_W


def _places(key_W: Array, shared_W: Array) -> Array:
    places_W: Array = np.intersect1d(key_W, shared_W, return_indices=True)[1]
    return places_W


def _nothing_shared(runs: Sequence[StoredRun], keys: Sequence[Array]) -> StoreError:
    """Name two runs that have no origin in common, or the first that has none with all before it."""
    last = next(place for place in range(len(keys)) if not len(_intersection(keys[: place + 1])))
    beside = next((place for place in range(last) if not len(_intersection([keys[place], keys[last]]))), 0)
    spans = " and ".join(f"{runs[place].path.name} forecasts from {_span(keys[place])}" for place in (beside, last))
    return StoreError(
        f"The {len(runs)} runs have no test origin in common: {spans}.",
        mend="Name runs whose test splits overlap: see data, data.split and evaluation.origins of each.",
    )


def _span(key_W: Array) -> str:
    steps = "" if key_W.dtype.kind == "M" else "step "
    return f"{steps}{key_W.min()} to {key_W.max()}"


def _why_unranked(
    runs: Sequence[StoredRun], stored: Sequence[Mapping[str, Array]], validation: Sequence[Array]
) -> tuple[str, ...]:
    """Return why validation cannot rank the runs; nothing where it can."""
    without = [run for run, found in zip(runs, stored, strict=True) if "val_target_start" not in found]
    unsplit = [run.path.name for run in without if not run.record.data["windows"].get("validation")]
    older = [run.path.name for run in without if run.path.name not in unsplit]
    reasons = [f"{_have(unsplit)} no validation split"] if unsplit else []
    if older:
        reasons.append(f"{_have(older)} no validation forecasts on record (--force runs them again)")
    if not without and not len(_intersection(validation)):
        reasons.append("the runs have no validation origin in common")
    return (f"Compared on test alone and not ranked: {'; '.join(reasons)}.",) if reasons else ()


def _have(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} has"
    more = f"{len(names) - 1} more" if len(names) > 2 else names[1]
    return f"{names[0]} and {more} have"
