"""Keep the data of runs beside them, once for each content, so that a rerun can read what the run has read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seqexp.data.dataset import Dataset
from seqexp.data.series import Series
from seqexp.data.snapshot import as_arrays, name_of
from seqexp.errors import SeqexpError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.snapshots import drop_snapshot, snapshot_path, write_snapshot

MOST_VALUES = 25_000_000  # of a copy: 200 MB of them
Snapshot = Mapping[str, str]


def plan_snapshot(spec: ExperimentSpec, dataset: Dataset) -> dict[str, str]:
    """Return what the record says of the copy of the data: ``{"kind": "copy", "file": its name}``.

    The kind ``reference`` says that there is only the source that the spec names, with the ``reason``.
    """
    if spec.data.snapshot == "reference":
        return {"kind": "reference", "reason": "data.snapshot=reference"}
    if spec.data.is_examples and spec.data.path is None:
        return {"kind": "reference", "reason": "its examples are generated from a seed"}
    n_values = len(dataset.series) * (dataset.inputs_TF.shape[1] + dataset.targets_TK.shape[1])
    if n_values > MOST_VALUES:
        return {"kind": "reference", "reason": f"it has {n_values:,} values, and copies have {MOST_VALUES:,} at most"}
    return {"kind": "copy", "file": name_of(dataset.series)}


def keep_data(runs: Path, snapshot: Snapshot, read: Callable[[], Series]) -> bool:
    """Keep a copy of the data, where one is planned and there is none; return whether it is new.

    What cannot be written is no reason not to train: the record says that there is none.

    Args:
        runs: The folder of run directories.
        snapshot: As :func:`plan_snapshot` gives it.
        read: Reads the series; if that has changed meanwhile, it is not the one to keep.
    """
    if snapshot.get("kind") != "copy" or snapshot_path(runs, snapshot["file"]).exists():
        return False
    with suppress(OSError, SeqexpError):
        series = read()
        if name_of(series) == snapshot["file"]:
            write_snapshot(runs, snapshot["file"], as_arrays(series))
            return True
    return False


@contextmanager
def keeping_data(runs: Path, snapshot: Snapshot, read: Callable[[], Series]) -> Iterator[None]:
    """Keep a copy of the data of a run; not where the request is refused in the block, for then nothing is recorded."""
    is_new = keep_data(runs, snapshot, read)
    try:
        yield
    except SeqexpError:
        if is_new:
            drop_snapshot(runs, snapshot["file"])
        raise


def noted_snapshot(runs: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return the part ``data`` of a record; where a copy was planned and could not be kept, it says so."""
    planned = data.get("snapshot", {})
    if planned.get("kind") != "copy" or snapshot_path(runs, planned["file"]).exists():
        return data
    return {**data, "snapshot": {"kind": "reference", "reason": "a copy could not be written"}}
