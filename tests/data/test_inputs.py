"""What a model reads besides its own past, from which steps it forecasts, and how far ahead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.errors import ConfigError, DataError
from seqexp.spec.experiment import ExperimentSpec

Compose = Callable[..., ExperimentSpec]
HOURLY = ["data=table", "data.path=h.csv", "data.time=date", "data.targets=v", "timesteps=6", "output_length=3"]


@pytest.fixture(autouse=True)
def _hours(tmp_path: Path) -> None:
    hours = pd.date_range("2024-01-01", periods=480, freq="h")
    step_T = np.arange(480)
    values = {"date": hours, "v": step_T % 24 + 0.1 * (step_T % 7), "price": step_T % 5, "o": step_T % 3}
    pd.DataFrame(values).to_csv(tmp_path / "h.csv", index=False)


def test_what_is_known_ahead_is_read_with_the_past_and_at_the_targets(compose: Compose) -> None:
    spec = compose(*HOURLY, "topology=vector_output", "data.future=price", "data.calendar=[hour]")
    dataset = prepare_dataset(spec)
    assert spec.data.n_features == 4
    assert dataset.inputs_TF.shape == (480, 4)
    assert dataset.series.feature_names == ("v", "price", "hour_sin", "hour_cos")
    assert dataset.ahead == (1, 2, 3)


@pytest.mark.parametrize(
    ("words", "n_features"),
    [
        (["data.features=all"], 3),
        (["data.features=all", "data.future=price"], 3),
        (["data.features=[o]", "data.future=[price]"], 2),
        (["data.features=[price,o]", "data.future=[price]"], 2),
        (["data.past=[o,price]"], 2),
        (["data.past=o,price"], 2),
        (["data.calendar=[hour,weekend]"], 4),
    ],
)
def test_the_features_are_counted_as_they_are_read(words: list[str], n_features: int, compose: Compose) -> None:
    spec = compose(*HOURLY, *words)
    assert spec.data.n_features == n_features
    assert prepare_dataset(spec).inputs_TF.shape[1] == n_features


def test_a_topology_without_the_layer_reads_the_calendar_of_the_past_alone(compose: Compose) -> None:
    dataset = prepare_dataset(compose(*HOURLY, "topology=many_to_many_last_n", "data.calendar=hour"))
    assert dataset.ahead == ()
    assert dataset.inputs_TF.shape[1] == 3


@pytest.mark.parametrize(
    ("words", "key", "message"),
    [
        (["topology=many_to_one", "data.future=price"], "data.future", "many_to_one cannot read what is known ahead"),
        (["data.future=v"], "data.future", "cannot be known ahead"),
        (["data.past=o", "data.features=o"], "data.past", "name the same thing"),
        (["data.calendar=hours"], "data.calendar", "a calendar has no 'hours'"),
        (["data.time=null", "data.calendar=hour"], "data.calendar", "needs stamps"),
        (["topology.contract.alignment=next", "data.lead=3"], "data.lead", "leaves no room for it"),
        (["data.transform=[difference,log]"], "data.transform", "a logarithm comes first"),
        (["evaluation.origins.at=25:00"], "evaluation.origins.at", "expected a time of the day"),
    ],
)
def test_what_does_not_fit_together_is_refused(words: list[str], key: str, message: str, compose: Compose) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        compose(*HOURLY, *words)
    assert key in {problem.key for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["data.lead=150"],
            r"timesteps=14, output_length=7 and data.lead=150 need at least 171 steps, but .* has 140 of the 200 rows"
            r"(.|\n)*Shorten data.lead, timesteps or output_length",
        ),
        (
            ["timesteps=150"],
            r"timesteps=150 and output_length=7 need at least 157 (.|\n)*Shorten timesteps or output_l",
        ),
    ],
)
def test_what_makes_windows_too_long_is_named(words: list[str], says: str, compose: Compose) -> None:
    with pytest.raises(DataError, match=says):
        prepare_dataset(compose("data=sine", "data.source.sine.length=200", *words))


def test_a_lead_moves_the_targets_and_nothing_else(compose: Compose) -> None:
    near, far = (prepare_dataset(compose(*HOURLY, *words)) for words in ([], ["data.lead=12"]))
    assert far.target_starts("test").tolist() == near.target_starts("test").tolist()
    assert (near.starts["test"] - far.starts["test"]).tolist() == [12] * len(near.starts["test"])


def test_origins_at_a_time_of_the_day(compose: Compose) -> None:
    dataset = prepare_dataset(compose(*HOURLY, 'evaluation.origins.at="10:00"', "data.lead=14"))
    stamps = dataset.series.stamps
    assert stamps is not None
    last_W = dataset.starts["test"] + 5
    assert set(stamps[last_W].hour) == {10}
    assert set(stamps[dataset.target_starts("test")].hour) == {1}  # 14 hours after the eleventh
    assert len(dataset.starts["train"]) > len(dataset.starts["test"]) * 24  # training windows start at every step
    every_second = prepare_dataset(compose(*HOURLY, "evaluation.origins={every: 48, at: '10:00'}"))
    assert set(np.diff(every_second.starts["test"])) <= {48}


def test_a_time_of_the_day_that_no_step_has_is_refused(compose: Compose) -> None:
    with pytest.raises(DataError, match="lies at 10:30"):
        prepare_dataset(compose(*HOURLY, 'evaluation.origins.at="10:30"'))
    with pytest.raises(DataError, match="needs stamps"):
        prepare_dataset(compose(*HOURLY, "data.time=null", 'evaluation.origins.at="10:00"'))


def test_a_hole_is_filled_with_the_value_of_a_season_before(compose: Compose, tmp_path: Path) -> None:
    frame = pd.read_csv(tmp_path / "h.csv")
    frame["v"] = np.arange(480.0)
    frame.loc[[100, 124, 130], "v"] = np.nan
    frame.to_csv(tmp_path / "h.csv", index=False)
    series = prepare_dataset(compose(*HOURLY, "data.missing=seasonal_fill")).series
    assert series.targets_TK[[100, 124, 130], 0].tolist() == [76.0, 76.0, 106.0]
    assert np.isnan(series.known_TK[[100, 124, 130]]).all()


def test_a_hole_in_what_is_known_ahead_leaves_out_the_windows_that_read_it(compose: Compose, tmp_path: Path) -> None:
    frame = pd.read_csv(tmp_path / "h.csv")
    frame.loc[[470], "price"] = np.nan
    frame.to_csv(tmp_path / "h.csv", index=False)
    dataset = prepare_dataset(compose(*HOURLY, "topology=vector_output", "data.future=price", "data.missing=drop"))
    first_W = dataset.target_starts("test")
    assert not ((first_W <= 470) & (first_W + 3 > 470)).any()
