"""Addresses that MLflow has no store for are known as such, and no other."""

from __future__ import annotations

import pytest

from seqexp.spec.tracking_uri import problem_of_uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://host:5000",
        "HTTPS://host/mlflow",
        "sqlite:////tmp/mlflow.db",
        "sqlite:///mlflow.db",
        "sqlite:////tmp/50%/mlflow.db",
        "mysql+pymysql://user:word@host/db",
        "postgresql://host/db",
        "databricks",
        "databricks://profile",
        "uc:http://host:8080",
    ],
)
def test_what_mlflow_has_a_store_for_is_let_through(uri: str) -> None:
    assert problem_of_uri(uri, "tracking.uri") is None


@pytest.mark.parametrize(
    ("uri", "mend"),
    [
        ("htp://host:5000", "Did you mean http://host:5000?"),
        ("postgres://host/db", "Did you mean postgresql://host/db?"),
        ("localhost:5000", "Did you mean http://localhost:5000?"),
        ("sqlite://a.db", "Did you mean sqlite:///a.db?"),
        ("http:/host", "For example http://host:5000."),
        ("ftp2000://host", "Name a file"),
        ("mlruns", "Name a file"),
        ("sqlite:////tmp/a%20b/mlflow.db", "Choose a folder and a file without a %"),
        ("file:///tmp/mlruns", "Name a file"),
    ],
)
def test_others_are_refused_with_what_was_meant(uri: str, mend: str) -> None:
    problem = problem_of_uri(uri, "tracking.uri")
    assert problem is not None
    assert problem.key == "tracking.uri"
    assert repr(uri) in problem.message
    assert problem.mend.startswith(mend)


def test_a_folder_is_a_store_where_mlflow_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert problem_of_uri("file:///tmp/mlruns", "tracking.uri") is None


def test_every_scheme_that_mlflow_registers_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were one to be missing, its users could run nothing."""
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for scheme in filter(None, _tracking_store_registry._registry):
        assert problem_of_uri(f"{scheme}:///place" if scheme == "sqlite" else f"{scheme}://place", "uri") is None
