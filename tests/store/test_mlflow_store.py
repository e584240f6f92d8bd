"""A store that cannot be read is explained; the run directory is the truth, so nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqexp.errors import StoreError
from seqexp.store.mlflow_store import MlflowStore


def test_a_damaged_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("garbage")
    with pytest.raises(StoreError, match=r"not a database.*move it away"):
        MlflowStore(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")
