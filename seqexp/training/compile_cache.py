"""Where compiled programs are kept between processes: a folder of the user's, of a bounded size.

TensorFlow writes an entry under another name and renames it, so that several workers may share the folder. Machine code
is not portable: the folder's name tells the version of TensorFlow, and the processor and the flags of XLA by a hash.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from contextlib import suppress
from pathlib import Path

from seqexp.assets import user_cache
from seqexp.training.xla_flags import tensorflow_version, xla_flags

#: ``off``, or a folder in place of the user's cache folder.
VARIABLE = "SEQEXP_COMPILE_CACHE"
LARGEST = 500_000_000  # bytes
_SPARE = 100_000_000  # bytes that must be free: TensorFlow fails where it cannot write a program


def cache_folder() -> Path | None:
    """Return the folder of compiled programs for this machine, or None where the cache is switched off."""
    asked = os.environ.get(VARIABLE, "")
    if asked.lower() in {"off", "0", "none", "false"}:
        return None
    base = Path(asked).expanduser() if asked else user_cache() / "programs"
    made_for = hashlib.sha256(f"{_processor()}\n{xla_flags()}".encode()).hexdigest()[:12]
    return base / f"tensorflow-{tensorflow_version()}-{made_for}"


def prepare_cache() -> Path | None:
    """Make the folder, and make room in it; None where it is switched off, full, not writable, or has a blank."""
    folder = cache_folder()
    if folder is None or " " in str(folder):  # TensorFlow parts its flags at blanks, however they are quoted
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder)
        if shutil.disk_usage(folder).free < _SPARE:
            return None
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def empty_cache() -> None:
    """Delete every program kept for this machine: one of them cannot be read, and nothing tells which."""
    folder = cache_folder()
    for path in folder.iterdir() if folder is not None and folder.is_dir() else ():
        with suppress(OSError):
            path.unlink()


def _make_room(folder: Path) -> None:
    """Delete the entries that were not used for longest, down to three quarters of the largest size."""
    entries = [(path, path.stat()) for path in folder.iterdir() if path.is_file()]
    total = sum(status.st_size for _, status in entries)
    if total <= LARGEST:
        return
    for path, status in sorted(entries, key=lambda entry: max(entry[1].st_atime, entry[1].st_mtime)):
        with suppress(OSError):  # another process was faster
            path.unlink()
        total -= status.st_size
        if total <= 0.75 * LARGEST:
            return


def _processor() -> str:
    """Return what the machine code depends on: the model and the abilities of the processor."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return f"{platform.machine()} {platform.processor()}"
