"""Where the shipped YAML lies (beside the package in a checkout, inside it in a wheel), and the user's cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_folder(name: str) -> Path:
    """Return the folder ``conf`` or ``experiments`` that belongs to this installation."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def user_cache() -> Path:
    """Return the folder of what can be made again, where a person's other programs keep theirs."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "seqexp"
