"""What a result cost: how long runs trained, and on how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from seqexp.store.run_dir import StoredRun


@dataclass(frozen=True)
class Budget:
    """What went into the runs of a row; the means over its seeds and folds.

    Attributes:
        best_epoch: The epoch whose weights were kept.
        epochs: How many were trained.
        windows: How many training windows were seen, each once an epoch.
        seconds: Of fitting.
        weights: Of the model.
    """

    best_epoch: float
    epochs: float
    windows: float
    seconds: float
    weights: int


def budget_of(runs: Sequence[StoredRun]) -> Budget:
    """Return what runs that differ in their seed or fold alone cost."""
    fits = [run.record.fit for run in runs]
    return Budget(
        best_epoch=fmean(fit["best_epoch"] for fit in fits),
        epochs=fmean(fit["epochs"] for fit in fits),
        windows=fmean(run.record.fit["epochs"] * run.record.data["windows"]["train"] for run in runs),
        seconds=fmean(run.record.timings.get("fit", 0.0) for run in runs),
        weights=fits[0]["weights"],
    )
