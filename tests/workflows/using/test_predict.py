"""Forecasts from a table of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.errors import SeqexpError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import open_project
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.using.predict import predict


def _table(path: Path, rows: int = 120, start: str = "2024-01-01") -> Path:
    days = pd.date_range(start, periods=rows, freq="D")
    pd.DataFrame({"day": days, "sales": 100 + np.arange(rows) % 7, "rain": np.arange(rows) % 3}).to_csv(
        path, index=False
    )
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    folder = tmp_path_factory.mktemp("predict")
    project = open_project(folder)
    words = [
        "data=table",
        f"data.path={_table(folder / 'a.csv')}",
        "data.time=day",
        "data.targets=sales",
        "data.features=all",
    ]
    words += ["topology=vector_output", "topology.units=8", "timesteps=7", "output_length=3", "tracking=none"]
    words += ["training.epochs=30", "optimizer.learning_rate=0.02"]
    return request_run(project, project.compose_one(words)).stored


def test_forecasts_the_days_after_the_last_row(trained: StoredRun, tmp_path: Path) -> None:
    given = predict(trained, _table(tmp_path / "new.csv", rows=30, start="2025-03-01"))
    assert given["day"].astype(str).tolist() == ["2025-03-31", "2025-04-01", "2025-04-02"]
    assert given["sales"].tolist() == pytest.approx([102, 103, 104], abs=1.5)


def test_without_a_table_it_follows_the_runs_own_data(trained: StoredRun) -> None:
    assert predict(trained)["day"].astype(str).tolist() == ["2024-04-30", "2024-05-01", "2024-05-02"]


def test_the_target_need_not_be_in_the_table_when_it_is_no_feature(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    words = ["data=table", f"data.path={_table(tmp_path / 'a.csv')}", "data.targets=sales", "data.features=rain"]
    words += ["topology=vector_output", "timesteps=5", "output_length=2", "tracking=none", "training.epochs=1"]
    stored = request_run(project, project.compose_one(words)).stored
    pd.DataFrame({"rain": [0, 1, 2, 0, 1, 2]}).to_csv(tmp_path / "rain.csv", index=False)
    given = predict(stored, tmp_path / "rain.csv")
    assert given["step"].tolist() == [1, 2]
    assert given["sales"].between(80, 120).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("day,sales,rain\n2024-01-01,1,1\n2024-01-02,1,1\n2024-01-03,1,1\n", "reads 7 steps"),
        ("day,rain\n2024-01-01,1\n", "no column 'sales'"),
        ("", "--input: the file bad.csv is empty"),
        ("day,sales,rain\n" + "".join(f"2024-{m:02d}-01,1,1\n" for m in range(1, 13)), "frequency MS"),
        ("day,sales,rain\n" + "".join(f"2024-01-0{d},1,1\n" for d in (1, 2, 3, 5, 6, 7, 8, 9)), "1 step"),
    ],
)
def test_a_wrong_table_is_explained(trained: StoredRun, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SeqexpError, match=says):
        predict(trained, path)


def test_where_outputs_answer_inputs_only_the_step_after_the_last_row_is_told(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    layers = "topology.layers=[{LSTM:{units:4,return_sequences:true}},{TimeDistributed:{layer:{Dense:{units:1}}}}]"
    words = ["data=sine", "data.source.sine.length=100", "timesteps=6", "output_length=6", "tracking=none", layers]
    words += ["topology.contract.alignment=next", "training.epochs=1"]
    stored = request_run(project, project.compose_one(words)).stored
    assert predict(stored)["step"].tolist() == [1]


def _shops(path: Path, rows: dict[str, int]) -> Path:
    pieces = [
        pd.DataFrame(
            {
                "day": pd.date_range("2024-01-01", periods=count, freq="D"),
                "shop": shop,
                "sales": 100 * place + np.arange(count) % 7,
                "size": place,
            }
        )
        for place, (shop, count) in enumerate(rows.items(), start=1)
    ]
    pd.concat(pieces).sort_values("day", kind="stable").to_csv(path, index=False)
    return path


def test_several_series_are_followed_one_by_one(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    path = _shops(tmp_path / "a.csv", {"north": 200, "south": 150})
    words = ["data=table", f"data.path={path}", "data.time=day", "data.targets=sales", "data.series=shop"]
    words += ["data.static=size", "topology=vector_output", "topology.units=8", "timesteps=7", "output_length=3"]
    words += ["training.epochs=30", "optimizer.learning_rate=0.02", "tracking=none"]
    stored = request_run(project, project.compose_one(words)).stored
    assert stored.record.status == "FINISHED", stored.record.error
    assert stored.record.data["series"] == ["north", "south"]
    assert stored.steps["series/north/mae"] != stored.steps["series/south/mae"]
    assert len(stored.steps["series/south/rmse"]) == 1
    given = predict(stored, _shops(tmp_path / "new.csv", {"south": 10, "north": 12}))
    assert given["shop"].tolist() == ["south"] * 3 + ["north"] * 3
    assert given["day"].astype(str).tolist()[::3] == ["2024-01-11", "2024-01-13"]
    with pytest.raises(SeqexpError, match="has 5 of the series north"):
        predict(stored, _shops(tmp_path / "short.csv", {"south": 10, "north": 5}))
    pd.read_csv(tmp_path / "new.csv").drop(columns="shop").to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(SeqexpError, match="no column 'shop'"):
        predict(stored, tmp_path / "none.csv")
    with pytest.raises(SeqexpError, match=r"^--input: there is no file .*absent.csv") as error:
        predict(stored, tmp_path / "absent.csv")
    assert "YAML" not in str(error.value)  # it was named on the command line
