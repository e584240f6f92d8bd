"""Take what is large out of run directories, and keep what is left whole."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from seqexp.errors import StoreError
from seqexp.fingerprint import hash_file
from seqexp.store.run_dir import FORECASTS, MANIFEST, MODEL, PRUNED, listed_files, taken_out, write_json

LARGE = (MODEL, FORECASTS)


def size_of(folder: Path, names: Sequence[str] | None = None) -> int:
    """Return the bytes of files of a run; of all of them where none are named."""
    paths = [folder / name for name in names] if names is not None else list(folder.rglob("*"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def large_files(folder: Path) -> list[str]:
    """Return the large files that a run still has."""
    return [name for name in LARGE if (folder / name).is_file()]


def take_out(folder: Path, names: Sequence[str], *, why: str) -> None:
    """Remove files of a run and list it anew: the manifest first, so that a run that is cut off here is whole.

    Args:
        folder: The run directory.
        names: What to remove.
        why: The command or key that wants it so; whoever asks for a file later is told.

    Raises:
        StoreError: The directory cannot be written to.
    """
    try:
        gone = {**taken_out(folder), **dict.fromkeys(names, why)}
        sums = json.loads((folder / MANIFEST).read_text("utf-8"))
        write_json(folder / PRUNED, {"removed": list(gone), "why": gone, "time": time.time()})
        kept = {name: value for name, value in sums.items() if name not in gone}
        write_json(folder / MANIFEST, {**kept, PRUNED: hash_file(folder / PRUNED)})
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # a manifest that cannot be read, too
        raise StoreError(f"{folder} cannot be pruned: {getattr(error, 'strerror', None) or error}") from None


def remove_attempt(folder: Path) -> None:
    """Remove a whole run directory: renamed first, so that none is ever seen half there.

    Raises:
        StoreError: It cannot be removed.
    """
    listed_files(folder)  # nothing but a run directory is removed
    leaving = folder.with_name(f".{folder.name}.pruned")
    try:
        shutil.rmtree(leaving, ignore_errors=True)
        folder.rename(leaving)
        shutil.rmtree(leaving)
    except OSError as error:
        raise StoreError(f"{folder} cannot be removed: {error.strerror or error}") from None
