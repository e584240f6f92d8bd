"""Names for content: the same values give the same hash, in any process and on any machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

KEY_LENGTH = 12  # hexadecimal digits: 2.8e14 keys, so 10,000 runs collide with a chance of 2e-7


def hash_values(values: Any) -> str:
    """Hash plain values (mappings, lists, numbers, strings, None) by content; the order of keys does not matter.

    >>> hash_values({"a": 1, "b": [2.0]}) == hash_values({"b": [2.0], "a": 1})
    True
    """
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Hash the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_key(values: Any) -> str:
    """Hash plain values into a key that fits into a folder's name."""
    return hash_values(values)[:KEY_LENGTH]
