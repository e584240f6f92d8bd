"""What of a plan was run before, and is not run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqexp.store.find_runs import find_failed, find_finished
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.sweeping.points import Point


@dataclass(frozen=True)
class SweepOptions:
    """What of a plan is run.

    Attributes:
        force: Also what was run before, as new attempts.
        retry_failed: Also what failed before; what was interrupted is run in any case.
        fail_fast: No more after the first run that fails.
    """

    force: bool = False
    retry_failed: bool = False
    fail_fast: bool = False


def find_earlier(runs: Path, point: Point, options: SweepOptions) -> StoredRun | None:
    """Return the earlier run that stands for a point, or None where the point is to be run."""
    if options.force:
        return None
    place = (runs, point.spec.name, point.run_key)
    return find_finished(*place) or (None if options.retry_failed else find_failed(*place))
