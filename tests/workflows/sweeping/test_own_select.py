"""``evaluation.select`` may be a user's own metric: it ranks, chooses, is searched by and kept by, the lowest first.

Axis letters: W windows, N output steps, K targets.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import seqexp
from seqexp.cli.reports import print_sweep
from seqexp.store.run_dir import MODEL
from seqexp.store.sweep_dir import list_sweeps
from seqexp.workflows.project import Project
from seqexp.workflows.reading.compare import compare_runs
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep
from seqexp.workflows.upkeep.prune import prune
from seqexp.workflows.using.refit import spec_on_all

SMALL = [
    "data=sine",
    "data.source.sine.length=200",
    "training.epochs=2",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "execution=inline",
    "tracking=none",
]
OWN = [*SMALL, "evaluation.metrics=backwards", "evaluation.select=val/backwards"]
RATES = "optimizer.learning_rate=0.01,0.00001"  # by any error the first is better


@pytest.fixture(autouse=True)
def _registered() -> None:
    """Register two metrics: one that is lower where the error is larger, one that is never defined."""

    @seqexp.metric
    def backwards(true_WNK: Any, forecast_WNK: Any) -> float:
        return -float(np.nanmean(np.abs(true_WNK - forecast_WNK)))

    @seqexp.metric
    def undefined(true_WNK: Any, forecast_WNK: Any) -> float:
        return float("nan")


def test_it_ranks_and_what_is_kept_is_the_best_by_it(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_sweep(project, plan_sweep(project, [*OWN, RATES, "tracking.keep.forecasts=best"]))
    by_error, by_own = (
        sorted((outcome.stored for outcome in result.outcomes), key=lambda run: run.record.metrics[name])
        for name in ("val/mae", "val/backwards")
    )
    assert by_own == by_error[::-1]
    (comparison,) = compare_runs(project, [])
    assert [row.run for row in comparison.block.rows if row.run] == by_own
    assert comparison.block.best == by_own[0]
    assert [(run.path / "forecasts.npz").is_file() for run in by_own] == [True, False]
    print_sweep(result)
    told = capsys.readouterr().out
    assert "val backwards" in told
    assert "Ordered by validation backwards." in told
    gone = {found.run.path for found in prune(project, keep="best:1", older_than="0h")}
    assert gone == {by_own[1].path}
    assert (by_own[0].path / MODEL).is_file()


def test_a_search_hears_of_it(project: Project) -> None:
    words = [*OWN, "optimizer.learning_rate=log:1e-4..1e-1", "execution.search=optuna", "execution.trials=2"]
    result = run_sweep(project, plan_sweep(project, words))
    (folder,) = list_sweeps(project.sweeps)
    told = [json.loads(line) for line in (folder / "study.log").read_text().splitlines()]
    values = [entry["values"][0] for entry in told if entry.get("values")]
    assert values == pytest.approx([outcome.stored.record.metrics["val/backwards"] for outcome in result.outcomes])


def test_where_it_is_not_defined_nothing_is_ranked_and_that_is_said(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL, "evaluation.metrics=undefined", "evaluation.select=val/undefined"]
    result = run_sweep(project, plan_sweep(project, words))
    print_sweep(result)
    assert "Nothing is ranked: not every run has val/undefined." in capsys.readouterr().out


def test_a_model_on_all_rows_has_no_such_figure(project: Project) -> None:
    spec = project.compose_one(OWN).spec
    assert spec_on_all(spec, 3).evaluation.select == "val/mae"
    assert (
        spec_on_all(project.compose_one([*SMALL, "evaluation.select=val/rmse"]).spec, 3).evaluation.select == "val/rmse"
    )
