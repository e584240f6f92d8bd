"""Forecasts from other steps than the last one, from frames, and into files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqexp
from seqexp.errors import SeqexpError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import open_project
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.serving import Forecaster
from seqexp.workflows.using import predict as module
from seqexp.workflows.using.predict import predict

SMALL = ["topology=vector_output", "topology.units=8", "training.epochs=2", "tracking=none"]


def _frame(rows: int = 120, start: str = "2024-01-01") -> pd.DataFrame:
    days = pd.date_range(start, periods=rows, freq="D")
    return pd.DataFrame({"day": days, "sales": 100.0 + np.arange(rows) % 7, "price": 1.0 + np.arange(rows) % 3})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A run with stamps, a difference, a column and a calendar that are known ahead, and intervals."""
    folder = tmp_path_factory.mktemp("origins")
    _frame().to_csv(folder / "a.csv", index=False)
    project = open_project(folder)
    words = [f"data.path={folder / 'a.csv'}", "data=table", "data.time=day", "data.targets=sales", "data.future=price"]
    words += ["data.transform=difference", "data.calendar=dayofweek", "evaluation.conformal={level:0.5}", *SMALL]
    return request_run(project, project.compose_one([*words, "timesteps=7", "output_length=3"])).stored


def test_a_forecast_as_of_a_stamp_is_that_of_a_table_that_ends_there(trained: StoredRun) -> None:
    whole = _frame(40)
    cut = whole.assign(sales=whole["sales"].where(whole.index <= 19))
    named = predict(trained, whole, origin="2024-01-20")
    assert named["day"].astype(str).tolist() == ["2024-01-21", "2024-01-22", "2024-01-23"]
    assert list(named) == ["day", "sales", "sales_lower", "sales_upper"]
    pd.testing.assert_frame_equal(named, predict(trained, cut))


def test_every_origin_at_once_gives_what_each_gives_alone(trained: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 5)  # several blocks
    table = _frame(20)
    every = predict(trained, table, origin="every")
    origins = every["origin"].unique()
    # Seven steps and one that the difference reaches back to are read; of the last three steps no price is known.
    assert [str(origins[0])[:10], str(origins[-1])[:10], len(origins)] == ["2024-01-08", "2024-01-17", 10]
    assert len(every) == 30
    for origin in (origins[0], origins[6]):
        alone = predict(trained, table, origin=origin)
        same = every[every["origin"] == origin].drop(columns="origin").reset_index(drop=True)
        pd.testing.assert_frame_equal(same, alone, rtol=1e-6)


def test_many_origins_are_not_one_call_of_the_model_each(trained: StoredRun) -> None:
    forecaster, calls = Forecaster(trained.path), []
    forecast = forecaster.forecast
    forecaster.forecast = lambda *given: calls.append(1) or forecast(*given)  # type: ignore[method-assign]
    predict(trained, _frame(300), origin="every", forecaster=forecaster)
    assert len(calls) == 1


def test_without_stamps_origins_are_numbers_and_steps_count_from_them(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    words = ["data=sine", "data.source.sine.length=200", "data.rows=[20,-5]", "timesteps=6", "output_length=2", *SMALL]
    stored = request_run(project, project.compose_one(words)).stored
    every = seqexp.load(stored.path).predict(origin="every")
    assert every["origin"].tolist()[:4] == [5, 5, 6, 6]
    assert every["step"].tolist()[:4] == [1, 2, 1, 2]
    assert every["origin"].iloc[-1] == 174
    run = seqexp.load(stored.path)
    assert run.predict(origin=17)["value"].tolist() == run.predict(origin="17")["value"].tolist()
    assert run.forecasts["target_start"][-1] == 173  # counted as origins are
    refused = {
        175: r"data.rows=.20, -5.. has no step 175: the steps are 0 to 174.\n.*the first that data.rows leaves",
        3: "first origin that is possible is step 5",
        "x": "number",
    }
    for origin, says in refused.items():
        with pytest.raises(SeqexpError, match=says):
            run.predict(origin=origin)


def test_a_frame_may_have_its_stamps_as_its_index(trained: StoredRun) -> None:
    run = seqexp.load(trained.path)
    table = _frame(30)
    table.loc[27:, "sales"] = np.nan
    by_column = run.predict(table)
    pd.testing.assert_frame_equal(run.predict(table.set_index("day")), by_column)
    pd.testing.assert_frame_equal(run.predict(table.set_index("day").rename_axis(None)), by_column)
    assert str(by_column["day"].iloc[0])[:10] == "2024-01-28"


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        ("2024-03-01", "no step at 2024-03-01 00:00:00: it runs from 2024-01-01"),
        ("2023-12-31", "The nearest is 2024-01-01"),
        ("2024-01-07", "reads 8 steps, and the table has 7 up to 2024-01-07"),
        ("2024-01-19", "needs what is known ahead of the 3 step.s. up to 2024-01-22 00:00:00: 1 are there"),
        ("soon", "expected the stamp"),
        (3, "expected the stamp"),
    ],
)
def test_an_origin_that_is_none_is_explained(trained: StoredRun, origin: str, says: str) -> None:
    with pytest.raises(SeqexpError, match=says):
        predict(trained, _frame(20), origin=origin)


def test_every_column_that_is_missing_is_named(trained: StoredRun) -> None:
    with pytest.raises(SeqexpError, match="table: the table has no column 'sales', 'price'"):
        predict(trained, _frame().drop(columns=["sales", "price"]))


def test_a_hole_leaves_out_the_origins_that_touch_it(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    _frame().to_csv(tmp_path / "a.csv", index=False)
    words = ["data=table", f"data.path={tmp_path / 'a.csv'}", "data.time=day", "data.targets=sales", *SMALL]
    words += ["data.missing=drop", "timesteps=4", "output_length=2"]
    stored = request_run(project, project.compose_one(words)).stored
    table = _frame(12)
    table.loc[5, "sales"] = np.nan
    days = predict(stored, table, origin="every")["origin"].dt.day.unique().tolist()
    assert days == [4, 5, 10, 11, 12]
    with pytest.raises(SeqexpError, match="4 rows up to 2024-01-07 00:00:00 of the table have holes"):
        predict(stored, table, origin="2024-01-07")
    with pytest.raises(SeqexpError, match="each touches a hole"):
        predict(stored, table.head(9).tail(5), origin="every")
