"""Published figures that a deterministic forecast must give to the printed digits."""

from __future__ import annotations

import numpy as np
import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.evaluation.baselines import naive_forecasts
from seqexp.evaluation.history import History
from seqexp.evaluation.metrics import score, seasonal_scale
from seqexp.workflows.project import open_project
from seqexp.workflows.sweeping.plan import plan_sweep


@pytest.mark.parametrize(
    ("season", "baseline", "published"),
    [(7, "persistence", "511.886"), (7, "seasonal_naive", "469.389"), (7, "year_before", "465.294")],
)
def test_the_naive_rows_of_the_household_power_protocol(season: int, baseline: str, published: str) -> None:
    """J. Brownlee, machinelearningmastery.com, "Multi-step LSTM time series forecasting models for power usage"."""
    plan = plan_sweep(open_project(), ["household_power_published", f"data.season={season}", "seed=0"])
    dataset = prepare_dataset(plan.points[0].spec)
    assert len(dataset.starts["test"]) == 46
    targets_TK = dataset.series.targets_TK
    train_W = dataset.target_starts("train")
    history = History(targets_TK, 7, 7, "future", dataset.series.season, dataset.series.year, train_W)
    naive = naive_forecasts(history, dataset.target_starts("test"))
    scores = score(dataset.true_WNK("test"), naive[baseline], seasonal_scale(targets_TK, season))
    assert f"{scores['rmse']:.3f}" == published
    assert np.isfinite(naive[baseline]).all()
