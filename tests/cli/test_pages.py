"""Where the UI shows what: the last experiment first, the others below it."""

from __future__ import annotations

import pytest

from seqexp.cli.pages import print_pages
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.mlflow_view import RunsView
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import default_tracking_uri


def test_every_experiment_is_named_with_its_page(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    uri = default_tracking_uri(project)
    store = MlflowStore(uri, project.workspace / "mlartifacts")
    for name in ("sales", "elsewhere"):
        store.experiment_id(name)
    (project.runs / "sales" / "0123456789ab-1").mkdir(parents=True)
    print_pages(project, uri, "http://host:5000", "MLflow UI:", "Ctrl-C ends it.")
    sales = f"http://host:5000/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey={RunsView().id}"
    assert capsys.readouterr().out == f"MLflow UI: {sales}   Ctrl-C ends it.\n"
    (project.runs / "elsewhere" / "0123456789ab-1").mkdir(parents=True)
    (project.runs / "unpublished").mkdir()
    print_pages(project, uri, "http://host:5000", "MLflow UI:", "Ctrl-C ends it.")
    first, other = capsys.readouterr().out.splitlines()
    assert first == f"MLflow UI: {sales.replace('/1/', '/2/')}   Ctrl-C ends it."
    assert other.split() == ["sales", sales]
