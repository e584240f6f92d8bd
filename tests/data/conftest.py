"""Tables written by a test, read through a data section that is as short as it can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqexp.data.series import Series, read_series
from seqexp.spec.data import DataSpec
from seqexp.spec.validate import validate_as

ReadTable = Callable[..., Series]


def table_spec(path: Path, **options: Any) -> DataSpec:
    """Return the data section of a table with time ``date``, target ``v`` and input ``o``."""
    section: dict[str, Any] = {
        "name": "table",
        "source": "table",
        "path": str(path),
        "time": "date",
        "targets": ["v"],
        "features": ["o"],
        "split": {"train": 0.6, "validation": 0.2, "test": 0.2},
        "n_targets": 1,
        "n_features": 1,
    }
    return validate_as(DataSpec, {**section, **options})


@pytest.fixture
def read_table_of(tmp_path: Path) -> ReadTable:
    """Write a file and read it as a series; ``content`` None writes nothing."""

    def read(content: str | bytes | None, *, file: str = "bad.csv", **options: Any) -> Series:
        path = tmp_path / file
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_series(table_spec(path, **options))

    return read
