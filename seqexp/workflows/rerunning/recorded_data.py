"""Which data a rerun reads: today's, as long as they are those of the record, or the copy that was kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from seqexp.data.changes import describe_change
from seqexp.data.dataset import read_data
from seqexp.data.series import Series
from seqexp.data.snapshot import KeptSeries
from seqexp.errors import DataError, SeqexpError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.run_dir import StoredRun
from seqexp.store.snapshots import snapshot_path

#: Keys of ``data`` that change nothing in how the series is read.
_AFTER_READING = {"name", "scaler", "split", "transform", "lead", "snapshot", "n_targets", "n_features"}


class DataChoice(StrEnum):
    """What ``--data`` asks for."""

    auto = "auto"
    current = "current"
    snapshot = "snapshot"


@dataclass(frozen=True)
class Chosen:
    """The data that a rerun reads.

    Attributes:
        kept: The copy to read, or None for what the spec names.
        change: What is another in them than in those of the record.
        notes: What a reader has to know.
    """

    kept: KeptSeries | None = None
    change: str = ""
    notes: tuple[str, ...] = ()


def choose_data(
    before: StoredRun,
    recorded: ExperimentSpec,
    spec: ExperimentSpec,
    choice: DataChoice,
    *,
    copies: Path | None = None,
) -> Chosen:
    """Choose what a rerun reads.

    Args:
        before: The run that is repeated.
        recorded: Its spec.
        spec: That of the rerun; where it reads other data, the copy is of no use.
        choice: What is asked for.
        copies: The folder of run directories that holds the copies, where that is not the one that the run lies in.

    Raises:
        DataError: What is asked for is not there, or neither the source nor a copy is.
    """
    is_same = _how_it_is_read(recorded) == _how_it_is_read(spec)
    if not is_same:
        if choice is DataChoice.snapshot:
            message = "the overrides say to read other data than those of which there is a copy."
            raise DataError(message, key="--data", mend="Leave out --data, or the override.")
        return Chosen()
    copy, no_copy = _copy_of(before, copies or before.path.parent.parent)
    if choice is DataChoice.snapshot and copy is None:
        raise DataError(f"there is no copy of the data of {before.path.name}: {no_copy}.", key="--data")
    today, error = _read(spec)
    fingerprint = before.record.data.get("fingerprint")
    if choice is DataChoice.current:
        if today is None:
            raise error or DataError("it cannot be read.", key="data.path")
        return Chosen(change=_change(copy, today) if today.fingerprint != fingerprint else "")
    kept = copy[0] if copy else None
    if today is None:
        if kept is None:
            raise _neither(before, error, no_copy)
        told = error.problems[0].message.rstrip(".") if error else ""
        return Chosen(kept, notes=(f"the copy of the data was read, for today's cannot be: {told}",))
    if today.fingerprint == fingerprint:
        return Chosen(kept if choice is DataChoice.snapshot else None)
    if kept is None:
        return Chosen(change=_change(None, today), notes=(f"today's data were read: {no_copy}",))
    return Chosen(kept, notes=(f"the copy of the data was read, for today's are others: {_change(copy, today)}",))


def _how_it_is_read(spec: ExperimentSpec) -> dict[str, Any]:
    tree = spec.as_tree()
    read = {key: value for key, value in tree["data"].items() if key not in _AFTER_READING}
    lengths = {key: tree[key] for key in ("timesteps", "output_length")} if spec.data.is_examples else {}
    return {**read, **lengths}


def _copy_of(before: StoredRun, runs: Path) -> tuple[tuple[KeptSeries, Series] | None, str]:
    """Return the copy of the data of a run and what it holds, or None and why there is none."""
    snapshot = before.record.data.get("snapshot", {})
    if not snapshot:
        return None, "the record does not hold whether a copy was kept"
    if snapshot.get("kind") != "copy":
        return None, f"no copy was kept ({snapshot.get('reason', '')})"
    path = snapshot_path(runs, str(snapshot.get("file")))
    if not path.exists():
        return None, f"the copy {path} is not there any more"
    try:
        kept = KeptSeries.of(path, before.record.data)
        return (kept, kept.read()), ""
    except KeyError as error:
        return None, f"the record does not hold {error}"
    except DataError as error:
        return None, error.problems[0].message.rstrip(".")


def _read(spec: ExperimentSpec) -> tuple[Series | None, SeqexpError | None]:
    try:
        return read_data(spec), None
    except SeqexpError as error:
        return None, error


def _change(copy: tuple[KeptSeries, Series] | None, today: Series) -> str:
    return describe_change(copy[1], today) if copy else ""


def _neither(before: StoredRun, error: SeqexpError | None, no_copy: str) -> DataError:
    told = error.problems[0].message.rstrip(".") if error else "they cannot be read"
    message = f"the data of {before.path.name} are gone: {told}; {no_copy}."
    mend = "Bring the file back, or say where it is now: data.path=..."
    return DataError(message, key="data.path", mend=mend)
