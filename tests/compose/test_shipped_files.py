"""Every YAML that ships is composed, validated and, where it has layers, built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.assets import shipped_folder
from seqexp.compose.groups import GROUPS, ConfigGroups
from seqexp.compose.study import find_study, study_names
from seqexp.errors import ConfigError
from seqexp.workflows.checking.check import check_data, check_layers
from seqexp.workflows.project import open_project
from seqexp.workflows.sweeping.plan import plan_sweep

CHOICES = [(group, name) for group in GROUPS for name in ConfigGroups().options(group)]


@pytest.mark.parametrize(("group", "name"), CHOICES, ids=lambda word: word)
def test_composes_and_builds(group: str, name: str, tmp_path: Path) -> None:
    extra = []
    if (group, name) == ("data", "table"):
        table = tmp_path / "t.csv"
        table.write_text("a\n" + "\n".join(str(n % 7) for n in range(200)))
        extra = [f"data.path={table}", "data.targets=a"]
    if (group, name) == ("data", "windows"):
        np.savez(tmp_path / "w.npz", x=np.ones((50, 14, 3)), y=np.ones((50, 7, 1)))
        extra = [f"data.path={tmp_path / 'w.npz'}"]
    if (group, name) == ("data", "adding"):
        extra = ["topology=many_to_one"]
    spec = open_project().compose_one([f"{group}={name}", *extra]).spec
    check_data(spec)
    assert check_layers(spec)[-1].output_shape[-1] == spec.data.n_targets


def test_every_file_in_a_group_is_a_choice() -> None:
    files = {(path.parent.name, path.stem) for path in shipped_folder("conf").glob("*/*.yaml")}
    assert files == set(CHOICES)


@pytest.mark.parametrize("name", study_names())
def test_every_study_plans(name: str, tmp_path: Path) -> None:
    words = [name]
    if name == "etth1":  # whose data do not ship: the same columns, as many hours
        hours = pd.date_range("2016-07-01", periods=14_400, freq="h")
        columns = dict.fromkeys(["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"], np.arange(14_400.0))
        pd.DataFrame({"date": hours, **columns}).to_csv(tmp_path / "ETTh1.csv", index=False)
        words.append(f"data.path={tmp_path / 'ETTh1.csv'}")
    plan = plan_sweep(open_project(), words)
    assert plan.question.endswith("?")
    assert plan.points
    assert plan.left_out == []
    assert {point.spec.name for point in plan.points} == {name}


def test_an_unknown_study_is_explained() -> None:
    with pytest.raises(ConfigError, match="Did you mean eight_topologies"):
        plan_sweep(open_project(), ["eight_topologie"])
    with pytest.raises(ConfigError, match="no study file"):
        find_study("nothing.yaml")
