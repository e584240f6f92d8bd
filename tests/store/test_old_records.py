"""Records of every schema there was, as they were written: each is still read, shown, and held against others.

They are frozen. A change that cannot read one of them needs a step in ``store/record.py``, not another file here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqexp.spec.validate import validate
from seqexp.store.find_runs import find_run, list_runs
from seqexp.store.record import SCHEMA
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.publishing.project_run import _note
from seqexp.workflows.reading.compare import changed_keys
from seqexp.workflows.reading.leaderboard import build_leaderboard
from seqexp.workflows.using.load import Run

FROZEN = Path(__file__).parent / "records"
SCHEMAS = range(1, SCHEMA + 1)


def _run(schema: int) -> StoredRun:
    (folder,) = (FROZEN / f"schema-{schema}").iterdir()
    return find_run(folder.name, FROZEN)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_record_of_every_schema_is_read(schema: int) -> None:
    run = _run(schema)
    assert run.record.schema == schema
    assert run.record.status == "FINISHED"
    assert run.history[0]["epoch"] == 1
    first = "step/accuracy" if run.spec["data"]["name"] == "copy_memory" else "step/mae"
    assert len(run.steps[first]) == run.spec["output_length"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_its_spec_is_one_of_today(schema: int) -> None:
    spec = validate(_run(schema).spec)
    assert spec.evaluation.origins.every == 1
    assert Run(_run(schema)).spec.as_tree()["evaluation"]["origins"] == {"every": 1, "at": None}


def test_all_of_them_stand_in_a_leaderboard_and_beside_each_other() -> None:
    runs = list(list_runs(FROZEN))
    assert {run.record.schema for run in runs} == set(SCHEMAS)
    blocks = build_leaderboard(runs)
    assert sum(len(row.runs) for block in blocks for row in block.rows) == len(runs)
    assert all(row.rank is not None for block in blocks for row in block.rows if row.run)
    assert "topology.name" in {key for key, _ in changed_keys(runs)}


def test_a_note_of_a_run_with_scaled_figures_is_written() -> None:
    run = _run(SCHEMA)
    scaled = {**run.record.baselines, "baseline/linear/scaled/mae": 0.5}
    told = replace(run, record=replace(run.record, baselines=scaled))
    assert "| linear |" in _note(told, told.spec)
