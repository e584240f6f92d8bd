"""What is told while runs go on and when they are over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.cli.bar import BarReporter
from seqexp.cli.reports import print_quick
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import StoredRun

METRICS = {"val/mae": 283.0, "val/rmse": 357.5, "test/mae": 276.5, "test/rmse": 351.2}


@pytest.mark.parametrize(
    ("select", "told", "quick"),
    [
        ("val/mae", "val/mae 283.0", "val/mae 283.0, test/mae 276.5"),
        ("val/rmse", "val/rmse 357.5", "val/rmse 357.5, test/rmse 351.2"),
        ("val/mase", "val/mae 283.0", "val/mae 283.0, test/mae 276.5"),  # not defined for these data
    ],
)
def test_the_figure_that_ranks_the_runs_is_told(
    select: str,
    told: str,
    quick: str,
    compose: Callable[..., ExperimentSpec],
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = compose("data=sine", f"evaluation.select={select}")
    record = RunRecord("seqexp", "a" * 12, 1, "FINISHED", 0.0, 1.5, "a run", spec.as_tree(), metrics=METRICS)
    reporter = BarReporter()
    reporter.planned(2)
    reporter.started(0, "worker", spec, "a run")
    reporter.ended(0, StoredRun(Path("a-1"), record))
    assert capsys.readouterr().err == f"[1/2] a run: {told}, 1.5 s\n"
    print_quick(spec, METRICS)
    assert f"gave {quick}. Nothing" in capsys.readouterr().out
