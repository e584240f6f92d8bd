"""A copy of a series gives the very same series again, and damage is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.columns import fingerprint_columns
from seqexp.data.dataset import prepare_dataset, read_data
from seqexp.data.series import Series, read_series
from seqexp.data.snapshot import KeptSeries, as_arrays, check_copy, name_of
from seqexp.errors import DataError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.snapshots import drop_snapshot, list_snapshots, snapshot_path, write_snapshot

Compose = Callable[..., ExperimentSpec]


def _table(path: Path, kind: str) -> list[str]:
    """Write a table of one kind, and return how to read it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.normal(size=90), "c": rng.normal(size=90)})
    words = ["data=table", f"data.path={path}", "data.targets=[b]", "data.features=all"]
    if kind == "float32":
        frame = frame.astype({"a": np.float32, "b": np.float32, "c": np.float32})
    if kind in {"holes", "filled"}:
        frame.loc[[5, 6, 40], "b"] = np.nan
        words.append("data.missing=drop" if kind == "holes" else "data.missing=forward_fill")
    if kind in {"zone", "offset", "calendar"}:
        hours = pd.date_range("2024-10-25", periods=90, freq="h", tz="Europe/Paris")
        frame["t"] = hours if kind != "offset" else hours.tz_convert("UTC+02:00")
        words.append("data.time=t")
        if kind == "calendar":
            words.append("data.calendar=[hour,weekend]")
    if kind == "several":
        frame["shop"] = ["north", "south"] * 45
        words.append("data.series=shop")
    if kind == "targets alone":
        words[-1] = "data.features=null"
    frame.to_parquet(path)
    return words


def _kept(series: Series, runs: Path) -> KeptSeries:
    write_snapshot(runs, name_of(series), as_arrays(series))
    path = snapshot_path(runs, name_of(series))
    names = (series.feature_names, series.target_names)
    return KeptSeries(path, series.fingerprint, series.frequency, series.season, *names)


KINDS = ["plain", "several", "float32", "holes", "filled", "zone", "offset", "calendar", "targets alone"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_gives_the_very_same_series(kind: str, compose: Compose, tmp_path: Path) -> None:
    series = read_series(compose(*_table(tmp_path / "t.parquet", kind)).data)
    again = _kept(series, tmp_path / "runs").read()
    for name in ("features_TF", "targets_TK", "observed_T"):
        one, two = getattr(series, name), getattr(again, name)
        assert one.dtype == two.dtype
        assert one.tobytes(order="A") == two.tobytes(order="A")
        assert (one.flags.c_contiguous, one.flags.f_contiguous) == (two.flags.c_contiguous, two.flags.f_contiguous)
    assert (series.features_TF is series.targets_TK) == (again.features_TF is again.targets_TK)
    if series.stamps is None:
        assert again.stamps is None
    else:
        assert again.stamps.equals(series.stamps)
        assert again.stamps.dtype == series.stamps.dtype
        assert str(again.stamps.tz) == str(series.stamps.tz)
    for name in ("frequency", "season", "year", "feature_names", "target_names", "fingerprint", "several"):
        assert getattr(again, name) == getattr(series, name)
    check_copy(list_snapshots(tmp_path / "runs")[0])


def test_the_same_numbers_in_another_type_are_another_copy(compose: Compose, tmp_path: Path) -> None:
    words = _table(tmp_path / "t.parquet", "float32")
    single = read_series(compose(*words).data)
    pd.read_parquet(tmp_path / "t.parquet").astype(np.float64).to_parquet(tmp_path / "t.parquet")
    double = read_series(compose(*words).data)
    assert single.fingerprint == double.fingerprint
    assert name_of(single) == f"{name_of(double)}-float32"


def test_a_copy_of_ready_windows_gives_the_very_same_dataset(compose: Compose, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", x=rng.normal(size=(40, 5, 2)), y=rng.normal(size=(40, 3, 1)))
    spec = compose("data=windows", "data.path=w.npz", "timesteps=5", "output_length=3", "data.targets=[y]")
    kept = _kept(read_data(spec), tmp_path / "runs")
    one, two = prepare_dataset(spec), prepare_dataset(spec, series=kept.read())
    check_copy(kept.path)
    assert one.bounds == two.bounds
    assert one.inputs_TF.tobytes() == two.inputs_TF.tobytes()
    assert one.fingerprints == two.fingerprints
    assert one.series.fingerprint == two.series.fingerprint
    assert all(np.array_equal(one.starts[split], two.starts[split]) for split in one.starts)


@pytest.mark.parametrize("harm", ["truncated", "changed", "renamed", "deleted"])
def test_damage_is_noticed(harm: str, compose: Compose, tmp_path: Path) -> None:
    kept = _kept(read_series(compose(*_table(tmp_path / "t.parquet", "plain")).data), tmp_path / "runs")
    content = kept.path.read_bytes()
    if harm == "truncated":
        kept.path.write_bytes(content[:-200])
    elif harm == "changed":
        kept.path.write_bytes(content[:400] + bytes([content[400] ^ 1]) + content[401:])
    elif harm == "renamed":
        other = read_series(compose("data=sine").data)
        _kept(other, tmp_path / "runs").path.rename(kept.path)
    else:
        kept.path.unlink()
    with pytest.raises(DataError, match=r"copy of the data .* is damaged"):
        kept.read()
    with pytest.raises(DataError):
        check_copy(kept.path)


def test_the_last_copy_takes_its_folders_along(compose: Compose, tmp_path: Path) -> None:
    series = read_series(compose("data=sine").data)
    _kept(series, tmp_path / "runs")
    drop_snapshot(tmp_path / "runs", name_of(series))
    assert not (tmp_path / "runs").exists()


def test_a_changed_value_changes_the_fingerprint_of_its_column_alone(compose: Compose, tmp_path: Path) -> None:
    words = _table(tmp_path / "t.parquet", "zone")
    before = fingerprint_columns(read_series(compose(*words).data))
    frame = pd.read_parquet(tmp_path / "t.parquet")
    frame.loc[7, "c"] += 1e-12
    frame.to_parquet(tmp_path / "t.parquet")
    after = fingerprint_columns(read_series(compose(*words).data))
    assert set(before) == {"columns", "observed", "stamps"}
    assert {name for name in before["columns"] if before["columns"][name] != after["columns"][name]} == {"c"}
    assert {**before, "columns": 0} == {**after, "columns": 0}
