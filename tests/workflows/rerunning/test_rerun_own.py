"""Runs with a user's own code, and refits: what a rerun says of the code, and what it keeps of its parent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.errors import ConfigError, StoreError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.rerunning.rerun import Rerun, rerun
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.using.refit import refit

Write = Callable[[str, str], Path]
TINY = ["data=sine", "data.source.sine.length=200", "topology=vector_output", "topology.units=4", "training.epochs=1"]
TINY += ["tracking=none"]
MINE = """
import seqexp

@seqexp.metric
def worst(true_WNK, forecast_WNK, by: float = 1.0):
    return float(abs(true_WNK - forecast_WNK).max()) / by

@seqexp.baseline
def last(history, first_W):
    return history.values_at(history.known_WN(first_W), first_W)
"""
LOADED = ["evaluation.metrics=[worst]", "evaluation.baselines=[last]"]


@pytest.fixture
def coded(tmp_path: Path, write: Write) -> StoredRun:
    """A run with a metric and a baseline of its own."""
    project = open_project(tmp_path, plugins=[write("mine.py", MINE)])
    return request_run(project, project.compose_one([*TINY, *LOADED])).stored


def _with(code: Path, run: StoredRun, *overrides: str) -> Rerun:
    return rerun(open_project(plugins=[code]), run.record.run_key, overrides)


def test_the_verdict_names_own_code_that_changed(coded: StoredRun, write: Write) -> None:
    done = _with(write("mine.py", MINE.replace("/ by", "/ by * 2")), coded)
    says = "drifted because own code changed: file mine.py, of which the run uses metric worst, baseline last: "
    assert done.verdict.text.startswith(says)
    assert [found.kind for found in done.verdict.differences] == ["own_code"]  # no word of another run key
    assert done.outcome.stored.record.run_key != coded.record.run_key
    assert {change.name.split(" ")[0].rpartition("/")[2] for change in done.verdict.changes} == {"worst"}


def test_an_edit_without_effect_is_told_beside_equal_figures(coded: StoredRun, write: Write) -> None:
    done = _with(write("mine.py", f"{MINE}\n# Told apart by its text alone.\n"), coded)
    assert done.verdict.outcome == "bitwise"
    assert [found.kind for found in done.verdict.differences] == ["own_code"]


def test_of_a_part_that_is_not_asked_for_any_more_the_code_does_not_matter(coded: StoredRun, write: Write) -> None:
    done = _with(write("mine.py", MINE.replace("/ by", "/ by * 2")), coded, "evaluation.metrics=[]")
    own = [found.text for found in done.verdict.differences if found.kind == "own_code"]
    assert own == ["own code changed: file mine.py, of which the run uses baseline last"]


def test_a_part_that_is_gone_or_takes_other_arguments_is_an_error(coded: StoredRun, write: Write) -> None:
    with pytest.raises(StoreError, match=r"uses own code.*metric worst, baseline last of mine.py"):
        _with(write("other.py", MINE.replace("def worst", "def best")), coded)
    with pytest.raises(StoreError, match="which is not loaded"):
        rerun(open_project(), coded.record.run_key)
    demanding = write("mine.py", MINE.replace("by: float = 1.0", "to: float"))
    with pytest.raises(ConfigError, match="none for this release of seqexp, or for the own code as it is now"):
        _with(demanding, coded)


WORDS = [*TINY, "evaluation.conformal={level:0.5}", "training.epochs=2"]


def test_a_refit_that_is_run_again_keeps_its_parent(project: Project) -> None:
    parent = request_run(project, project.compose_one(WORDS)).stored
    first = refit(project, parent).stored
    done = rerun(project, first.path.name)
    record = done.outcome.stored.record
    assert done.verdict.outcome == "bitwise"
    assert (record.rerun_of, record.fit["refit_of"]) == (first.path.name, parent.path.name)
    assert record.data["radius"] == parent.record.data["radius"]
    assert refit(project, parent).was_done  # it is found as what it is
    other = rerun(project, first.path.name, ["seed=3"]).outcome.stored.record
    assert "refit_of" not in other.fit  # the figures of the parent say nothing of another experiment
    plain = rerun(project, parent.path.name).outcome.stored.record
    assert "refit_of" not in plain.fit
    assert plain.data["radius"] == parent.record.data["radius"]
