"""The folders of run directories: ``runs/<name>/<run_key>-<attempt>/``, unread."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICK = 100_000_000  # nanoseconds: changes that follow each other faster may have the same time
_KNOWN: dict[Path, tuple[int, int, dict[str, list[str]]]] = {}  # folder -> changed, looked at, what was there


def next_attempt(home: Path, run_key: str) -> int:
    """Return the number that the next attempt of a run gets."""
    return max((int(path.name.rpartition("-")[2]) for path in attempt_folders(home, run_key)), default=0) + 1


def attempt_folders(home: Path, run_key: str) -> list[Path]:
    """Return the attempts at a run; a copy that somebody made beside them is none."""
    return [home / name for name in _attempts_by_key(home).get(run_key, ()) if (home / name).is_dir()]


def _attempts_by_key(home: Path) -> dict[str, list[str]]:
    """Return run key -> its directories. A folder of thousands is read once, and again when something was added."""
    try:
        changed = home.stat().st_mtime_ns
    except OSError:
        return {}
    known = _KNOWN.get(home)
    if known is None or known[0] != changed or known[1] - changed < _TICK:
        looked = time.time_ns()
        by_key: dict[str, list[str]] = {}
        for entry in _entries(home):
            key, _, attempt = entry.name.rpartition("-")
            if attempt.isdigit():
                by_key.setdefault(key, []).append(entry.name)
        _KNOWN[home] = known = changed, looked, by_key
    return known[2]


def run_folders(runs: Path) -> Iterator[Path]:
    """Yield every run directory, readable or not."""
    for home in _entries(runs):
        if home.is_dir():
            yield from (Path(folder.path) for folder in _entries(Path(home.path)) if folder.is_dir())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, in the order of the names, but for what is hidden."""
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    return []
