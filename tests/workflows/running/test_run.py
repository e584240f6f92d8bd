"""One run from the spec to its record and to MLflow, and what happens when it does not end well."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import seqexp
from seqexp.errors import RunFailed, SeqexpError
from seqexp.store.find_runs import list_runs
from seqexp.store.requirements import requirements_file
from seqexp.store.run_dir import damaged_files, published_as
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.running import compute, train_and_score
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import RunOutcome, request_run
from seqexp.workflows.running.run import quick_run
from seqexp.workflows.sweeping.plan import plan_sweep

SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=2", "topology.units=4", "name=trial"]


def _run(project: Project, *overrides: str, **options) -> RunOutcome:
    return request_run(project, project.compose_one([*SMALL, *overrides]), **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> tuple[Project, RunOutcome]:
    """One run that several tests look at and none changes."""
    import shutil

    folder = tmp_path_factory.mktemp("once")
    shutil.copy(migrated_store, folder / "mlflow.db")
    project = open_project(folder)
    return project, _run(project, "tracking.tags={team: blue}", "training.metrics=[mae]")


def test_the_run_directory_is_complete(finished: tuple[Project, RunOutcome]) -> None:
    project, outcome = finished
    folder = outcome.stored.path
    assert folder.parent == project.runs / "trial"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "spec.yaml",
        "record.json",
        "history.csv",
        "forecasts.npz",
        "model.keras",
        "figures/forecast.png",
        "manifest.json",
        "steps.json",
        "requirements.txt",
        "mlflow.json",
    }
    assert damaged_files(folder) == []
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "FINISHED"
    assert record["environment"]["versions"]["keras"]
    assert set(record["timings"]) == {"start", "build", "compile", "fit", "evaluate", "write"}
    assert record["data"]["windows"] == {"train": 120, "validation": 24, "test": 24}


def test_the_scores_are_those_of_the_stored_forecasts(finished: tuple[Project, RunOutcome]) -> None:
    record, arrays = finished[1].stored.record, finished[1].stored.forecasts
    errors = np.abs(arrays["forecast"] - arrays["true"])
    assert record.metrics["test/mae"] == pytest.approx(errors.mean(), rel=1e-12)
    assert finished[1].stored.steps["step/mae"] == pytest.approx(errors.mean(axis=(0, 2)).tolist(), rel=1e-12)
    naive = np.abs(arrays["baseline_persistence"] - arrays["true"]).mean()
    assert record.baselines["baseline/persistence/mae"] == pytest.approx(naive, rel=1e-12)
    best = min(value for name, value in record.baselines.items() if name.startswith("base") and name.endswith("/mae"))
    assert record.metrics["test/skill"] == pytest.approx(1 - errors.mean() / best)


def test_mlflow_shows_all_of_it(finished: tuple[Project, RunOutcome]) -> None:
    project, outcome = finished
    client = MlflowClient(f"sqlite:///{project.workspace / 'mlflow.db'}")
    run = client.get_run(outcome.mlflow_run_id)
    record = outcome.stored.record
    assert client.get_experiment(run.info.experiment_id).name == "trial"
    assert run.info.status == "FINISHED"
    assert abs(run.info.start_time - record.started * 1000) < 1
    assert run.data.params["topology.layers.0.LSTM.units"] == "4"
    assert run.data.params["timesteps"] == "14"
    assert run.data.tags["team"] == "blue"
    assert run.data.tags["run_key"] == record.run_key
    assert run.data.tags["topology"] == "encoder_decoder"
    assert "encoder_decoder" in run.data.tags["mlflow.note.content"]
    measures = ("mae", "rmse", "mase")  # of a baseline; the others are in the record
    beside = {name: value for name, value in record.baselines.items() if name.endswith(measures)}
    assert {**record.metrics, **beside}.items() <= run.data.metrics.items()
    assert len(beside) < len(record.baselines)
    assert "baseline/persistence/mape" not in run.data.metrics
    losses = client.get_metric_history(outcome.mlflow_run_id, "val/loss")
    assert [point.step for point in losses] == [1, 2]
    assert [point.timestamp for point in losses] == [int(row["time"] * 1000) for row in outcome.stored.history]
    assert len(client.get_metric_history(outcome.mlflow_run_id, "train/mean_absolute_error")) == 2
    steps = client.get_metric_history(outcome.mlflow_run_id, "step/baseline/persistence/mae")
    assert [point.step for point in steps] == list(range(1, 8))
    assert {file.path for file in client.list_artifacts(outcome.mlflow_run_id, "figures")} == {"figures/forecast.png"}


def test_the_logged_model_forecasts_in_source_units(
    finished: tuple[Project, RunOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    project, outcome = finished
    uri = f"sqlite:///{project.workspace / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("trial").experiment_id
    logged = client.search_logged_models([experiment])
    assert [model.source_run_id for model in logged] == [outcome.mlflow_run_id]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # mlflow.set_tracking_uri would hold for all tests after this one
    model = mlflow.pyfunc.load_model(f"models:/{logged[0].model_id}")
    arrays = outcome.stored.forecasts
    run = seqexp.load(outcome.stored.path)
    from seqexp.data.series import read_series

    series = read_series(run.spec.data)
    starts_W = arrays["target_start"] - 14
    past = series.features_TF[starts_W[:, None] + np.arange(14)]
    assert np.allclose(model.predict(past), arrays["forecast"], atol=1e-4)


def test_a_run_on_few_windows_says_so(project: Project) -> None:
    splits = "data.split={train: 0.8, validation: 0.15, test: 0.05}"
    found = _run(project, splits, "tracking=none").stored.record
    assert found.data["windows"]["test"] < 10
    assert found.diagnostics["few_windows"].startswith(f"test has {found.data['windows']['test']} windows:")


def test_the_same_run_again_is_done_already(project: Project) -> None:
    first = _run(project)
    again = _run(project, "name=trial", "training.threads=1", "tracking.tags={a: b}")
    assert again.was_done
    assert again.stored.path == first.stored.path
    assert again.mlflow_run_id == first.mlflow_run_id
    repeated = _run(project, force=True)
    assert not repeated.was_done
    assert repeated.stored.record.attempt == 2
    assert repeated.stored.record.metrics == first.stored.record.metrics
    assert repeated.mlflow_run_id != first.mlflow_run_id


def test_publishing_twice_stores_everything_once(project: Project) -> None:
    outcome = _run(project)
    publisher = Publisher(f"sqlite:///{project.workspace / 'mlflow.db'}", project.workspace)
    (outcome.stored.path / "mlflow.json").unlink()
    assert publisher.publish(outcome.stored, with_model=True) == outcome.mlflow_run_id
    client = MlflowClient(publisher.uri)
    client.delete_tag(outcome.mlflow_run_id, "seqexp.published")  # as if the first time had been cut off
    (outcome.stored.path / "mlflow.json").unlink()
    assert publisher.publish(outcome.stored, with_model=True) == outcome.mlflow_run_id
    assert len(client.get_metric_history(outcome.mlflow_run_id, "val/loss")) == 2
    experiment = client.get_experiment_by_name("trial").experiment_id
    assert len(client.search_runs([experiment])) == 1
    assert len(client.search_logged_models([experiment])) == 1


def test_a_diverged_run_is_recorded_as_failed(project: Project) -> None:
    outcome = _run(project, "optimizer.name=SGD", "optimizer.learning_rate=1e9", "training.epochs=20")
    record = outcome.stored.record
    assert record.status == "FAILED"
    assert record.error["reason"] == "diverged"
    assert (outcome.stored.path / "error.txt").read_text().startswith(record.error["message"])
    run = MlflowClient(f"sqlite:///{project.workspace / 'mlflow.db'}").get_run(outcome.mlflow_run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == record.error["message"]


def test_a_run_that_takes_too_long_is_recorded_as_failed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Reporter):
        def epoch(self, number, event) -> None:  # after the first epoch a minute is over
            clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 60, perf_counter=time.perf_counter)
            monkeypatch.setattr(train_and_score, "time", clock)

    outcome = _run(project, "execution.timeout=60", "tracking=none", reporter=Late())
    record = outcome.stored.record
    assert record.status == "FAILED"
    assert record.error == {"reason": "timeout", "message": "it took longer than 60 s (execution.timeout)"}
    assert len(outcome.stored.history) == 1
    assert record.metrics == {}


def test_no_stage_begins_when_the_time_is_over() -> None:
    progress = train_and_score.Progress(timeout=1e-9)
    with pytest.raises(RunFailed, match=r"longer than 1e-09 s \(execution.timeout\)"), progress.timed("evaluate"):
        raise AssertionError("it begins")


class _Interrupt(Reporter):
    def epoch(self, number, event) -> None:
        raise KeyboardInterrupt


def test_an_interrupted_run_is_recorded_as_killed(project: Project) -> None:
    with pytest.raises(KeyboardInterrupt):
        _run(project, reporter=_Interrupt())
    (stored,) = list_runs(project.runs)
    assert stored.record.status == "KILLED"
    assert len(stored.history) == 1
    client = MlflowClient(f"sqlite:///{project.workspace / 'mlflow.db'}")
    assert client.get_run(next(iter(published_as(stored.path).values()))).info.status == "KILLED"


def test_a_model_that_does_not_fit_leaves_no_run(project: Project, write: Callable[[str, str], Path]) -> None:
    write("conf/topology/mine.yaml", "layers:\n  - LSTM: {units: 4}\n")
    project = open_project(project.workspace)
    with pytest.raises(SeqexpError):
        request_run(project, project.compose_one(["topology=mine", "data=sine"]))
    assert not project.runs.exists()


def test_a_server_that_does_not_answer_is_a_warning(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    outcome = _run(project, "tracking.uri=http://127.0.0.1:9")
    assert outcome.stored.record.status == "FINISHED"
    assert outcome.mlflow_run_id is None
    assert outcome.warning.startswith(
        "tracking.uri: MLflow at http://127.0.0.1:9 does not answer: the connection is refused, nothing listens there."
    )
    assert outcome.as_values()["mlflow_warning"] == outcome.warning
    again = _run(project)  # the same run; now with a store that answers
    assert again.as_values()["mlflow_warning"] is None
    assert again.was_done
    assert again.mlflow_run_id


def test_the_tracking_uri_has_its_order(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqexp.workflows.publishing.address import tracking_uri

    spec = project.compose_one([])
    assert tracking_uri(spec.spec.tracking, project.workspace) == f"sqlite:///{project.workspace / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://env")
    assert tracking_uri(spec.spec.tracking, project.workspace) == "http://env"
    asked = project.compose_one(["tracking.uri=http://mine"]).spec.tracking
    assert tracking_uri(asked, project.workspace) == "http://mine"


def test_a_variable_that_names_no_store_is_refused_before_anything_is_trained(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://host")
    for ask in (lambda: _run(project, reporter=_Interrupt()), lambda: plan_sweep(project, [*SMALL, "seed=1,2"])):
        with pytest.raises(SeqexpError, match="MLFLOW_TRACKING_URI: MLflow has no store for 'htp://host'"):
            ask()
    assert not project.runs.exists()
    assert len(plan_sweep(project, [*SMALL, "seed=1,2", "tracking=none"]).points) == 2


def test_all_parsing_is_over_when_mlflow_may_be_imported_beside_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads of Python 3.11 that parse at once can end in a SystemError; MLflow waits for the first epochs."""
    requirements_file.cache_clear()
    known_before = []

    def train(*words: object) -> None:
        known_before.append(requirements_file.cache_info().currsize)
        raise RunFailed("exception", "enough")

    monkeypatch.setattr(compute, "train", train)
    _run(project)
    assert known_before == [1]


