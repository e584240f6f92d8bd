"""Scripts of experiments on several series of one table, and of those that train a second time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

DENSE = "topology.layers=[Flatten,{{Dense:{{units:{0}}}}},{{Reshape:{{target_shape:[{0},1]}}}}]"
SHORT = ["timesteps=6", "output_length=3", "topology=vector_output", "training.epochs=2"]
Hold = Callable[..., dict[str, dict[str, float]]]


def _shops(path: Path, *, holes: bool = False) -> list[str]:
    """Write three shops of unequal length, their rows mixed, and return the words that read them."""
    draw = np.random.default_rng(0)
    tables = []
    for name, days in {"north": 90, "south": 120, "east": 100}.items():
        sales = 50 + len(name) * np.sin(np.arange(days) / 7 * 2 * np.pi) + draw.normal(0, 1, days)
        stamps = pd.date_range("2024-01-01", periods=days).astype(str)
        tables.append(pd.DataFrame({"day": stamps, "shop": name, "size": float(len(name)), "sales": sales}))
    table = pd.concat(tables).sort_values("day", kind="stable", ignore_index=True)
    if holes:
        table.loc[[60, 61, 200, 290], "sales"] = np.nan
        table = table.drop(index=[150])
    table.to_csv(path, index=False)
    words = ["data=table", f"data.path={path}", "data.time=day", "data.series=shop", "data.targets=sales"]
    return [*words, "data.features=sales", "data.static=size"]


@pytest.mark.slow
def test_no_window_crosses_a_border_and_a_second_training_forecasts_test(
    hold_against_runs: Hold, tmp_path: Path
) -> None:
    differences = ["data.transform=[log,difference]", "training.stride=2", "evaluation.origins.every=3"]
    refit = ["data=sine", "data.source.sine={length: 150, noise: 2.0}", "training.refit=train+validation"]
    refit += ["training.epochs=6", "training.stride=2", "optimizer.learning_rate=0.1"]  # the second epoch is best
    cases = {
        "shops": [*_shops(tmp_path / "shops.csv"), *SHORT, DENSE.format(3), *differences],
        # The second of six epochs is best.
        "refit": [
            *refit,
            *SHORT,
            DENSE.format(3),
            "training.epochs=6",
            "training.stride=2",
            "optimizer.learning_rate=0.1",
        ],
    }
    hold_against_runs(cases)


@pytest.mark.slow
def test_so_with_holes_dates_and_other_settings(hold_against_runs: Hold, tmp_path: Path) -> None:
    whole, holes = _shops(tmp_path / "shops.csv"), _shops(tmp_path / "holes.csv", holes=True)
    dates = "data.split={train: 2024-02-20, validation: 2024-03-10, test: 2024-03-28}"
    refit = ["training.refit=train+validation", "data.transform=difference"]
    np.savez(tmp_path / "my.npz", x=np.random.default_rng(0).random((90, 6, 1)), y=np.ones((90, 3, 1)))
    windows = ["data=windows", f"data.path={tmp_path / 'my.npz'}", "training.refit=train+validation"]
    future = ["data.calendar=[dayofweek,holiday:DE-BY]", "topology=encoder_decoder"]
    cases = {
        "filled": [*holes, *SHORT, "data.missing=seasonal_fill", "evaluation.conformal={level: 0.7}", *refit],
        "dropped": [*holes, *SHORT, "data.missing=drop", "data.transform=seasonal_difference", "training.stride=2"],
        "dates": [*whole, *SHORT, dates, *future, *refit, "training.early_stopping={patience: 1}"],
        "at": [*whole, *SHORT, 'evaluation.origins.at="00:00"', "topology.head=quantiles", "data.split.validation=0"],
        "refit": ["data=co2", "data.rows=[0,200]", *SHORT, *refit, "evaluation.conformal={level: 0.6}"],
        "windows": [*windows, *SHORT, "evaluation.conformal={level: 0.6}", "data.targets=y"],
    }
    cases["at"][-1] = "data.split={train: 0.7, validation: 0.1, test: 0.2}"
    hold_against_runs(cases)
