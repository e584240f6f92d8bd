"""Several series in one table: no window, statistic or baseline crosses from one to another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.dataset import Dataset, prepare_dataset, read_data
from seqexp.data.snapshot import KeptSeries, as_arrays, name_of
from seqexp.errors import ConfigError, DataError
from seqexp.evaluation.baselines import naive_forecasts
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.snapshots import snapshot_path, write_snapshot
from seqexp.workflows.running.issue import Issued
from seqexp.workflows.running.judge import history_of, make_judge

Compose = Callable[..., ExperimentSpec]
WORDS = ["data=table", "data.path=t.csv", "data.series=shop", "data.targets=v", "data.time=date"]
LENGTHS = ["timesteps=7", "output_length=3", "topology=vector_output"]
SIZES = {"north": 120, "south": 90, "east": 150}


def _frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    pieces = []
    for number, (shop, rows) in enumerate(SIZES.items(), start=1):
        values = 100.0 * number + 10 * (np.arange(rows) % 7) + random.normal(size=rows)
        days = pd.date_range("2024-01-01", periods=rows, freq="D")
        pieces.append(
            pd.DataFrame({"date": days, "shop": shop, "v": values, "size": float(number), "rain": values % 3})
        )
    return pd.concat(pieces)


@pytest.fixture(autouse=True)
def _table(tmp_path: Path) -> None:
    _frame().sort_values("date", kind="stable").to_csv(tmp_path / "t.csv", index=False)


def _prepare(compose: Compose, *words: str) -> Dataset:
    return prepare_dataset(compose(*WORDS, *LENGTHS, *words))


def test_no_window_crosses_from_one_series_to_another(compose: Compose) -> None:
    dataset = _prepare(compose)
    parts = dataset.series.parts
    assert {part.name: part.stop - part.start for part in parts} == SIZES
    for split, starts_W in dataset.starts.items():
        begins = dataset.series.parts
        for start in starts_W:
            assert any(part.start <= start and start + 10 <= part.stop for part in begins), split
    assert len(dataset.starts["test"]) == sum(round(0.15 * rows) - 2 for rows in SIZES.values())


def test_each_series_is_split_by_itself_and_the_scaler_sees_all_training_rows(compose: Compose) -> None:
    dataset = _prepare(compose)
    frame = _frame()
    train = pd.concat([rows.iloc[: round(0.7 * len(rows))] for _, rows in frame.groupby("shop", sort=False)])
    assert dataset.target_scaler.center_F[0] == pytest.approx(train["v"].mean())
    assert dataset.target_scaler.scale_F[0] == pytest.approx(train["v"].std(ddof=0))


def test_what_each_series_forecasts_is_what_it_would_alone(compose: Compose, tmp_path: Path) -> None:
    spec = compose(*WORDS, *LENGTHS)
    dataset = prepare_dataset(spec)
    first_W = dataset.target_starts("test")
    together = naive_forecasts(history_of(spec, dataset), first_W)
    for part in dataset.series.parts:
        rows = _frame()[lambda frame, name=part.name: frame["shop"] == name]
        rows.to_csv(tmp_path / "one.csv", index=False)
        alone_spec = compose(*WORDS, *LENGTHS, "data.path=one.csv", "data.series=null")
        alone = prepare_dataset(alone_spec)
        expected = naive_forecasts(history_of(alone_spec, alone), alone.target_starts("test"))
        own_W = (first_W >= part.start) & (first_W < part.stop)
        for name in ("persistence", "seasonal_naive", "drift", "mean"):
            np.testing.assert_allclose(together[name][own_W], expected[name], rtol=1e-9)
        np.testing.assert_array_equal(dataset.true_WNK("test")[own_W], alone.true_WNK("test"))


def test_a_difference_does_not_reach_into_the_series_before(compose: Compose) -> None:
    dataset = _prepare(compose, "data.transform=seasonal_difference")
    for part in dataset.series.parts:
        assert np.isnan(dataset.targets_TK[part.start : part.start + 7]).all()
        assert not np.isnan(dataset.targets_TK[part.start + 7 : part.stop]).any()
    first_W = dataset.target_starts("test")
    scaled_WNK = dataset.targets_TK[first_W[:, None] + np.arange(3)]
    np.testing.assert_allclose(
        dataset.in_source_units(scaled_WNK, first_W, "future"), dataset.true_WNK("test"), rtol=1e-4
    )


def test_scores_are_told_for_each_series_and_scaled_by_its_own_changes(compose: Compose) -> None:
    spec = compose(*WORDS, *LENGTHS)
    dataset = prepare_dataset(spec)
    true_WNK = dataset.true_WNK("test")
    issued = Issued(dataset.target_starts("test"), true_WNK, true_WNK + 2.0, None)
    scores, _ = make_judge(spec, dataset).score("test", issued)
    frame = _frame()
    assert scores.series == {shop: pytest.approx({"mae": 2.0, "rmse": 2.0}) for shop in frame["shop"].unique()}
    by_hand, windows = [], []
    for _, rows in frame.groupby("shop", sort=False):
        train = rows["v"].iloc[: round(0.7 * len(rows))].to_numpy()
        by_hand.append(2.0 / np.abs(train[7:] - train[:-7]).mean())
        windows.append(round(0.15 * len(rows)) - 2)
    assert scores.overall["mase"] == pytest.approx(np.average(by_hand, weights=windows))


def test_what_never_changes_within_a_series_is_read_at_every_step(compose: Compose) -> None:
    dataset = _prepare(compose, "data.static=size")
    assert dataset.series.feature_names == ("v", "size")
    sizes_T = dataset.feature_scaler.inverse(dataset.inputs_TF)[:, 1]
    np.testing.assert_allclose(sizes_T, np.repeat([1.0, 2.0, 3.0], list(SIZES.values())), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (["data.series=shops"], "data.series", "no column 'shops'"),
        (["data.static=rain"], "data.static", "changes within the series north"),
        (["data.series=null", "data.static=size"], "data.static", "tells one series nothing"),
        (["data.split={train: 100, validation: 20, test: 20}"], "data.split", "series north: the splits need 140"),
        (["timesteps=140"], "data.split.train", "need at least"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], key: str, says: str, compose: Compose) -> None:
    with pytest.raises((ConfigError, DataError), match=says) as caught:
        _prepare(compose, *words)
    assert caught.value.problems[0].key == key


def test_a_hole_of_one_series_is_its_own(compose: Compose, tmp_path: Path) -> None:
    frame = _frame()
    frame.loc[(frame["shop"] == "south") & (frame.index < 3), "v"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="series south begins with 3 missing"):
        _prepare(compose, "data.missing=forward_fill")
    dataset = _prepare(compose, "data.missing=drop")
    assert len(dataset.starts["train"]) == sum(round(0.7 * rows) - 9 for rows in SIZES.values()) - 3


def test_a_copy_of_several_series_is_the_same_several(compose: Compose, tmp_path: Path) -> None:
    series = read_data(compose(*WORDS, *LENGTHS, "data.static=size"))
    write_snapshot(tmp_path, name_of(series), as_arrays(series))
    told = {
        "fingerprint": series.fingerprint,
        "frequency": series.frequency,
        "season": series.season,
        "features": list(series.feature_names),
        "targets": list(series.target_names),
    }
    again = KeptSeries.of(snapshot_path(tmp_path, name_of(series)), told).read()
    assert again.several == series.several
    np.testing.assert_array_equal(again.features_TF, series.features_TF)
    assert again.stamps is not None
    assert again.stamps.equals(series.stamps)