def test_without_tracking_mlflow_is_left_alone(tmp_path: Path) -> None:
    outcome = _run(open_project(tmp_path), "tracking=none")
    assert outcome.mlflow_run_id is None
    assert not (tmp_path / "mlflow.db").exists()


def test_a_quick_run_records_nothing(project: Project) -> None:
    metrics, baselines = quick_run(project.compose_one(SMALL).spec)
    assert baselines["baseline/persistence/mae"] > 0
    assert metrics["test/mae"] > 0
    assert not project.runs.exists()


def test_a_folder_that_cannot_be_written_to_is_explained_before_anything_is_trained(project: Project) -> None:
    project.runs.write_text("a file where a folder should be")
    with pytest.raises(SeqexpError, match="cannot be written"):
        _run(project, reporter=_Interrupt())


def test_a_record_names_weights_columns_and_code(finished: tuple[Project, RunOutcome]) -> None:
    from seqexp.models.saved import load_model
    from seqexp.store.environment import code_state
    from seqexp.training.hash_weights import hash_weights

    record = finished[1].stored.record
    assert record.fit["initial_hash"] != record.fit["final_hash"]
    assert record.fit["final_hash"] == hash_weights(load_model(finished[1].stored.path / "model.keras"))
    assert record.fit["threads"] is None or record.fit["threads"] >= 1
    assert set(record.data["columns"]) == {"value"}
    assert record.environment["code"] == code_state()
    assert record.rerun_of == ""
