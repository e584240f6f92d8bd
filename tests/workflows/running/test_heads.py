"""Heads that say how sure they are, and intervals around those that do not: trained, scored, and forecast with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.errors import ConfigError, DataError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import open_project
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.serving import Forecaster
from seqexp.workflows.using.predict import predict

SINE = ["data=sine", "data.source.sine.length=900", "data.source.sine.noise=0.3", "timesteps=24", "output_length=3"]
FAST = ["training.epochs=25", "topology.units=8", "optimizer.learning_rate=0.01", "tracking=none"]


def _run(tmp_path: Path, *words: str) -> StoredRun:
    project = open_project(tmp_path)
    series = [] if "data=table" in words else SINE
    return request_run(project, project.compose_one([*series, *FAST, *words])).stored


@pytest.mark.parametrize(
    ("words", "level"),
    [
        (["topology=vector_output", "topology.head=quantiles"], 0.9),
        (["topology=encoder_decoder", "topology.head=gaussian", "topology.quantiles=[0.1,0.5,0.9]"], 0.8),
        (["topology=vector_output", "evaluation.conformal={level: 0.8, share: 0.6}"], 0.8),
    ],
    ids=["quantiles", "gaussian", "conformal"],
)
def test_the_truth_lies_inside_about_as_often_as_was_said(words: list[str], level: float, tmp_path: Path) -> None:
    run = _run(tmp_path, *words)
    assert run.record.status == "FINISHED", run.record.error
    assert run.record.metrics["test/coverage"] == pytest.approx(level, abs=0.12)
    arrays = run.forecasts
    inside = (arrays["true"] >= arrays["lower"]) & (arrays["true"] <= arrays["upper"])
    assert inside.mean() == run.record.metrics["test/coverage"]
    assert (arrays["upper"] - arrays["lower"]).mean() == pytest.approx(run.record.metrics["test/interval_width"])
    assert ("test/pinball" in run.record.metrics) == (words[-1] != "evaluation.conformal={level: 0.8, share: 0.6}")
    assert len(run.steps["step/coverage"]) == 3
    forecast = predict(run)
    assert (forecast["value_lower"] < forecast["value"]).all()
    assert (forecast["value"] < forecast["value_upper"]).all()


def test_a_point_without_intervals_has_none(tmp_path: Path) -> None:
    run = _run(tmp_path, "topology=vector_output", "training.epochs=1")
    assert "test/coverage" not in run.record.metrics
    assert list(predict(run)) == ["step", "value"]


def test_calibration_windows_are_neither_validated_nor_tested_on(tmp_path: Path) -> None:
    spec = open_project(tmp_path).compose_one([*SINE, "evaluation.conformal={share: 0.4}"]).spec
    dataset = prepare_dataset(spec)
    start, stop = dataset.bounds.validation
    assert dataset.bounds.calibration == (stop, dataset.bounds.test[0])
    assert stop - start == pytest.approx(0.6 * 135, abs=1)
    last_validation = dataset.target_starts("validation").max() + 2
    assert last_validation < dataset.target_starts("calibration").min()
    assert dataset.target_starts("calibration").max() + 2 < dataset.target_starts("test").min()


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (["topology.head=quantile"], "topology.head", "quantiles"),
        (["topology.head={quantiles: [0.5]}"], "topology.head", "expected point"),
        (["topology.quantiles=[0.1,0.5,0.9]"], "topology.quantiles", "a point has no quantiles"),
        (["topology.head=quantiles", "training.loss=mae"], "training.loss", "is trained with"),
        (["training.loss=GaussianNLL"], "training.loss", "needs a head"),
        (["topology.head=gaussian", "training.metrics=[mae]"], "training.metrics", "compare one output"),
        (["topology.head=gaussian", "evaluation.conformal={}"], "evaluation.conformal", "intervals of its own"),
        (["topology.head=quantiles", "topology.quantiles=[0.1,0.9]"], "topology.quantiles", "0.5 among them"),
        (["topology.head=quantiles", "topology.quantiles=[0.9,0.5,0.1]"], "topology.quantiles", "rising"),
        (["evaluation.conformal={level: 1.5}"], "evaluation.conformal.level", "less than 1"),
        (
            ["evaluation.conformal={}", "data.split={train: 0.8, validation: 0, test: 0.2}"],
            "evaluation.conformal",
            "no rows",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(words: list[str], key: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_project(tmp_path).compose_one([*SINE, *words])
    problem = next(problem for problem in caught.value.problems if problem.key == key)
    assert says in f"{problem.message} {problem.mend}"


def test_too_few_windows_to_calibrate_on_are_refused(tmp_path: Path) -> None:
    spec = open_project(tmp_path).compose_one([*SINE, "evaluation.conformal={level: 0.99}"]).spec
    with pytest.raises(DataError, match=r"level 0\.99 needs 99 windows"):
        prepare_dataset(spec)


def test_quantiles_are_not_summed_up_over_steps(tmp_path: Path) -> None:
    words = [*SINE, "topology.head=quantiles"]
    with pytest.raises(DataError, match="cannot be summed up over steps"):
        prepare_dataset(open_project(tmp_path).compose_one([*words, "data.transform=difference"]).spec)
    prepare_dataset(open_project(tmp_path).compose_one([*words, "data.transform=seasonal_difference"]).spec)


def _hours(path: Path, rows: int, known: int) -> None:
    hours = pd.date_range("2024-01-01", periods=rows, freq="h")
    price_T = np.random.default_rng(0).integers(0, 2, rows).astype(float)
    frame = pd.DataFrame({"date": hours, "v": 10 + 5 * price_T, "price": price_T})
    frame.loc[known:, "v"] = np.nan
    frame.to_csv(path, index=False)


def test_a_forecast_reads_what_is_known_ahead(tmp_path: Path) -> None:
    _hours(tmp_path / "h.csv", 400, 400)
    table = ["data=table", f"data.path={tmp_path / 'h.csv'}", "data.time=date", "data.targets=v", "data.future=price"]
    lengths = ["timesteps=4", "output_length=3", "data.lead=2", "topology=encoder_decoder", "data.calendar=[hour]"]
    run = _run(tmp_path, *table, *lengths, "topology.units=8", "training.epochs=60", "data.transform=log")
    assert run.record.status == "FINISHED", run.record.error
    assert run.record.metrics["test/mae"] < 0.5  # the price decides the value, and nothing else does
    _hours(tmp_path / "new.csv", 305, 300)
    forecast = predict(run, tmp_path / "new.csv")
    prices = pd.read_csv(tmp_path / "new.csv")["price"].to_numpy()[302:305]
    np.testing.assert_allclose(forecast["v"], 10 + 5 * prices, atol=1.0)
    assert forecast["date"].astype(str).tolist()[0] == "2024-01-13 14:00:00"
    _hours(tmp_path / "short.csv", 303, 300)
    with pytest.raises(DataError, match=r"needs what is known ahead of the 3 step\(s\)"):
        predict(run, tmp_path / "short.csv")


@pytest.mark.parametrize("topology", ["vector_output", "many_to_many"])
def test_what_is_served_is_what_was_scored(topology: str, tmp_path: Path) -> None:
    words = [f"topology={topology}", "data.transform=[seasonal_difference,difference]", "training.epochs=1"]
    words += ["output_length=24"] if topology == "many_to_many" else []
    run = _run(tmp_path, *words)
    forecaster = Forecaster(run.path)
    assert forecaster.rows == 24 + 24 + 1
    data = json.loads((run.path / "record.json").read_text())["data"]
    assert data["transform"] == [24, 1]
    dataset = prepare_dataset(open_project(tmp_path).compose_one([*SINE, *FAST, *words]).spec)
    last = int(dataset.starts["test"][-1]) + 24
    past_RF = dataset.series.targets_TK[last - forecaster.rows : last]
    np.testing.assert_allclose(forecaster.predict(past_RF[None])[0], run.forecasts["forecast"][-1], rtol=1e-5)
