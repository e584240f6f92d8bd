"""The tables of compare, read from MLflow: the numbers of the run directories, without reading one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqexp.cli.comparisons import print_comparisons
from seqexp.cli.table_formats import Format
from seqexp.errors import SeqexpError, StoreError
from seqexp.store.mlflow_runs import MlflowRuns
from seqexp.store.projection import ShownRun
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.publishing import project_run
from seqexp.workflows.publishing.summary import metric_name, run_of_summary, summary_tags
from seqexp.workflows.reading.compare import Comparison, as_values, changed_keys, compare_runs, compare_shown
from seqexp.workflows.reading.from_mlflow import find_shown
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.sweeping.plan import Plan, plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

SMALL = [
    "data=sine",
    "data.source.sine.length=300",
    "training.epochs=2",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "execution=inline",
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> tuple[Project, Plan, str]:
    """A sweep of two rates and two seeds, a backtest of two folds beside it, and where both are shown."""
    folder = tmp_path_factory.mktemp("workspace")
    shutil.copy(migrated_store, folder / "mlflow.db")
    project = open_project(folder)
    plan = plan_sweep(project, [*SMALL, "optimizer.learning_rate=0.01,0.0001", "seed=0,1"])
    run_sweep(project, plan)
    run_sweep(
        project, plan_sweep(project, [*SMALL, "evaluation=backtest", "evaluation.backtest.folds=2", "name=folds"])
    )
    return project, plan, f"sqlite:///{folder / 'mlflow.db'}"


def _tables(comparisons: list[Comparison]) -> list[dict[str, Any]]:
    """Return everything but what is measured on forecasts."""
    blocks = as_values(comparisons)["blocks"]
    return [{key: value for key, value in block.items() if key not in ("differences", "notes")} for block in blocks]


def test_the_tables_are_those_of_the_run_directories(
    done: tuple[Project, Plan, str], capsys: pytest.CaptureFixture[str]
) -> None:
    project, _, uri = done
    of_directories, of_mlflow = compare_runs(project, []), compare_shown(project, uri, [])
    assert len(of_mlflow) == 2
    assert _tables(of_mlflow) == _tables(of_directories)
    assert [found.differences for found in of_mlflow] == [(), ()]
    assert sum("not read from MLflow" in note for found in of_mlflow for note in found.notes) == 1  # of two rows
    rows = [[row.run for row in found.block.rows if row.run] for found in (of_directories[0], of_mlflow[0])]
    assert changed_keys(rows[1]) == changed_keys(rows[0])
    for found in (of_directories, of_mlflow):
        print_comparisons(found, Format.csv)
    lines = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    half = len(lines) // 2
    before = lines[0].index("difference")
    assert [line[:before] for line in lines[:half]] == [line[:before] for line in lines[half:]]


def test_conditions_choose_the_same_runs(done: tuple[Project, Plan, str]) -> None:
    project, _, uri = done
    for where in ("optimizer.learning_rate<0.001", "seed=1 and val/mae<100", "topology=encoder_decoder"):
        assert _tables(compare_shown(project, uri, [], where=where)) == _tables(compare_runs(project, [], where=where))
    with pytest.raises(SeqexpError, match="no run has a key 'timestep'"):
        compare_shown(project, uri, [], where="timestep=14")


def test_words_are_experiments_sweeps_and_runs(done: tuple[Project, Plan, str]) -> None:
    project, plan, uri = done
    key = plan.points[0].run_key
    for word, n_runs in (("folds", 2), ("seqexp", 4), (plan.key, 4), (plan.key[:6], 4), (key, 1), (f"{key}-1", 1)):
        assert len(find_shown(project, uri, [word])) == n_runs
        assert _tables(compare_shown(project, uri, [word])) == _tables(compare_runs(project, [word]))
    assert len(find_shown(project, uri, [key, "folds"])) == 3
    with pytest.raises(StoreError, match=r"shows nothing called 'fold'(.|\n)*Did you mean folds"):
        find_shown(project, uri, ["fold"])


def test_attempts_that_are_named_stand_apart_and_one_that_failed_is_refused(
    done: tuple[Project, Plan, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, plan, uri = done
    key = plan.points[0].run_key
    shown = MlflowRuns(uri, key="--from-mlflow").published()
    (first,) = (run for run in shown if run.tags["run_key"] == key)
    failed = {"attempt": "3", "error_reason": "diverged", "error": "train/loss is nan"}
    further = [
        replace(first, run_id="b" * 32, tags={**first.tags, "attempt": "2"}),
        replace(first, run_id="c" * 32, tags={**first.tags, **failed}, status="FAILED", metrics={}),
    ]
    monkeypatch.setattr(MlflowRuns, "published", lambda store: [*shown, *further])
    named = [f"{key}-1", "b" * 32]
    (comparison,) = compare_shown(project, uri, named)
    assert [row.label for row in comparison.block.rows if row.run] == [
        f"encoder_decoder 14->7 {word}" for word in named
    ]
    (comparison,) = compare_shown(project, uri, [key])
    assert len([row for row in comparison.block.rows if row.run]) == 1
    for word in (f"{key}-3", "c" * 32):
        with pytest.raises(StoreError, match=r"failed \(diverged\): train/loss is nan"):
            compare_shown(project, uri, [word])


def test_the_store_is_the_one_that_is_named_or_that_of_the_workspace(
    done: tuple[Project, Plan, str], tmp_path: Path, command: Callable[..., Any]
) -> None:
    project, _, uri = done
    assert find_shown(project, "", ["folds"]) == find_shown(project, uri, ["folds"])
    with pytest.raises(SeqexpError, match="--from-mlflow: there is no MLflow store"):
        find_shown(project, f"sqlite:///{tmp_path / 'none.db'}")
    elsewhere = ["--workspace", str(tmp_path)]  # where no run directory is
    for words in (["--from-mlflow", uri, "folds"], ["folds", "--from-mlflow", uri], [f"--from-mlflow={uri}", "folds"]):
        assert "2 folds" in command("compare", *words, *elsewhere).out
    assert "2 folds" in command("compare", "--from-mlflow", "folds", "--workspace", str(project.workspace)).out
    assert command("compare", "--from-mlflow", "folds", *elsewhere).code == 2  # its workspace has no store


def test_a_common_ground_needs_forecasts(done: tuple[Project, Plan, str]) -> None:
    project, _, uri = done
    with pytest.raises(SeqexpError, match="--on common"):
        compare_shown(project, uri, [], on_common=True)


def test_of_a_run_without_a_summary_the_record_is_fetched(
    project: Project, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    """Earlier releases published none."""
    monkeypatch.setattr(project_run, "summary_tags", lambda run: {})
    stored = request_run(project, project.compose_one(SMALL)).stored
    (shown,) = find_shown(project, f"sqlite:///{workspace / 'mlflow.db'}")
    assert shown.record == stored.record


def test_no_artifact_is_fetched_of_a_run_with_a_summary(
    done: tuple[Project, Plan, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: MlflowRuns, run: ShownRun, name: str) -> str:
        raise AssertionError(name)

    monkeypatch.setattr(MlflowRuns, "read_text", refuse)
    assert len(find_shown(done[0], done[2])) == 6


def test_a_long_summary_and_odd_names_come_back() -> None:
    metrics = {"val/mae": 0.1 + 0.2, "test/target/Größe (cm)/mae": 1.5}
    spec = {"name": "tall", "seed": 0, "data": {"targets": [f"Spalte {number} äöü" for number in range(1000)]}}
    data = {"targets": ["Größe (cm)"], "windows": {"train": 3}, "task": "a", "columns": {"untold": "x"}}
    record = RunRecord("tall", "abcd", 2, "FINISHED", 1.25, 2.5, "t", spec, metrics=metrics, data=data)
    tags = {**summary_tags(StoredRun(Path("nowhere"), record)), "run_key": "abcd", "attempt": "2"}
    assert all(len(text) <= 5000 for text in tags.values())
    assert len(tags) > 4
    shown = ShownRun("id", "tall", "FINISHED", 0, tags, {metric_name(name): value for name, value in metrics.items()})
    found = run_of_summary(shown)
    assert found.path.name == "abcd-2"
    assert found.record.metrics == metrics
    assert {**found.spec, "tracking": None, "execution": None} == {**spec, "tracking": None, "execution": None}
    assert found.record.data == {"targets": ["Größe (cm)"], "windows": {"train": 3}, "task": "a"}
    broken = ShownRun("id", "tall", "FINISHED", 0, {**tags, "seqexp.summary": "{"}, {})
    with pytest.raises(StoreError, match="cannot be read back"):
        run_of_summary(broken)
