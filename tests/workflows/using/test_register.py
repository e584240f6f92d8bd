"""Models by name: registered once, pointed at by aliases, forecast with here and elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from seqexp.errors import SeqexpError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.using.predict import predict
from seqexp.workflows.using.register import register, run_called

SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology.units=4", "topology=vector_output"]


def _run(project: Project, *words: str) -> StoredRun:
    return request_run(project, project.compose_one([*SMALL, *words])).stored


def test_a_run_is_registered_once_and_found_by_alias_and_by_number(project: Project) -> None:
    first, second = _run(project), _run(project, "seed=1", "tracking.log_model=none")
    version = register(project, first, "tides", alias="champion")
    assert (version.number, version.aliases, version.run_key) == ("1", ("champion",), first.record.run_key)
    assert register(project, first, "tides") == version
    other = register(project, second, "tides", alias="champion")  # its model is logged for it
    assert other.number == "2"
    for word, run in (("models:/tides@champion", second), ("models:/tides/1", first)):
        with run_called(project, word) as found:
            assert found.path == run.path
    for word, says in (
        ("models:/tides@none", "is not in the registry"),
        ("models:/tides/9", "is not in the registry"),
        ("models:/tides", "no address"),
        ("models:/tides@", "no address"),
    ):
        with pytest.raises(SeqexpError, match=says), run_called(project, word):
            pass


def test_a_run_that_is_not_here_comes_from_mlflow(
    project: Project, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(project)
    elsewhere = workspace / "elsewhere"  # MLflow looks for a store in the working directory, and makes one
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    register(project, run, "tides", alias="champion")
    assert not list(elsewhere.iterdir())
    here = predict(run)
    shutil.rmtree(run.path)
    with run_called(project, "models:/tides@champion") as found:
        assert found.path != run.path
        pd.testing.assert_frame_equal(predict(found), here)
        folder = found.path
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "alias", "says"),
    [("a/b", None, "NAME: expected letters"), ("a", "latest", "cannot be an alias"), ("a", "v3", "cannot be an alias")],
)
def test_a_name_that_cannot_be_is_explained(project: Project, name: str, alias: str | None, says: str) -> None:
    with pytest.raises(SeqexpError, match=says):
        register(project, _run(project, "tracking=none"), name, alias=alias)


def test_a_run_that_failed_or_is_damaged_is_not_registered(project: Project, workspace: Path) -> None:
    failed = _run(project, "optimizer=sgd", "optimizer.learning_rate=1e30", "tracking=none")
    with pytest.raises(SeqexpError, match="is FAILED"):
        register(project, failed, "tides")
    run = _run(project, "tracking=none")
    (run.path / "history.csv").write_text("changed")
    with pytest.raises(SeqexpError, match="is damaged"):
        register(project, run, "tides")
