"""A run trained once more on every row: what it reads, what it claims, and whose it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqexp
from seqexp.data.dataset import prepare_dataset
from seqexp.errors import SeqexpError
from seqexp.store.run_dir import StoredRun, damaged_files
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.reading.compare import compare_runs
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.using.refit import refit, spec_on_all

WORDS = ["data=table", "data.time=day", "data.targets=sales", "data.transform=difference", "topology=vector_output"]
WORDS += ["topology.units=4", "timesteps=6", "output_length=2", "training.epochs=3", "evaluation.conformal={level:0.5}"]


def _write(path: Path, rows: int) -> Path:
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    pd.DataFrame({"day": days, "sales": 100.0 + np.arange(rows) % 7 + np.arange(rows) / 50}).to_csv(path, index=False)
    return path


def _run(project: Project, *words: str) -> StoredRun:
    path = _write(project.workspace / "a.csv", 150)
    return request_run(project, project.compose_one([*WORDS, f"data.path={path}", *words])).stored


def test_every_row_is_trained_on_for_the_best_count_of_epochs(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    parent = _run(project, "tracking=none", "training.early_stopping={patience:1}")
    outcome = refit(project, parent)
    run = outcome.stored
    assert run.record.status == "FINISHED", run.record.error
    assert run.record.run_key != parent.record.run_key
    assert run.record.fit["refit_of"] == parent.path.name
    assert len(run.history) == parent.record.fit["best_epoch"] == run.record.fit["epochs"]
    # Inputs of six steps, the first of which has no difference; targets up to the very last row.
    assert run.record.data["windows"] == {"train": 150 - 1 - 6 - 2 + 1, "validation": 0, "test": 0}
    assert run.record.data["bounds"]["train"] == [0, 150]
    assert damaged_files(run.path) == []
    again = refit(project, parent)
    assert again.was_done
    assert refit(project, parent, force=True).stored.record.attempt == 2


def test_no_figure_is_claimed_and_none_is_compared(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    parent = _run(project, "tracking=none")
    run = refit(project, parent).stored
    assert run.record.metrics == run.record.baselines == {}
    assert not [name for row in run.history for name in row if name.startswith("val")]
    (comparison,) = compare_runs(project, [])
    assert [row.run.path for row in comparison.block.rows if row.run] == [parent.path]


def test_it_forecasts_like_any_run_with_the_intervals_of_its_parent(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    parent = _run(project, "tracking=none")
    run = refit(project, parent).stored
    given = seqexp.load(run.path).predict()
    assert given["day"].astype(str).tolist() == ["2024-05-30", "2024-05-31"]
    assert run.record.data["radius"] == parent.record.data["radius"]
    assert (given["sales_upper"] - given["sales_lower"]).tolist() == pytest.approx(
        [2 * radius for (radius,) in parent.record.data["radius"]]
    )
    assert given["sales"].tolist() != seqexp.load(parent.path).predict()["sales"].tolist()


def test_other_data_are_read_only_when_they_are_asked_for(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    parent, copied = _run(project, "tracking=none", "data.snapshot=reference"), _run(project, "tracking=none", "seed=1")
    _write(tmp_path / "a.csv", 170)
    assert refit(project, copied).stored.record.data["bounds"]["train"] == [0, 150]  # of the copy
    with pytest.raises(SeqexpError, match=r"not those that .* was trained on"):
        refit(project, parent)
    run = refit(project, parent, current_data=True).stored
    assert run.record.data["bounds"]["train"] == [0, 170]


def test_a_run_without_a_result_has_no_best_epoch(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    parent = _run(project, "tracking=none", "optimizer=sgd", "optimizer.learning_rate=1e30")
    assert parent.record.status == "FAILED"
    with pytest.raises(SeqexpError, match="is FAILED"):
        refit(project, parent)


def test_mlflow_shows_whose_it_is_and_no_figure(workspace: Path, project: Project) -> None:
    from mlflow.tracking import MlflowClient

    parent = _run(project)
    outcome = refit(project, parent)
    assert outcome.warning == ""
    shown = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}").get_run(outcome.mlflow_run_id)
    assert shown.data.tags["refit_of"] == parent.path.name
    assert not [name for name in shown.data.metrics if name.startswith(("val/", "test/", "baseline/"))]
    assert shown.info.run_name.startswith("vector_output 6->2 seed 0 on all rows")


def test_only_all_rows_or_a_share_with_a_test_split() -> None:
    project = open_project()
    spec = project.compose_one(["data=sine"]).spec
    whole = spec_on_all(spec, 2)
    assert len(prepare_dataset(whole).starts["test"]) == 0
    for words in ("{train:0.9,validation:0,test:0}", "{train:1,validation:0,test:0}"):
        with pytest.raises(SeqexpError, match="0 leaves no rows"):
            project.compose_one(["data=sine", f"data.split={words}"])
