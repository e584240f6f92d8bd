"""What stays of a run when it is over: ``tracking.keep`` says whose models and forecasts."""

from __future__ import annotations

from seqexp.spec.settings import KeepSpec, TrackingSpec
from seqexp.spec.validate import validate_as
from seqexp.store.pruning import large_files, size_of, take_out
from seqexp.store.run_dir import FORECASTS, MODEL, StoredRun

_FILES = {"models": MODEL, "forecasts": FORECASTS}


def tracking_of(run: StoredRun) -> TrackingSpec:
    """Return what a recorded run says of tracking; of an older one what stands for keys that it does not know."""
    return validate_as(TrackingSpec, run.spec.get("tracking", {}))


def is_asked_for(run: StoredRun) -> bool:
    """Whether a run was made for its files: it repeats another, or was trained on every row. All of it stays."""
    return bool(run.record.rerun_of) or not run.record.metrics


def keep_wanted(run: StoredRun, keep: KeepSpec, *, is_best: bool) -> int:
    """Take out of a run what does not stay.

    Args:
        run: A run that is over, and shown wherever it is to be shown.
        keep: Whose files stay.
        is_best: Whether it is the best of a sweep, or stands by itself.

    Returns:
        The bytes that are free now.

    Raises:
        StoreError: The directory cannot be written to.
    """
    there, freed = large_files(run.path), 0
    for kind, whose in (("models", keep.models), ("forecasts", keep.forecasts)):
        name = _FILES[kind]
        if name in there and (whose == "none" or (whose == "best" and not is_best)):
            freed += size_of(run.path, [name])
            take_out(run.path, [name], why=f"tracking.keep.{kind}={whose}")
    return freed
