"""Scripts of experiments that do something with their targets: transforms, heads, intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CO2 = ["data=co2", "data.rows=[0,260]", "timesteps=9", "output_length=5", "topology.units=4", "training.epochs=2"]
Hold = Callable[..., dict[str, dict[str, float]]]


def _with_holes(path: Path) -> list[str]:
    """Write 300 days of two columns with holes, and return the words that read them."""
    draw = np.random.default_rng(1)
    sales = 100 + 10 * np.sin(np.arange(300) / 7 * 2 * np.pi) + draw.normal(0, 1, 300)
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=300).astype(str), "sales": sales, "rain": 1.0})
    table["rain"] += np.arange(300) % 5
    table.loc[[0, 40, 41, 230], "sales"] = np.nan
    table.iloc[1:].drop(index=[100]).to_csv(path, index=False)
    columns = ["data=table", f"data.path={path}", "data.time=day", "data.targets=sales", "data.features=[sales,rain]"]
    return [*columns, "timesteps=9", "output_length=5", "topology.units=4", "training.epochs=2"]


def test_transformed_targets_are_taken_back(hold_against_runs: Hold) -> None:
    transform = "data.transform=[log,difference,seasonal_difference]"
    seasonal = [transform, "data.season=3", "training.stride=2"]  # N = 5 steps are more than a season
    hold_against_runs({"summed": [*CO2, "topology=vector_output", *seasonal]})


@pytest.mark.slow
def test_so_are_those_with_holes_and_of_other_alignments(hold_against_runs: Hold, tmp_path: Path) -> None:
    table = _with_holes(tmp_path / "sales.csv")
    next_step = ["topology=many_to_many", "topology.contract.alignment=next", "output_length=9"]
    labels = ["topology.contract.alignment=same", "data.features=rain", "data.missing=forward_fill"]
    cases = {
        "log": [*CO2, "topology=encoder_decoder", "data.transform=log"],
        "difference": [*CO2, "topology=vector_output", "data.transform=difference", "data.scaler=none"],
        "lead": [*CO2, "topology=vector_output", "data.transform=seasonal_difference", "data.season=8", "data.lead=3"],
        "next_step": [*CO2, *next_step, "data.transform=[log,difference]"],
        "labels": [*table, "topology=many_to_many_last_n", *labels, "data.transform=log"],
        "filled": [*table, "data.missing=forward_fill", "data.transform=[seasonal_difference,difference]"],
        "dropped": [*table, "data.missing=drop", "data.transform=[log,difference]", "topology=vector_output"],
        "no_hole": [*CO2, "data.missing=drop", "data.transform=difference"],
    }
    hold_against_runs(cases)
