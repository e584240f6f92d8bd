"""What MLflow is told by the environment is told while it is called, and what a person says of it stays."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from seqexp.errors import StoreError
from seqexp.store.mlflow_runs import MlflowRuns
from seqexp.store.mlflow_settings import SETTINGS, asked_briefly, mlflow_settings
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


def test_where_a_person_waits_a_server_is_asked_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    with asked_briefly():
        assert _set_now() == {**SETTINGS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **OWN}
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    with mlflow_settings():
        with asked_briefly():
            assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"
        assert _set_now() == SETTINGS
    assert _set_now() == {}


def test_a_silent_server_is_asked_no_longer_than_that(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    monkeypatch.setitem(SETTINGS, "MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    monkeypatch.setattr("seqexp.store.mlflow_settings._BRIEF", {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1"})
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    began = time.monotonic()
    for ask in (
        lambda: MlflowStore(silent, tmp_path),
        lambda: MlflowRuns(silent, key=""),
        lambda: ModelRegistry(silent),
    ):
        with pytest.raises(StoreError, match="does not answer: it timed out"):
            ask()
    assert time.monotonic() - began < 30
