"""Runs of other lengths, splits or strides, compared on what they share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd
import pytest

from seqexp.errors import StoreError
from seqexp.store.run_dir import FORECASTS, StoredRun, forecasts_file
from seqexp.workflows.project import open_project
from seqexp.workflows.reading.compare import Comparison, as_values, compare_runs
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

WORDS = ["topology=vector_output", "topology.units=2", "execution=inline", "tracking=none", "training.epochs=1"]
SINE = ["data=sine", "data.source.sine.length=300"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


def _sweep(workspace: Path, *words: str) -> list[StoredRun]:
    project = open_project(workspace)
    result = run_sweep(project, plan_sweep(project, [*WORDS, *words]))
    assert not result.failed
    return [outcome.stored for outcome in result.outcomes]


def _compare(workspace: Path, runs: Sequence[StoredRun]) -> list[Comparison]:
    return compare_runs(open_project(workspace), [run.path.name for run in runs], on_common=True)


@pytest.fixture(scope="module")
def runs(workspace: Path) -> list[StoredRun]:
    """Two lengths, two seeds each."""
    return _sweep(workspace, *SINE, "output_length=3,5", "seed=0..1")


def test_validation_forecasts_are_stored_besides_those_of_test(runs: list[StoredRun]) -> None:
    arrays = runs[0].forecasts
    windows = runs[0].record.data["windows"]
    assert {"target_start", "true", "forecast", "baseline_persistence", "baseline_seasonal_naive"} <= set(arrays)
    assert {name for name in arrays if name.startswith("val_")} == {"val_target_start", "val_true", "val_forecast"}
    for prefix, split, kind in (("", "test", "test"), ("val_", "validation", "val")):
        assert arrays[f"{prefix}forecast"].shape == (windows[split], 3, 1)
        error = np.abs(arrays[f"{prefix}forecast"] - arrays[f"{prefix}true"]).mean()
        assert error == pytest.approx(runs[0].record.metrics[f"{kind}/mae"])


def test_other_lengths_are_scored_on_the_first_steps_of_the_origins_they_share(
    workspace: Path, runs: list[StoredRun]
) -> None:
    (comparison,) = _compare(workspace, runs)
    block = comparison.block
    shared = {"validation": 41, "test": 41}  # windows of 5 steps in 45; those of 3 steps are 43
    assert (block.output_length, block.windows) == (3, shared)
    assert "3 shared steps after the input (41 shared validation and 41 shared test origins)" in block.title
    rows = {row.label: row for row in block.rows}
    assert set(rows) == {
        "vector_output 14->3 (2 seeds)",
        "vector_output 14->5 (2 seeds)",
        "persistence",
        "seasonal naive",
    }
    for length, of_length in ((3, runs[:2]), (5, runs[2:])):
        row = rows[f"vector_output 14->{length} (2 seeds)"]
        for prefix, split in (("", "test"), ("val_", "val")):
            arrays = [run.forecasts for run in of_length]
            errors = [(found[f"{prefix}forecast"] - found[f"{prefix}true"])[:41, :3] for found in arrays]
            maes = [float(np.abs(error_WNK).mean()) for error_WNK in errors]
            assert row.metrics[f"{split}/mae"] == pytest.approx(fmean(maes))
            assert row.spread[f"{split}/mae"] == pytest.approx(np.std(maes, ddof=1))
            rmse = fmean(float(np.sqrt((error_WNK**2).mean())) for error_WNK in errors)
            assert row.metrics[f"{split}/rmse"] == pytest.approx(rmse)
        assert not [name for name in row.metrics if name.endswith(("mase", "skill"))]
    arrays = runs[2].forecasts
    naive = np.abs(arrays["baseline_persistence"] - arrays["true"])[:41, :3].mean()
    assert rows["persistence"].metrics["test/mae"] == pytest.approx(naive)
    ranked = sorted((row for row in block.rows if row.run), key=lambda row: row.metrics["val/mae"])
    assert [row.rank for row in ranked] == [1, 2]
    assert comparison.first == ranked[0].label
    (found,) = comparison.differences
    assert (found.seeds, found.origins) == (2, 41)
    assert found.mean == pytest.approx(ranked[1].metrics["test/mae"] - ranked[0].metrics["test/mae"])
    assert 0 <= found.p_value <= 1
    assert as_values([comparison])["blocks"][0]["windows"] == shared


def test_without_it_they_stand_apart(workspace: Path, runs: list[StoredRun]) -> None:
    found = compare_runs(open_project(workspace), [run.path.name for run in runs])
    assert [comparison.block.output_length for comparison in found] == [3, 5]
    assert not any(comparison.block.shared for comparison in found)


def test_origins_are_told_by_their_stamps(workspace: Path) -> None:
    """The same day is another step of a table that begins later."""
    days = pd.date_range("2020-01-01", periods=240, freq="D")
    values = np.random.default_rng(0).normal(size=240).cumsum()
    pd.DataFrame({"day": days, "x": values, "y": 2 * values}).to_csv(workspace / "t.csv", index=False)
    table = ["data=table", f"data.path={workspace / 't.csv'}", "data.time=day", "output_length=2"]
    split = "data.split={train: '2020-05-01', validation: '2020-06-15', test: '2020-08-01'}"
    one, other = _sweep(workspace, *table, split, "data.targets=[x,y]", "data.rows=[0,240],[20,240]")
    (strided,) = _sweep(workspace, *table, split, "data.targets=y", "evaluation.origins.every=3")
    assert other.forecasts["target_start"][0] == one.forecasts["target_start"][0] - 20
    (comparison,) = _compare(workspace, [one, other])
    assert comparison.block.windows["test"] == len(one.forecasts["true"])
    (comparison,) = _compare(workspace, [one, other, strided])
    assert comparison.block.targets == ("y",)
    assert comparison.block.windows["test"] == len(strided.forecasts["true"])
    row = next(row for row in comparison.block.rows if row.runs and row.runs[0].path == one.path)
    error = np.abs(one.forecasts["forecast"] - one.forecasts["true"])[::3, :, 1].mean()
    assert row.metrics["test/mae"] == pytest.approx(error)


def test_other_data_are_refused_and_named(workspace: Path, runs: list[StoredRun]) -> None:
    (other,) = _sweep(workspace, *SINE, "data.source.sine.seed=1", "output_length=3")
    with pytest.raises(StoreError) as caught:
        _compare(workspace, [runs[0], other])
    assert f"{other.path.name} (sine) has other data than {runs[0].path.name} (sine)" in str(caught.value)
    assert "43 of 43 shared origins" in str(caught.value)


def test_where_nothing_is_shared_the_error_says_from_where_each_forecasts(
    workspace: Path, runs: list[StoredRun]
) -> None:
    split = "data.split={train: 100, validation: 50, test: 50}"
    (early,) = _sweep(workspace, *SINE, split, "output_length=3")
    with pytest.raises(StoreError, match="no test origin in common") as caught:
        _compare(workspace, [runs[0], early])
    assert f"{runs[0].path.name} forecasts from step 255 to 297" in str(caught.value)
    assert f"{early.path.name} forecasts from step 150 to 197" in str(caught.value)
    days = _sweep(workspace, "data=co2", "data.rows=[0,300]", "output_length=3")
    with pytest.raises(StoreError, match="no target in common: they forecast value or"):
        _compare(workspace, [runs[0], *days])


def test_runs_that_stored_no_validation_are_compared_on_test_and_not_ranked(
    workspace: Path, runs: list[StoredRun]
) -> None:
    path = runs[0].path / FORECASTS
    whole = path.read_bytes()
    kept = {name: values for name, values in runs[0].forecasts.items() if not name.startswith("val_")}
    path.write_bytes(forecasts_file(kept))
    try:
        (comparison,) = _compare(workspace, runs)
    finally:
        path.write_bytes(whole)
    assert comparison.block.windows == {"validation": 0, "test": 41}
    assert {row.rank for row in comparison.block.rows} == {None}
    assert not any("val/mae" in row.metrics for row in comparison.block.rows)
    (note,) = comparison.notes
    assert note.startswith("Compared on test alone and not ranked")
    assert f"{runs[0].path.name} has no validation forecasts on record" in note
    assert runs[1].path.name not in note
    assert len(comparison.differences) == 1
    assert as_values([comparison])["blocks"][0]["notes"] == [note]


def test_without_a_validation_split_the_note_says_that(workspace: Path, runs: list[StoredRun]) -> None:
    split = ["data.split={train: 210, validation: 0, test: 90}", "training.early_stopping=null"]
    (unsplit,) = _sweep(workspace, *SINE, *split, "output_length=3")
    (comparison,) = _compare(workspace, [runs[0], unsplit])
    assert comparison.notes == (f"Compared on test alone and not ranked: {unsplit.path.name} has no validation split.",)


def test_another_alignment_is_compared_at_its_own_length_alone(workspace: Path, runs: list[StoredRun]) -> None:
    words = ["topology=many_to_many", "topology.contract.alignment=next", "timesteps=3,5"]
    following = _sweep(workspace, *SINE, *words)
    found = _compare(workspace, [*runs, *following])
    assert [(ground.block.alignment, ground.block.output_length) for ground in found] == [
        ("future", 3),
        ("next", 3),
        ("next", 5),
    ]


def test_forecasts_that_are_issued_earlier_stand_apart(workspace: Path, runs: list[StoredRun]) -> None:
    """The first target is the same, but the origin is not: less was known."""
    (early,) = _sweep(workspace, *SINE, "output_length=3", "data.lead=2")
    found = _compare(workspace, [*runs, early])
    assert [sum(row.seeds for row in ground.block.rows) for ground in found] == [4, 1]
    assert [ground.block.data for ground in found] == ["sine", "sine (lead 2)"]


def test_neighbouring_origins_are_counted_by_the_steps_between_the_shared(workspace: Path) -> None:
    from seqexp.workflows.reading.common_ground import find_common_ground

    thinned = _sweep(workspace, *SINE, "output_length=5", "evaluation.origins.every=2,3")
    (ground,) = find_common_ground(thinned)
    start_W = thinned[0].forecasts["target_start"]
    assert ground.block.windows["test"] == len(np.intersect1d(start_W, thinned[1].forecasts["target_start"]))
    assert ground.horizon == 1  # they are 6 steps apart, and forecast 5
