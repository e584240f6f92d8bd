"""Take out of the runs of a sweep what ``tracking.keep`` does not want of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.spec.settings import KeepSpec
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.leaderboard import build_leaderboard
from seqexp.workflows.running.keep import keep_wanted


@dataclass(frozen=True)
class Freed:
    """What was taken out: of so many runs, so many bytes."""

    runs: int = 0
    size: int = 0


def behind_best(runs: Iterable[StoredRun], select: str | None) -> set[Path]:
    """Return the runs that are not of the row which ranks first in its block; where nothing is ranked, none is behind.

    Args:
        runs: All runs of a sweep.
        select: The figure of validation that they are ranked by.
    """
    blocks = [block for block in build_leaderboard(runs, select) if block.best is not None]
    rows = (row for block in blocks for row in block.rows if row.rank != 1)
    return {run.path for row in rows for run in row.runs}


def thin_out(runs: Sequence[tuple[StoredRun, KeepSpec]], behind: set[Path]) -> Freed:
    """Take out of runs that a sweep trained what does not stay.

    Raises:
        StoreError: A directory cannot be written to.
    """
    sizes = [keep_wanted(run, keep, is_best=run.path not in behind) for run, keep in runs]
    return Freed(sum(size > 0 for size in sizes), sum(sizes))
