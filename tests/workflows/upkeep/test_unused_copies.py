"""Copies of data go with the last run that names them, and never while it is not known what will."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqexp.cli.models import prune
from seqexp.store.claim import claim
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import RECORD, StoredRun, history_file, write_run
from seqexp.store.snapshots import list_snapshots, snapshot_path, write_snapshot
from seqexp.store.sweep_dir import own_sweep
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.upkeep.unused_copies import drop_unused_copies


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A workspace with two runs, of one content of data each, and a third content that no run names."""
    for name in ("aa", "bb", "cc"):
        write_snapshot(tmp_path / "runs", name, {"values": np.zeros(100)})
    for name in ("aa", "bb"):
        _run(tmp_path / "runs", f"{name}{name}", name)
    return open_project(tmp_path)


def _run(runs: Path, key: str, copy: str) -> StoredRun:
    spec = {"evaluation": {}, "tracking": {"mlflow": False}}
    data = {"snapshot": {"kind": "copy", "file": copy}}
    record = RunRecord("seqexp", key, 1, "FINISHED", 1.0, 2.0, "a run", spec=spec, metrics={"val/mae": 1.0}, data=data)
    return write_run(runs, record, {"history.csv": history_file([])})


def _left(project: Project) -> list[str]:
    return [path.stem for path in list_snapshots(project.runs)]


def test_what_no_run_names_goes(project: Project) -> None:
    size = snapshot_path(project.runs, "cc").stat().st_size
    assert drop_unused_copies(project, dry_run=True).gone == {snapshot_path(project.runs, "cc"): size}
    assert _left(project) == ["aa", "bb", "cc"]
    leaving = [project.runs / "seqexp" / "aaaa-1"]
    assert {path.stem for path in drop_unused_copies(project, leaving, dry_run=True).gone} == {"aa", "cc"}
    drop_unused_copies(project)
    assert _left(project) == ["aa", "bb"]
    assert drop_unused_copies(project).gone == {}


def test_the_command_says_what_went_and_how_much_was_freed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = sum(path.stat().st_size for path in list_snapshots(project.runs))
    runs = sum(path.stat().st_size for path in project.runs.glob("seqexp/*/*"))
    for dry_run, verb in ((True, "would go"), (False, "went")):
        prune("best:0", "1h", attempts=True, dry_run=dry_run, workspace=str(project.workspace))
        told = capsys.readouterr().out
        assert ".data/cc.npz  a copy of data that no run uses" in told
        assert f"2 run(s), 3 data file(s), {(sizes + runs) / 1e6:.2f} MB {verb}." in told
    assert _left(project) == []


def test_without_attempts_no_copy_is_touched(project: Project) -> None:
    prune("best:0", "1h", workspace=str(project.workspace), attempts=False, dry_run=False)
    assert _left(project) == ["aa", "bb", "cc"]


def test_while_something_is_trained_every_copy_stays(project: Project) -> None:
    with claim(project.runs, "seqexp", "dddd", on_wait=lambda: None):
        assert "under way" in drop_unused_copies(project).why_left
    with own_sweep(project.sweeps, {"name": "a", "key": "b"}):
        assert "under way" in drop_unused_copies(project).why_left
    assert _left(project) == ["aa", "bb", "cc"]
    assert drop_unused_copies(project).gone


def test_a_run_that_cannot_be_read_may_need_any(project: Project) -> None:
    (project.runs / "seqexp" / "aaaa-1" / RECORD).write_text("{")
    assert "aaaa-1 cannot be read" in drop_unused_copies(project).why_left
    assert _left(project) == ["aa", "bb", "cc"]
