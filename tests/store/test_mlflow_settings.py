"""What MLflow is told by the environment is told while it is called, and what a person says of it stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from seqexp.errors import StoreError
from seqexp.store.mlflow_runs import MlflowRuns
from seqexp.store.mlflow_settings import SETTINGS, mlflow_settings
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.model_registry import ModelRegistry

OWN = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "7"}


def _set_now() -> dict[str, str]:
    return {name: os.environ[name] for name in SETTINGS if name in os.environ}


@pytest.fixture(autouse=True)
def _of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who set one of them."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)


def test_the_environment_of_a_process_stays_as_it_was(tmp_path: Path, migrated_store: Path) -> None:
    uri = f"sqlite:///{shutil.copy(migrated_store, tmp_path)}"
    MlflowStore(uri, tmp_path / "mlartifacts").experiment_id("tides")
    assert MlflowRuns(uri, key="--from-mlflow").published() == []
    assert ModelRegistry(uri).runs() == set()
    with pytest.raises(StoreError):
        MlflowStore(f"sqlite:///{tmp_path}", tmp_path)
    assert _set_now() == OWN


def test_what_is_set_holds_until_the_last_call_is_over() -> None:
    """Two threads may be at it: a run that is published beside one that trains."""
    first, second = mlflow_settings(), mlflow_settings()
    with first:
        second.__enter__()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    second.__exit__(None, None, None)
    assert _set_now() == OWN


def test_what_is_set_meanwhile_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow_settings():
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
