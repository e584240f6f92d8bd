"""Copies of data that no run uses any more: the runs that they were kept for were removed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import StoreError
from seqexp.store.attempts import run_folders
from seqexp.store.claim import is_any_claimed
from seqexp.store.run_dir import read_run
from seqexp.store.snapshots import drop_snapshot, list_snapshots, snapshot_path
from seqexp.store.sweep_dir import is_owned, list_sweeps
from seqexp.workflows.project import Project


@dataclass(frozen=True)
class UnusedCopies:
    """What became of copies.

    Attributes:
        gone: Copy -> bytes, of those that went, or would.
        why_left: Why nothing was looked for, or an empty text.
    """

    gone: dict[Path, int]
    why_left: str = ""


def drop_unused_copies(project: Project, leaving: Collection[Path] = (), *, dry_run: bool = False) -> UnusedCopies:
    """Remove the copies of data that no run directory names.

    While something is trained it is not known what it will name, nor what a run names whose record cannot be read: then
    every copy stays.

    Args:
        project: Whose copies.
        leaving: Run directories that would be removed, too, and need nothing.
        dry_run: Change nothing.

    Raises:
        StoreError: A copy cannot be removed.
    """
    copies = list_snapshots(project.runs)
    if not copies:
        return UnusedCopies({})
    if is_any_claimed(project.runs) or any(is_owned(folder) for folder in list_sweeps(project.sweeps)):
        return UnusedCopies({}, "runs are under way, which may need them")
    used = set()
    for folder in run_folders(project.runs):
        if folder in leaving:
            continue
        try:
            used.add(read_run(folder).record.data.get("snapshot", {}).get("file"))
        except StoreError:
            return UnusedCopies({}, f"{folder} cannot be read, and may need one (seqexp doctor)")
    gone = {path: path.stat().st_size for path in copies if path.stem not in used}
    for path in gone:
        if not dry_run:
            drop_snapshot(project.runs, path.stem)
            if snapshot_path(project.runs, path.stem).exists():
                raise StoreError(f"{path} cannot be removed.")
    return UnusedCopies(gone)
