"""What goes, what never goes, and that what is left is whole."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seqexp
from seqexp.errors import SeqexpError
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import RECORD, StoredRun, damaged_files, read_run
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.reading.compare import compare_runs
from seqexp.workflows.rerunning.rerun import rerun
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.upkeep.doctor import examine
from seqexp.workflows.upkeep.prune import prune
from seqexp.workflows.using.predict import predict
from seqexp.workflows.using.refit import refit
from seqexp.workflows.using.register import register

SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology.units=4", "topology=vector_output"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four runs of a year ago, trained once."""
    project = open_project(tmp_path_factory.mktemp("made"))
    for seed in range(4):
        _aged(request_run(project, project.compose_one([*SMALL, f"seed={seed}", "tracking=none"])).stored)
    return project.runs


@pytest.fixture
def runs(project: Project, made: Path) -> list[StoredRun]:
    """Four runs of a year ago, the best first."""
    shutil.copytree(made, project.runs)
    return sorted(list_runs(project.runs), key=lambda run: run.record.metrics["val/mae"])


def _aged(run: StoredRun, **changed: object) -> StoredRun:
    """Let a run have ended a year ago, and its manifest agree."""
    from seqexp.fingerprint import hash_file

    values = {**json.loads((run.path / RECORD).read_text()), "ended": time.time() - 365 * 86_400, **changed}
    (run.path / RECORD).write_text(json.dumps(values))
    sums = json.loads((run.path / "manifest.json").read_text())
    (run.path / "manifest.json").write_text(json.dumps({**sums, RECORD: hash_file(run.path / RECORD)}))
    return read_run(run.path)


def _gone(project: Project, keep: str = "best:1", older_than: str = "90d", **options: bool) -> set[Path]:
    found = prune(project, keep=keep, older_than=older_than, **options)
    return {pruned.run.path for pruned in found if not pruned.is_unsent}


def test_the_best_stay_and_of_the_others_what_is_large_goes(project: Project, runs: list[StoredRun]) -> None:
    would = list(prune(project, keep="best:2", older_than="90d", dry_run=True))
    assert {found.run.path for found in would} == {run.path for run in runs[2:]}
    assert all((run.path / "model.keras").is_file() for run in runs)
    sizes = {found.run.path: found.size for found in would}
    assert sizes[runs[3].path] == sum((runs[3].path / name).stat().st_size for name in ("model.keras", "forecasts.npz"))
    assert _gone(project, "best:2") == {run.path for run in runs[2:]}
    assert [(run.path / "model.keras").is_file() for run in runs] == [True, True, False, False]
    assert [damaged_files(run.path) for run in runs] == [[], [], [], []]
    assert _gone(project, "best:2") == set()  # there is nothing more to take
    assert all(finding.is_well for finding in examine(project.workspace, runs=True))


def test_a_pruned_run_says_so_when_it_is_asked_for_what_is_gone(project: Project, runs: list[StoredRun]) -> None:
    _gone(project, "best:0")
    run = seqexp.load(runs[0].path)
    assert run.metrics == runs[0].record.metrics
    assert len(run.history) == 1
    for ask in (lambda: run.model, lambda: run.forecasts, run.predict, lambda: predict(runs[0])):
        with pytest.raises(SeqexpError, match="was taken out to save room"):
            ask()


def test_pruned_runs_are_compared_by_the_figures_that_are_left(project: Project, runs: list[StoredRun]) -> None:
    other = request_run(project, project.compose_one([*SMALL, "topology.units=5", "tracking=none"])).stored
    (whole,) = compare_runs(project, [])
    assert len(whole.differences) == 1
    _gone(project, "best:0")
    (comparison,) = compare_runs(project, [])
    assert [row.label for row in comparison.block.rows] == [row.label for row in whole.block.rows]
    assert comparison.differences == ()
    assert "taken out to save room" in comparison.notes[0]
    (common,) = compare_runs(project, [], on_common=True)
    assert [row.run.path for row in common.block.rows if row.run] == [other.path]


def test_what_is_young_or_relied_on_stays(project: Project, runs: list[StoredRun]) -> None:
    assert _gone(project, "best:0", "400d", dry_run=True) == set()
    register(project, runs[0], "tides")
    child = refit(project, runs[1]).stored
    tagged = request_run(project, project.compose_one([*SMALL, "seed=9", "tracking=none", "tracking.tags={paper:a}"]))
    _aged(child)
    _aged(tagged.stored)
    assert _gone(project, "best:0") == {runs[2].path, runs[3].path}


@pytest.mark.parametrize("attempts", [False, True])
def test_what_mlflow_was_never_sent_stays_until_it_was(
    project: Project, runs: list[StoredRun], attempts: bool, command: Callable[..., Any]
) -> None:
    def track(run: StoredRun, uri: str | None) -> None:
        _aged(run, spec={**run.spec, "tracking": {**run.spec["tracking"], "mlflow": True, "uri": uri}})

    track(runs[1], None)
    track(runs[2], "htp://host")  # which can never be sent
    words = ["prune", "--keep", "best:0", "--older-than", "90d", *(["--attempts"] if attempts else [])]
    said = command(*words, "--dry-run", "--workspace", str(project.workspace)).out
    assert "1 run(s) that would go stay: MLflow was never sent them. seqexp sync sends them." in said
    assert "3 run(s), " in said
    assert _gone(project, "best:0", attempts=attempts) == {runs[0].path, runs[2].path, runs[3].path}
    assert (runs[1].path / "model.keras").is_file()
    Publisher(f"sqlite:///{project.workspace / 'mlflow.db'}", project.workspace).publish(runs[1], with_model=False)
    assert _gone(project, "best:0", attempts=attempts) == {runs[1].path}


def test_whole_attempts_go_when_they_are_asked_for(project: Project, runs: list[StoredRun]) -> None:
    assert _gone(project, attempts=True) == {run.path for run in runs[1:]}
    assert [run.path for run in list_runs(project.runs)] == [runs[0].path]
    assert [path.name for path in runs[0].path.parent.iterdir()] == [runs[0].path.name]


def test_a_rerun_goes_before_what_it_checks(project: Project, runs: list[StoredRun]) -> None:
    again = _aged(rerun(project, str(runs[0].path)).outcome.stored)
    assert _gone(project) == {*(run.path for run in runs[1:]), again.path}


def test_a_damaged_run_is_left_for_a_person_to_look_at(project: Project, runs: list[StoredRun]) -> None:
    (runs[3].path / "history.csv").write_text("changed")
    assert runs[3].path not in _gone(project, attempts=True)


@pytest.mark.parametrize(
    ("keep", "older_than", "says"),
    [("3", "90d", "--keep: expected best:NUMBER"), ("best:x", "90d", "--keep"), ("best:3", "90", "--older-than")],
)
def test_what_cannot_be_read_removes_nothing(project: Project, keep: str, older_than: str, says: str) -> None:
    with pytest.raises(SeqexpError, match=says):
        list(prune(project, keep=keep, older_than=older_than))
