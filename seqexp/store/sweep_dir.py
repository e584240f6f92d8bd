"""Sweep directories: what a sweep was going to do, frozen at its start, and who is at it.

``sweeps/<name>-<sweep key>/`` holds ``plan.json`` and, while a process runs the sweep, a locked ``owner`` file. That
of a search holds ``study.log``, too, and the points that it chose: ``points.jsonl``, one in each line. ``trained.txt``
names the runs that it trained; those that were there before are others', and only read.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seqexp.errors import StoreError

PLAN, OWNER, POINTS, STUDY, TRAINED = "plan.json", "owner", "points.jsonl", "study.log", "trained.txt"
_NEEDED = {"name", "key", "question", "points", "left_out"}


@contextmanager
def own_sweep(sweeps: Path, plan: Mapping[str, Any]) -> Iterator[Path]:
    """Own a sweep for the length of the block, and freeze its plan.

    Args:
        sweeps: The folder of sweep directories.
        plan: Plain values, ``name`` and ``key`` among them.

    Yields:
        The sweep's directory.

    Raises:
        StoreError: Another process owns it, or the folder cannot be written to.
    """
    folder = sweeps / f"{plan['name']}-{plan['key']}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / OWNER).open("a+")
    except OSError as error:
        mend = "Choose another workspace with --workspace."
        raise StoreError(f"The sweep directory cannot be written: {error}", mend=mend) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise _is_at_it(lock.read()) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}")
        lock.flush()
        _freeze(folder / PLAN, plan)
        try:
            yield folder
        finally:
            lock.truncate(0)


def _is_at_it(owner: str) -> StoreError:
    """Return what a second process is told; the lock ends with its process, so that a dead one is in nobody's way."""
    found = re.fullmatch(r"process (\d+) on (.+)", owner)
    how = f" (on {found[2]}: kill {found[1]})" if found else ""
    mend = f"Wait for it, or end it{how}: the runs that are done stay, and the same command goes on with the others."
    mend += (
        "\n  Its claim ends when it does, however that is: of a process that crashed nothing has to be cleared away."
    )
    return StoreError(f"This sweep is being run by {owner or 'another process'}.", mend=mend)


def is_owned(folder: Path) -> bool:
    """Return whether a process is at a sweep just now."""
    try:
        with (folder / OWNER).open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def list_sweeps(sweeps: Path) -> list[Path]:
    """Return the directories of all sweeps, oldest first."""
    return sorted(
        (path.parent for path in sweeps.glob(f"*/{PLAN}")), key=lambda folder: (folder / PLAN).stat().st_mtime
    )


def add_point(folder: Path, point: Mapping[str, Any]) -> None:
    """Note a point that a search chose."""
    with (folder / POINTS).open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(dict(point), allow_nan=False)}\n")


def note_trained(folder: Path, name: str) -> None:
    """Note the directory of a run that a sweep trained."""
    with (folder / TRAINED).open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")


def trained_by(folder: Path) -> set[str]:
    """Return the names of the directories of the runs that a sweep trained, now and when it was begun before."""
    with suppress(OSError):
        return set((folder / TRAINED).read_text("utf-8").splitlines())
    return set()


def read_plan(folder: Path) -> dict[str, Any]:
    """Read the plan of a sweep, with the points that a search chose so far.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        values = json.loads((folder / PLAN).read_text("utf-8"))
        if not set(values) >= _NEEDED:
            raise ValueError("it is no plan of a sweep")
        chosen = (folder / POINTS).read_text("utf-8").splitlines() if (folder / POINTS).exists() else []
        points = {point["run_key"]: point for line in chosen if (point := _whole(line))}
        return {"select": None, "search": None, **values, "points": [*values["points"], *points.values()]}
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{PLAN} of the sweep {folder.name} cannot be read: {error}") from None


def _whole(line: str) -> dict[str, Any] | None:
    """Return a point; None for a line that a killed process did not end."""
    with suppress(ValueError):
        point: dict[str, Any] = json.loads(line)
        return point
    return None


def _freeze(path: Path, plan: Mapping[str, Any]) -> None:
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.write_text(json.dumps(dict(plan), indent=1, allow_nan=False), "utf-8")
        new.replace(path)
