"""The present seqexp, laid where the Python of another environment finds it and nothing else of the present one.

The folder of an installation cannot be lent: beside seqexp lie the packages of today, in place of the recorded ones.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from seqexp.assets import shipped_folder
from seqexp.store.environment import PACKAGE

_SHIPPED = ("conf", "experiments")


def lay_present_code(home: Path) -> Path:
    """Copy seqexp, what it ships and what installers noted of it below a folder; once for each state of it.

    Returns:
        The folder to put on the path of modules.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    files = dict(_files())
    content = hashlib.sha256()
    for name, data in sorted(files.items()):
        content.update(f"{name}\0{len(data)}\0".encode())
        content.update(data)
    place = home / f"seqexp-{content.hexdigest()[:12]}"
    if place.is_dir():
        return place
    unfinished = home / f".{place.name}-{os.getpid()}"
    try:
        for name, data in files.items():
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / name).write_bytes(data)
        try:
            unfinished.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return place


def _files() -> Iterator[tuple[str, bytes]]:
    """Yield the place of every file below the folder, which is laid out as the present installation is."""
    root = PACKAGE.parent
    folders = {PACKAGE, *(shipped_folder(name).resolve() for name in _SHIPPED)}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix(), path.read_bytes()
    found = metadata.distribution("seqexp")
    for name in ("METADATA", "entry_points.txt"):
        yield f"seqexp-{found.version}.dist-info/{name}", (found.read_text(name) or "").encode()
