"""Which attempts at a run count in a table, and which were asked for by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqexp.errors import StoreError
from seqexp.store.run_dir import StoredRun


def latest_runs(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Return the finished runs that have figures, of several attempts at one that which stands for it.

    A run that was trained on every row has none. An attempt that stands apart (:attr:`StoredRun.called`) stays.
    """
    found: dict[tuple[str, str], StoredRun] = {}
    for run in runs:
        if _has_figures(run):
            key = run.record.run_key, run.called
            earlier = found.pop(key, run)
            found[key] = max(earlier, run, key=_standing)
    return list(found.values())


def set_apart(runs: Sequence[StoredRun], named: Mapping[Path, str]) -> list[StoredRun]:
    """Return the runs, those apart that were named and have a finished attempt at the same run beside them.

    Args:
        runs: Each once.
        named: Run directory -> the word that names this attempt and no other.
    """
    attempts = Counter(run.record.run_key for run in runs if _has_figures(run))
    return [
        replace(run, called=named[run.path]) if run.path in named and attempts[run.record.run_key] > 1 else run
        for run in runs
    ]


def is_attempt(word: str, run: StoredRun) -> bool:
    """Say whether a word names this attempt, and not whichever stands for the run."""
    return run.path.name == Path(word).name


def check_has_figures(run: StoredRun) -> None:
    """Refuse a run that was named and has nothing to be compared.

    Raises:
        StoreError: It did not finish, or was trained on every row.
    """
    if _has_figures(run):
        return
    name, record = run.path.name, run.record
    if record.status == "FINISHED":
        parent = record.fit.get("refit_of")
        mend = f"Name the run that it was made of: {parent}." if parent else "Leave rows for test in data.split."
        raise StoreError(f"The run {name} was trained on every row: none was left to score it on.", mend=mend)
    ended = {"FAILED": "failed", "KILLED": "was stopped"}[record.status]
    why = f" ({record.error['reason']}): {record.error['message']}" if record.error else "."
    mend = "It has no figures to compare. Name a finished run, or run it again: seqexp run ... --force."
    raise StoreError(f"The run {name} {ended}{why}", mend=mend)


def check_any_has_figures(word: str, runs: Sequence[StoredRun]) -> None:
    """Refuse a sweep, an experiment or a workspace that has nothing to be compared.

    Raises:
        StoreError: None of its runs finished with figures.
    """
    if any(map(_has_figures, runs)):
        return
    if len(runs) == 1:
        check_has_figures(runs[0])
    ways = Counter(_way(run) for run in runs)
    listed = ", ".join(f"{count} {way}" for way, count in ways.items())
    mend = "seqexp list runs says why each ended; seqexp sweep ... --retry-failed runs the failed ones again."
    raise StoreError(f"None of the {len(runs)} runs of {word} has figures to compare: {listed}.", mend=mend)


def _way(run: StoredRun) -> str:
    reason = run.record.error.get("reason") if run.record.error else None
    way = {"FINISHED": "trained on every row", "FAILED": "failed", "KILLED": "stopped"}[run.record.status]
    return f"{way} ({reason})" if reason and run.record.status == "FAILED" else way


def _has_figures(run: StoredRun) -> bool:
    return run.record.status == "FINISHED" and bool(run.record.metrics)


def _standing(run: StoredRun) -> tuple[Any, ...]:
    return (*run.record.standing, run.record.started)
