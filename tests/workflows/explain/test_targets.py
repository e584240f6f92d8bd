"""Scripts of experiments that do something with their targets: transforms, heads, intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CO2 = ["data=co2", "data.rows=[0,260]", "timesteps=9", "output_length=5", "training.epochs=2"]
# Without a recurrent layer, which takes its time to be compiled.
DENSE = "topology.layers=[Flatten,{{Dense:{{units:{0}}}}},{{Reshape:{{target_shape:[5,{1}]}}}}]"
NEXT_STEP = ["topology=many_to_many", "topology.contract.alignment=next", "output_length=9"]
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
    return [*columns, "timesteps=9", "output_length=5", "training.epochs=2"]


def test_transforms_heads_and_intervals_are_taken_back_and_scored(hold_against_runs: Hold) -> None:
    transform = "data.transform=[log,difference,seasonal_difference]"
    seasonal = [transform, "data.season=3", "training.stride=2"]  # N = 5 steps are more than a season
    cases = {
        "summed": [*CO2, "topology=vector_output", DENSE.format(5, 1), *seasonal],
        "quantiles": [*CO2, "topology=vector_output", DENSE.format(25, 5), "topology.head=quantiles"],
        "conformal": [*CO2, "topology=vector_output", DENSE.format(5, 1), "evaluation.conformal={level: 0.8}"],
    }
    found = hold_against_runs(cases)
    assert {"test/coverage", "test/interval_width", "test/pinball"} < found["quantiles"].keys()
    assert {"val/coverage", "test/interval_width"} < found["conformal"].keys()


@pytest.mark.slow
def test_so_are_those_with_holes_and_of_other_alignments(hold_against_runs: Hold, tmp_path: Path) -> None:
    table = _with_holes(tmp_path / "sales.csv")
    labels = ["topology.contract.alignment=same", "data.features=rain", "data.missing=forward_fill"]
    cases = {
        "log": [*CO2, "topology=encoder_decoder", "data.transform=log"],
        "difference": [*CO2, "topology=vector_output", "data.transform=difference", "data.scaler=none"],
        "lead": [*CO2, "topology=vector_output", "data.transform=seasonal_difference", "data.season=8", "data.lead=3"],
        "next_step": [*CO2, *NEXT_STEP, "data.transform=[log,difference]"],
        "labels": [*table, "topology=many_to_many_last_n", *labels, "data.transform=log"],
        "filled": [*table, "data.missing=forward_fill", "data.transform=[seasonal_difference,difference]"],
        "dropped": [*table, "data.missing=drop", "data.transform=[log,difference]", "topology=vector_output"],
        "no_hole": [*CO2, "data.missing=drop", "data.transform=difference"],
    }
    hold_against_runs(cases)


@pytest.mark.slow
def test_so_are_those_of_several_targets_and_with_holes(hold_against_runs: Hold, tmp_path: Path) -> None:
    table = _with_holes(tmp_path / "sales.csv")
    intervals = "evaluation.conformal={level: 0.8, share: 0.5}"
    three = ["topology.head=quantiles", "topology.quantiles=[0.1,0.5,0.9]"]
    both = [*table, "data.targets=[sales,rain]", "data.missing=forward_fill"]
    cases = {
        "gaussian": [*CO2, "topology=encoder_decoder", "topology.head=gaussian", "data.transform=log"],
        "levels": [*CO2, "topology=encoder_decoder", intervals, "data.transform=[log,seasonal_difference]"],
        "one_step": [*CO2, "topology=many_to_one", "output_length=1", *three],
        "next_step": [
            *CO2,
            "topology=many_to_many",
            "output_length=9",
            "topology.contract.alignment=next",
            "topology.head=gaussian",
        ],
        "filled_quantiles": [*both, "topology.head=quantiles"],
        "filled_gaussian": [*both, "topology.head=gaussian", "topology=vector_output"],
        "conformal": [*table, "data.missing=drop", "evaluation.conformal={level: 0.6, share: 0.7}"],
        "filled_conformal": [*both, "evaluation.conformal={level: 0.7}", "evaluation.origins.every=2"],
    }
    hold_against_runs(cases)
