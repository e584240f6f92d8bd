"""A run that MLflow alone knows is fetched, looked over and run again: nothing in it is believed unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from pydantic_core import from_json

from seqexp.errors import DataError, StoreError
from seqexp.store.find_runs import list_runs
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import RECORD, StoredRun, published_as
from seqexp.store.snapshots import list_snapshots
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.rerunning.look_over import _texts_in
from seqexp.workflows.rerunning.options import RerunOptions
from seqexp.workflows.rerunning.recorded_data import DataChoice
from seqexp.workflows.rerunning.recorded_environment import recorded_environment
from seqexp.workflows.rerunning.rerun import Rerun, rerun
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.upkeep.doctor import examine

TINY = ["data=sine", "data.source.sine.length=200", "topology=vector_output", "topology.units=4", "training.epochs=1"]
MINE = """
import seqexp

@seqexp.metric
def worst(true_WNK, forecast_WNK):
    return float(abs(true_WNK - forecast_WNK).max())
"""
Edit = Callable[[Callable[[dict[str, Any]], Any]], None]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> StoredRun:
    """The run of another workspace, shown in a store of that."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(migrated_store, folder / "mlflow.db")
    project = open_project(folder)
    return request_run(project, project.compose_one([*TINY, "name=far"])).stored


@pytest.fixture
def shown(elsewhere: StoredRun) -> tuple[str, str]:
    """Its store and its id there."""
    ((uri, run_id),) = published_as(elsewhere.path).items()
    return uri, run_id


@pytest.fixture
def edit(elsewhere: StoredRun, shown: tuple[str, str], tmp_path: Path) -> Edit:
    """Change the record among the artifacts, as a stranger would who owns the store."""
    uri, run_id = shown
    client = MlflowClient(uri)

    def change_record(change: Callable[[dict[str, Any]], Any]) -> None:
        values = json.loads((elsewhere.path / RECORD).read_text())
        change(values)
        (tmp_path / "hostile").mkdir(exist_ok=True)
        (tmp_path / "hostile" / RECORD).write_text(json.dumps(values))
        client.log_artifact(run_id, str(tmp_path / "hostile" / RECORD))

    yield change_record
    client.log_artifact(run_id, str(elsewhere.path / RECORD))


def _fetched(project: Project, word: str, uri: str, *overrides: str, **how: Any) -> Rerun:
    return rerun(project, word, overrides, RerunOptions(from_mlflow=uri, **how))


def test_a_run_of_elsewhere_is_a_first_attempt_here(
    project: Project, elsewhere: StoredRun, shown: tuple[str, str]
) -> None:
    uri, run_id = shown
    done = _fetched(project, elsewhere.record.run_key[:6], uri)
    after = done.outcome.stored
    assert done.verdict.outcome == "bitwise"
    assert done.verdict.differences == ()
    assert after.path == project.runs / "far" / f"{elsewhere.record.run_key}-1"
    assert after.record.rerun_of == run_id  # the name would be that of the rerun itself
    assert done.before.path == project.runs / ".fetched" / run_id / elsewhere.path.name
    assert recorded_environment([done.before]) == recorded_environment([elsewhere])
    assert [run.path for run in list_runs(project.runs)] == [after.path]  # what was fetched is no run of this workspace
    here = f"sqlite:///{project.workspace / 'mlflow.db'}"
    assert MlflowClient(here).get_run(done.outcome.mlflow_run_id).data.tags["rerun_of"] == run_id
    assert [found for found in examine(project.workspace, runs=True) if found.subject == "damaged"] == []
    second = _fetched(project, run_id, uri, "training.epochs=2", "tracking=none")
    assert [found.text for found in second.verdict.causes] == ["training.epochs 1 -> 2"]


def test_where_the_run_was_shown_before_the_new_attempt_is_shown_beside_it(
    elsewhere: StoredRun, tmp_path: Path
) -> None:
    """The run directory was lost, the store was not: both have one run key, attempt and workspace."""
    ((uri, run_id),) = published_as(elsewhere.path).items()
    folder = elsewhere.path.parents[2]
    kept = elsewhere.path.rename(tmp_path / "kept")
    try:
        done = _fetched(open_project(folder), run_id, "")
        assert done.outcome.stored.path == elsewhere.path
        assert done.outcome.mlflow_run_id not in (None, run_id)
        MlflowClient(uri).delete_run(done.outcome.mlflow_run_id)
    finally:
        shutil.rmtree(elsewhere.path, ignore_errors=True)
        kept.rename(elsewhere.path)


def test_the_store_of_the_record_is_told_nothing(project: Project, shown: tuple[str, str], edit: Edit) -> None:
    edit(lambda values: values["spec"]["tracking"].update(uri="http://127.0.0.1:9"))
    done = _fetched(project, shown[1], shown[0])
    assert done.outcome.warning == ""
    assert published_as(done.outcome.stored.path).keys() == {f"sqlite:///{project.workspace / 'mlflow.db'}"}


def test_the_copy_of_the_data_is_read_where_this_workspace_has_it(
    project: Project, elsewhere: StoredRun, shown: tuple[str, str]
) -> None:
    with pytest.raises(DataError, match="there is no copy of the data"):
        _fetched(project, shown[1], shown[0], data=DataChoice.snapshot)
    (copy,) = list_snapshots(elsewhere.path.parents[1])
    (project.runs / ".data").mkdir(parents=True)
    shutil.copy(copy, project.runs / ".data")
    done = _fetched(project, shown[1], shown[0], "tracking=none", data=DataChoice.snapshot)
    assert done.verdict.outcome == "bitwise"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("0" * 32, "has no run 0000"),
        ("ffffff", "no run whose key begins with 'ffffff'"),
        ("../x", "expected an MLflow run id or a run key"),
        ("%%%%", "expected an MLflow run id or a run key"),
    ],
)
def test_a_word_that_means_no_run_is_explained(word: str, says: str, project: Project, shown: tuple[str, str]) -> None:
    with pytest.raises(StoreError, match=says):
        _fetched(project, word, shown[0])
    assert not project.runs.exists()


