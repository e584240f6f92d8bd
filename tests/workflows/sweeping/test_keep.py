"""``tracking.keep``: what stays of runs and sweeps when they are over, and what is never taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from seqexp.errors import StoreError
from seqexp.store.run_dir import FORECASTS, MODEL, StoredRun, taken_out
from seqexp.workflows.project import Project
from seqexp.workflows.rerunning.rerun import rerun
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import SweepResult, run_sweep
from seqexp.workflows.upkeep.doctor import examine
from seqexp.workflows.upkeep.sync import sync
from seqexp.workflows.using.predict import predict

SMALL = [
    "data=sine",
    "data.source.sine.length=200",
    "training.epochs=2",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "execution=inline",
]
UNTRACKED = [*SMALL, "tracking=none"]
RATES = "optimizer.learning_rate=0.01,0.00001"  # the first is better by far


def _left(run: StoredRun) -> list[str]:
    return [name for name in (MODEL, FORECASTS) if (run.path / name).is_file()]


def _sweep(project: Project, words: list[str]) -> list[StoredRun]:
    return [outcome.stored for outcome in run_sweep(project, plan_sweep(project, words)).outcomes]


def test_of_a_sweep_the_best_row_stays_with_all_of_its_seeds(project: Project) -> None:
    result = run_sweep(project, plan_sweep(project, [*SMALL, RATES, "seed=0,1", "tracking.keep=best"]))
    runs = [outcome.stored for outcome in result.outcomes]
    assert [_left(run) for run in runs] == [[MODEL, FORECASTS]] * 2 + [[]] * 2
    assert result.freed.runs == 2
    assert result.as_values()["taken_out"] == {"runs": 2, "bytes": result.freed.size}
    assert all(finding.is_well for finding in examine(project.workspace, runs=True))
    client = MlflowClient(f"sqlite:///{project.workspace / 'mlflow.db'}")
    shown = [{file.path for file in client.list_artifacts(str(outcome.mlflow_run_id))} for outcome in result.outcomes]
    assert [FORECASTS in files for files in shown] == [True, True, False, False]
    assert all("record.json" in files for files in shown)


def test_models_and_forecasts_may_stay_by_different_words(project: Project) -> None:
    runs = _sweep(project, [*UNTRACKED, RATES, "tracking.keep={models: best, forecasts: none}"])
    assert [_left(run) for run in runs] == [[MODEL], []]
    assert taken_out(runs[1].path) == {MODEL: "tracking.keep.models=best", FORECASTS: "tracking.keep.forecasts=none"}


def test_only_what_the_sweep_trained_itself_is_taken_out(project: Project) -> None:
    before = request_run(project, project.compose_one([*UNTRACKED, "optimizer.learning_rate=0.00001"])).stored
    runs = _sweep(project, [*UNTRACKED, "optimizer.learning_rate=0.01,0.00001,0.00002", "tracking.keep=best"])
    assert runs[1].path == before.path
    assert [len(_left(run)) for run in runs] == [2, 2, 0]


def test_a_sweep_that_was_interrupted_is_thinned_out_when_it_is_over(project: Project) -> None:
    class Interrupt(Reporter):
        def ended(self, number: int, stored: StoredRun | None = None) -> None:
            raise KeyboardInterrupt

    words = [*UNTRACKED, "optimizer.learning_rate=0.00001,0.01", "tracking.keep=best"]
    result = SweepResult()
    with pytest.raises(KeyboardInterrupt):
        run_sweep(project, plan_sweep(project, words), reporter=Interrupt(), result=result)
    (first,) = [outcome.stored for outcome in result.outcomes]
    assert len(_left(first)) == 2  # which is best is not known yet
    runs = _sweep(project, words)
    assert runs[0].path == first.path
    assert [len(_left(run)) for run in runs] == [0, 2]


def test_where_nothing_is_ranked_everything_stays(project: Project) -> None:
    runs = _sweep(
        project, [*UNTRACKED, RATES, "data.split={train: 0.8, validation: 0, test: 0.2}", "tracking.keep=best"]
    )
    assert [len(_left(run)) for run in runs] == [2, 2]


def test_a_run_by_itself_is_its_own_best(project: Project) -> None:
    best = request_run(project, project.compose_one([*UNTRACKED, "tracking.keep=best"])).stored
    assert len(_left(best)) == 2
    none = request_run(project, project.compose_one([*UNTRACKED, "seed=1", "tracking.keep=none"])).stored
    assert _left(none) == []
    with pytest.raises(StoreError, match=r"has no model.keras.*tracking.keep.models=none.*\n.*seqexp rerun") as caught:
        predict(none)
    assert none.path.name in str(caught.value)


def test_what_is_asked_for_again_stays(project: Project) -> None:
    gone = request_run(project, project.compose_one([*UNTRACKED, "tracking.keep=none"])).stored
    again = rerun(project, gone.path.name)
    assert again.verdict.outcome == "bitwise"
    assert len(_left(again.outcome.stored)) == 2
    assert len(predict(again.outcome.stored)) == 7


def test_what_a_store_missed_stays_until_it_was_sent(
    project: Project, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    single = request_run(project, project.compose_one([*SMALL, "name=single", "tracking.keep=none"])).stored
    (swept,) = _sweep(project, [*SMALL, "tracking.keep=none"])
    assert [_left(run) for run in (single, swept)] == [[MODEL, FORECASTS]] * 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    list(sync(project))
    assert _left(single) == []
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    (shown,) = client.search_runs([client.get_experiment_by_name("single").experiment_id])
    assert FORECASTS not in {file.path for file in client.list_artifacts(shown.info.run_id)}
