"""Tables in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqexp.cli.written_tables import check_target, write_table
from seqexp.errors import SeqexpError

TABLE = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=2), "sales": [1.5, 2.25]})


def test_the_name_says_the_form(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), TABLE)
    write_table(TABLE, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "day,sales\n2024-01-01,1.5\n2024-01-02,2.25\n"


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.xlsx", "neither .csv nor .parquet"), ("none/a.csv", "there is no folder"), (".", "is a folder")],
)
def test_what_cannot_be_written_is_refused_before_anything_is_computed(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(SeqexpError, match=f"--output: .*{says}"):
        check_target(tmp_path / name)


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_predict_takes_the_target_in_short(option: str, command: Callable[..., Any]) -> None:
    said = command("predict", "a" * 12, option, "none/forecast.csv")
    assert (said.code, said.err.splitlines()[0]) == (2, "--output: there is no folder none.")
