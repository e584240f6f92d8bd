"""A sweep on a Ray cluster gives what it gives anywhere else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from seqexp.errors import ExecutionError
from seqexp.spec.execution import ExecutionSpec
from seqexp.workflows.project import Project
from seqexp.workflows.sweeping.executors import make_executor
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

WORDS = ["data=table", "data.targets=y", "training.epochs=2", "topology=vector_output", "topology.units=3", "seed=0,1"]


@pytest.mark.usefixtures("local_ray")
@pytest.mark.slow
def test_the_numbers_are_those_of_the_other_executors(project: Project, tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="D")
    values = [float(step % 7 + step % 5) for step in range(200)]
    pd.DataFrame({"day": stamps, "y": values}).to_csv(tmp_path / "y.csv", index=False)
    words = [*WORDS, "data.path=y.csv", "data.time=day", "tracking=none"]
    here = run_sweep(project, plan_sweep(project, [*words, "execution=inline", "name=here"]))
    there = run_sweep(project, plan_sweep(project, [*words, "execution=ray", "name=there"]))
    assert [outcome.stored.record.status for outcome in there.outcomes] == ["FINISHED"] * 2
    for one, other in zip(here.outcomes, there.outcomes, strict=True):
        assert one.stored.record.run_key == other.stored.record.run_key
        assert one.stored.record.metrics == other.stored.record.metrics  # to the last bit
        assert other.stored.record.environment["machine"]["name"]
        assert other.stored.spec["data"]["path"] == str(tmp_path / "y.csv")


def test_without_ray_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqexp.extras.find_spec", lambda name: None)
    with pytest.raises(ExecutionError, match=r"needs ray") as caught:
        make_executor(ExecutionSpec(executor="ray"))
    assert "seqexp[ray]" in str(caught.value)
