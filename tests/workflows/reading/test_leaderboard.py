"""What a block of the leaderboard says, and that it shows figures whole."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from seqexp.cli.comparisons import print_comparisons
from seqexp.cli.reports import block_table, print_block
from seqexp.cli.table_formats import Format
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.compare import Comparison
from seqexp.workflows.reading.leaderboard import build_leaderboard

LEVELS = [0.05, 0.5, 0.95]


def _run(key: str, **spec: Any) -> StoredRun:
    whole = {
        "seed": 0,
        "timesteps": 14,
        "output_length": 7,
        "topology": {"name": "vector_output", "contract": {"alignment": "future"}, "layers": [], "units": 8},
        "data": {"name": "power", "lead": 0},
        "evaluation": {"origins": {"every": 1, "at": None}},
        "training": {"loss": "mse"},
    }
    for part, values in spec.items():
        whole[part] = {**whole[part], **values}
    metrics = {"val/mae": 283.0, "val/skill": 0.1, "test/mae": 276.5, "test/rmse": 357.5, "test/skill": 0.2}
    metrics |= {"test/coverage": 0.928} if "topology" in spec else {}
    data = {
        "targets": ["watts"],
        "windows": {"train": 9, "validation": 9, "test": 9},
        "bounds": {"test": [0, 9]},
        "season": 7,
    }
    fit = {"best_epoch": 1, "epochs": 1, "weights": 10}
    return StoredRun(
        Path(f"{key}-1"),
        RunRecord("n", key, 1, "FINISHED", 0.0, 1.0, "t", whole, metrics=metrics, fit=fit, data=data),
    )


def test_lists_are_one_thing_and_values_are_written_as_in_yaml() -> None:
    several = {"head": "quantiles", "quantiles": LEVELS}
    (block,) = build_leaderboard([_run("a"), _run("b", topology=several, training={"loss": None})])
    assert {row.label for row in block.rows} == {
        "vector_output 14->7 loss=mse",
        "vector_output 14->7 loss=null head=quantiles quantiles=[0.05,0.5,0.95]",
    }


def test_no_figure_is_cut_off_beside_a_long_label(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    several = {"head": "quantiles", "quantiles": [step / 40 for step in range(1, 40)]}
    (block,) = build_leaderboard([_run("a"), _run("b", topology=several)])
    for columns in ("100", "140"):
        monkeypatch.setattr("seqexp.cli.screen._PIPED_WIDTH", int(columns))
        monkeypatch.setenv("COLUMNS", columns)
        print_block(block)
        shown = capsys.readouterr().out
        assert all(figure in shown for figure in ("283.0", "276.5", "0.928 of 0.95"))
        assert max(map(len, shown.splitlines()[1:])) <= int(columns)


def test_the_mean_epoch_of_seeds_is_told_to_a_tenth() -> None:
    runs = [_run(key) for key in "abcdefgh"]
    for seed, run in enumerate(runs):
        run.spec["seed"] = seed
        run.record.fit.update(best_epoch=27 + (seed == 0), epochs=60)
    table = block_table(*build_leaderboard(runs))
    assert [row[table.columns.index("epoch")] for row in table.rows] == ["27.1/60"]  # 27.125


@pytest.mark.parametrize(
    ("spec", "level"),
    [
        ({"topology": {"quantiles": LEVELS}}, 0.9),
        ({"topology": {"quantiles": None}, "evaluation": {"conformal": {"level": 0.8}}}, 0.8),
        ({}, None),
    ],
)
def test_a_row_knows_what_its_intervals_are_to_hold(spec: dict[str, Any], level: float | None) -> None:
    ((row,),) = (block.rows for block in build_leaderboard([_run("a", **spec)]))
    assert row.level == level


def test_the_title_says_from_where_and_when_forecasts_are_issued() -> None:
    runs = [_run("a", data={"lead": 2}, evaluation={"origins": {"every": 24, "at": None}}), _run("b")]
    runs[1].record.data["task"] = "another"
    titles = {block.title for block in build_leaderboard(runs)}
    assert titles == {
        "power, watts: 7 steps after the input (9 validation and 9 test windows)",
        "power, watts: 7 steps after the input and a lead of 2 (9 validation and 9 test windows, one every 24 steps)",
    }


def test_figures_in_units_of_the_scaler_are_shown_where_they_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run = _run("a")
    run.record.metrics.update({"test/scaled/mae": 0.4321, "test/scaled/mse": 0.3456})
    run.record.baselines["baseline/linear/scaled/mae"] = 0.5432
    comparison = Comparison(*build_leaderboard([run]), "", ())
    print_block(comparison.block)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("scaled MAE", "scaled MSE", "0.4321", "0.3456", "0.5432"))
    print_comparisons([comparison], Format.csv)
    head, *lines = csv.reader(capsys.readouterr().out.splitlines())
    assert {line[head.index("label")]: line[head.index("test/scaled/mae")] for line in lines} == {
        "vector_output 14->7": "0.4321",
        "linear": "0.5432",
    }
    print_comparisons([Comparison(*build_leaderboard([_run("a")]), "", ())], Format.csv)
    assert "scaled" not in capsys.readouterr().out
