"""Copies of the data that runs were made with: ``runs/.data/<fingerprint>.npz``, once for each content.

The folder's name begins with a dot, so that it is no experiment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

FOLDER, ENDING = ".data", ".npz"


def snapshot_path(runs: Path, name: str) -> Path:
    """Return where the copy of a name lies, whether it is there or not."""
    return runs / FOLDER / f"{name}{ENDING}"


def write_snapshot(runs: Path, name: str, arrays: Mapping[str, Any]) -> None:
    """Write a copy beside its place and rename it: it is whole, or not there.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    path = snapshot_path(runs, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def drop_snapshot(runs: Path, name: str) -> None:
    """Take a copy away, and the folders that it leaves empty."""
    path = snapshot_path(runs, name)
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()
        runs.rmdir()


def list_snapshots(runs: Path) -> list[Path]:
    """Return all copies."""
    return sorted(path for path in (runs / FOLDER).glob(f"*{ENDING}") if not path.name.startswith("."))
