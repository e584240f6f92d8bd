"""The audit finds nothing where nothing leaks, and each of these leaks where one was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seqexp.data.dataset as dataset_module
import seqexp.data.placing as placing_module
import seqexp.data.series as series_module
import seqexp.workflows.checking.leakage as leakage_module
from seqexp.data.splits import Bounds, split_bounds
from seqexp.data.windows import window_starts
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.checking.leakage import check_leakage

Compose = Callable[..., ExperimentSpec]


def _leaks(spec: ExperimentSpec) -> str:
    return "; ".join(verdict.check for verdict in check_leakage(spec) if not verdict.holds)


@pytest.fixture
def table(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=300, freq="D")
    frame = pd.DataFrame({"day": days, "y": random.normal(size=300).cumsum(), "x": random.normal(size=300)})
    frame.loc[random.random(300) < 0.02, "y"] = np.nan
    frame.loc[0, "y"] = 0.0
    frame.drop(index=[40, 41, 250]).to_csv(tmp_path / "t.csv", index=False)
    return ["data=table", f"data.path={tmp_path / 't.csv'}", "data.time=day", "data.targets=y", "data.features=all"]


@pytest.mark.parametrize(
    "words",
    [
        ["topology=encoder_decoder"],
        ["topology=many_to_many", "timesteps=7"],
        ["topology=one_to_many"],
        ["data.scaler=minmax", "data.missing=drop"],
        ["data.scaler=robust", "evaluation=weekly"],
    ],
    ids=lambda words: words[0],
)
def test_nothing_leaks(words: list[str], table: list[str], compose: Compose) -> None:
    verdicts = list(check_leakage(compose(*table, "data.missing=forward_fill", *words)))
    assert [verdict.check for verdict in verdicts if not verdict.holds] == []
    assert len(verdicts) > 12


@pytest.mark.parametrize("data", ["household_power", "co2", "sine"])
def test_nothing_leaks_in_what_ships(data: str, compose: Compose) -> None:
    assert _leaks(compose(f"data={data}")) == ""


def test_long_windows_around_holes_are_audited_too(compose: Compose) -> None:
    assert _leaks(compose("data=household_power", "data.missing=drop", "timesteps=150")) == ""


def test_a_scaler_fitted_on_everything_is_caught(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    real = dataset_module.fit_scaler
    read: list[Any] = []

    def leaky(kind: Any, values: Any) -> Any:
        return real(kind, read[-1].targets_TK)

    def remember(*args: Any, **kwargs: Any) -> Any:
        read.append(series_module.read_series(*args, **kwargs))
        return read[-1]

    monkeypatch.setattr(dataset_module, "read_series", remember)
    monkeypatch.setattr(dataset_module, "fit_scaler", leaky)
    assert "the scalers stay when all after the train split changes" in _leaks(compose("data=sine"))


def test_a_source_that_fills_holes_from_behind_is_caught(
    table: list[str], compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = compose(*table, "data.missing=forward_fill")
    assert _leaks(spec) == ""
    monkeypatch.setattr(pd.DataFrame, "ffill", lambda frame: frame.bfill().interpolate())
    assert "what is read knows nothing of later steps" in _leaks(spec)


def test_a_smoothing_source_is_caught(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """A centred moving average looks half its length ahead."""
    real = series_module._numbers

    def smoothed(*args: Any) -> pd.DataFrame:
        return real(*args).rolling(9, center=True, min_periods=1).mean()

    monkeypatch.setattr(series_module, "_numbers", smoothed)
    leaks = _leaks(compose("data=sine"))
    assert "the scaled targets stay when all after the train split changes" in leaks
    assert "inputs and baselines of single test windows stay" in leaks


def test_splits_that_overlap_are_caught(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    def overlapping(*args: Any) -> Bounds:
        bounds = split_bounds(*args)
        return replace(bounds, validation=(bounds.validation[0] - 20, bounds.validation[1]))

    monkeypatch.setattr(dataset_module, "split_bounds", overlapping)
    leaks = _leaks(compose("data=sine"))
    assert "no target step lies in two splits" in leaks
    assert "the splits follow each other in time" in leaks


def test_windows_that_are_there_twice_are_caught(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing_module, "window_starts", lambda *args: np.repeat(window_starts(*args), 2))
    assert "no window is there twice" in _leaks(compose("data=sine"))


def test_a_baseline_that_looks_ahead_is_caught(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    real = leakage_module.naive_forecasts
    monkeypatch.setattr(
        leakage_module,
        "naive_forecasts",
        lambda history, first_W, own: real(history, np.minimum(first_W + 3, 990), own),
    )
    assert "baselines" in _leaks(compose("data=sine"))


def test_a_model_that_reads_its_own_targets_is_caught(compose: Compose) -> None:
    layers = "topology.layers=[{Bidirectional:{layer:{LSTM:{units:3,return_sequences:true}}}},{Dense:{units:1}}]"
    spec = compose("data=sine", "topology=many_to_many", "topology.contract.alignment=next", "timesteps=6", layers)
    assert _leaks(spec) == "no output reads its own target"


def test_several_series_hold_and_a_statistic_that_crosses_is_caught(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    pieces = [
        pd.DataFrame(
            {"day": pd.date_range("2024-01-01", periods=rows, freq="D"), "id": name, "y": random.normal(size=rows)}
        )
        for name, rows in {"a": 150, "b": 200}.items()
    ]
    pd.concat(pieces).to_csv(tmp_path / "p.csv", index=False)
    words = ["data=table", f"data.path={tmp_path / 'p.csv'}", "data.time=day", "data.targets=y", "data.series=id"]
    spec = compose(*words, "data.transform=difference")
    assert _leaks(spec) == ""
    real = dataset_module._rows
    monkeypatch.setattr(
        dataset_module,
        "_rows",
        lambda stretches: slice(stretches[0][0], stretches[-1][1]) if len(stretches) > 1 else real(stretches),
    )
    assert "the scalers stay" in _leaks(spec)  # the rows of the first series' test split lie between
    monkeypatch.undo()
    monkeypatch.setattr(
        placing_module, "window_starts", lambda shape, bounds, stride, begin: window_starts(shape, bounds, stride)
    )
    assert "no window crosses from one series to another" in _leaks(compose(*words))
