"""The data of runs are kept once for each content, and not where nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.errors import SeqexpError
from seqexp.store.find_runs import list_runs
from seqexp.store.snapshots import list_snapshots, snapshot_path
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.running import kept_data
from seqexp.workflows.running.requests import RunOutcome, request_run
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep
from seqexp.workflows.upkeep.doctor import examine
from seqexp.workflows.upkeep.sync import sync

SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology=vector_output", "topology.units=4"]


def _run(project: Project, *words: str) -> RunOutcome:
    return request_run(project, project.compose_one([*SMALL, "tracking=none", *words]))


def test_runs_on_the_same_data_share_a_copy(project: Project) -> None:
    first = _run(project).stored.record
    second = _run(project, "seed=1").stored.record
    other = _run(project, "data.source.sine.seed=1").stored.record
    assert first.data["snapshot"] == second.data["snapshot"] == {"kind": "copy", "file": first.data["fingerprint"]}
    assert other.data["snapshot"] != first.data["snapshot"]
    assert len(list_snapshots(project.runs)) == 2


def test_copies_are_no_runs_for_anybody_else(project: Project) -> None:
    _run(project)
    assert len(list(list_runs(project.runs))) == 1
    assert list(sync(project)) == []
    findings = list(examine(project.workspace, runs=True))
    assert all(finding.is_well for finding in findings)
    assert not [finding for finding in findings if finding.subject == "half-written"]
    assert [finding.text[:2] for finding in findings if finding.subject == "copies of data"] == ["1,"]


def test_doctor_finds_a_damaged_copy(project: Project) -> None:
    _run(project)
    (path,) = list_snapshots(project.runs)
    path.write_bytes(path.read_bytes()[:-100])
    assert [finding.subject for finding in examine(project.workspace, runs=True) if not finding.is_well] == ["damaged"]
    assert all(finding.is_well for finding in examine(project.workspace))


def test_a_sweep_keeps_its_data_too(project: Project) -> None:
    words = [*SMALL, "tracking=none", "execution=inline", "data.source.sine.seed=0,1", "seed=0,1"]
    outcomes = run_sweep(project, plan_sweep(project, words)).outcomes
    names = {outcome.stored.record.data["snapshot"]["file"] for outcome in outcomes}
    assert names == {path.stem for path in list_snapshots(project.runs)}
    assert len(names) == 2


def test_where_no_copy_is_kept_the_record_says_why(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _run(project, "data.snapshot=reference").stored.record
    assert asked.data["snapshot"] == {"kind": "reference", "reason": "data.snapshot=reference"}
    monkeypatch.setattr(kept_data, "MOST_VALUES", 100)
    large = _run(project, "seed=1").stored.record
    assert large.data["snapshot"]["reason"] == "it has 400 values, and copies have 100 at most"
    words = ["data=adding", "data.source.adding.examples=100", "training.epochs=1", "topology=many_to_one"]
    made = request_run(project, project.compose_one([*words, "tracking=none"]))
    assert made.stored.record.data["snapshot"]["reason"] == "its examples are generated from a seed"
    assert not list_snapshots(project.runs)


def test_a_file_in_the_place_of_the_copies_stops_no_run(project: Project) -> None:
    project.runs.mkdir()
    snapshot_path(project.runs, "x").parent.write_text("a file")
    record = _run(project).stored.record
    assert record.status == "FINISHED"
    assert record.data["snapshot"]["reason"] == "a copy could not be written"


def test_a_request_that_is_refused_leaves_no_copy(project: Project, write: Callable[[str, str], Path]) -> None:
    write("conf/topology/mine.yaml", "layers:\n  - LSTM: {units: 4}\n")
    project = open_project(project.workspace)
    with pytest.raises(SeqexpError):
        request_run(project, project.compose_one(["topology=mine", "data=sine"]))
    assert not project.runs.exists()


def test_whether_a_copy_is_kept_is_no_part_of_the_run_key(project: Project) -> None:
    first = _run(project)
    again = _run(project, "data.snapshot=reference")
    assert again.was_done
    assert again.stored.path == first.stored.path