@pytest.mark.parametrize(
    ("uri", "says"), [("sqlite:////none/mlflow.db", "there is no MLflow store"), ("http://127.0.0.1:9", "not answer")]
)
def test_a_store_that_is_not_there_is_named_and_not_made(
    uri: str, says: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=says) as refused:
        _fetched(project, "ab12cd", uri)
    assert refused.value.problems[0].key == "--from-mlflow"


def test_runs_that_cannot_be_repeated_are_explained(project: Project, tmp_path: Path) -> None:
    uri = f"sqlite:///{project.workspace / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("strange", artifact_location=(tmp_path / "files").as_uri())

    def made(status: str = "FINISHED", **tags: str) -> str:
        run = client.create_run(experiment, tags=tags)
        client.set_terminated(run.info.run_id, status)
        return str(run.info.run_id)

    gone = made(run_key="aaaaaaaaaaaa")
    client.delete_run(gone)
    for run_id, says in (
        (made(), "was not recorded by seqexp"),
        (made(**{"seqexp.kind": "sweep"}), "is a sweep"),
        (made("FAILED", run_key="bbbbbbbbbbbb", error="it broke"), "no result .* FAILED, it broke"),
        (made("RUNNING", run_key="cccccccccccc"), "no result .* RUNNING"),
        (made(run_key="dddddddddddd"), r"lacks the artifacts record.json, history.csv"),
        (gone, "was deleted"),
    ):
        with pytest.raises(StoreError, match=says):
            _fetched(project, run_id, "")
    made(run_key="ddddddddeeee")
    with pytest.raises(StoreError, match=r"2 runs at .* begin with 'dddd'"):
        _fetched(project, "dddd", "")
    assert list((project.runs / ".fetched").iterdir()) == []


def _deep(values: dict[str, Any]) -> None:
    nested: Any = []
    for _ in range(900):
        nested = [nested]
    values["fit"]["deep"] = nested


def test_what_can_be_read_at_all_can_be_looked_through() -> None:
    """The parser takes 199 levels; to go through them takes Python's stack."""
    values = from_json('{"deep": ' + "[" * 199 + '"x"' + "]" * 199 + "}")
    record = RunRecord("n", "k", 1, "FINISHED", 0.0, 1.0, "t", fit=values)
    assert "x" in _texts_in(record.as_values())


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "run_key is not": lambda values: values.update(run_key="../../../x"),
    "attempt is not": lambda values: values.update(attempt=0),
    "name is not": lambda values: values.update(name="../far"),
    "spec.name is not": lambda values: values["spec"].update(name="other"),
    "spec is not": lambda values: values["spec"].update(tracking="x"),
    "environment is not": lambda values: values["environment"].update(versions=["numpy"]),
    "environment.plugins is not": lambda values: values["environment"].update(
        plugins=[{"file": "plugins/../../x.py", "sha256": "0", "parts": []}]
    ),
    "data.columns is not": lambda values: values["data"].update(columns=[]),
    "data.snapshot is not": lambda values: values["data"]["snapshot"].update(file="../../../secret"),
    "data.radius is not": lambda values: values["data"].update(radius=[["wide"]]),
    "data.season is not": lambda values: values["data"].update(season="week"),
    "fit.refit_of is not": lambda values: values["fit"].update(refit_of=["x"]),
    "val/mae is no number": lambda values: values["metrics"].update({"val/mae": 10**400}),
    "control characters": lambda values: values.update(title="\x1b[2Jnothing"),
    "cannot be read": lambda values: values.update(extra=1),
    "recursion limit exceeded": _deep,
    "later version": lambda values: values.update(schema=99),
    "its tag of another": lambda values: values.update(run_key="0" * 12),
}


@pytest.mark.parametrize("says", HOSTILE)
def test_a_record_that_is_none_is_refused(says: str, project: Project, shown: tuple[str, str], edit: Edit) -> None:
    edit(HOSTILE[says])
    with pytest.raises(StoreError, match=says) as refused:
        _fetched(project, shown[1], shown[0])
    assert "\x1b" not in str(refused.value)
    assert list((project.runs / ".fetched").iterdir()) == []
    assert not list(project.workspace.rglob("*secret*"))


def test_own_code_is_fetched_and_not_executed_unasked(
    project: Project, tmp_path_factory: pytest.TempPathFactory, migrated_store: Path
) -> None:
    folder = tmp_path_factory.mktemp("coded")
    shutil.copy(migrated_store, folder / "mlflow.db")
    (folder / "mine.py").write_text(MINE)
    there = open_project(folder, plugins=[folder / "mine.py"])
    outcome = request_run(there, there.compose_one([*TINY, "evaluation.metrics=[worst]"]))
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with pytest.raises(StoreError, match=r"uses own code, which is not loaded: metric worst of mine.py") as refused:
        _fetched(project, str(outcome.mlflow_run_id), uri)
    copy = project.runs / ".fetched" / str(outcome.mlflow_run_id) / outcome.stored.path.name / "plugins" / "mine.py"
    assert f"--plugin {copy}" in refused.value.problems[0].mend
    assert copy.read_text() == MINE
    done = _fetched(open_project(project.workspace, plugins=[copy]), str(outcome.mlflow_run_id), uri)
    assert done.verdict.outcome == "bitwise"
