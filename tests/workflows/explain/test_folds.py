"""Scripts of backtests: of all folds, of one, and of a model that is trained once for all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

DENSE = "topology.layers=[Flatten,{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}]"
SHORT = ["data=co2", "data.rows=[0,260]", "timesteps=6", "output_length=3", "topology=vector_output", DENSE]
BACKTEST = [*SHORT, "training.epochs=2", "evaluation=backtest", "evaluation.backtest.folds=3"]
Hold = Callable[..., dict[str, dict[str, float]]]


def test_a_script_runs_the_fold_that_it_is_told(hold_against_runs: Hold) -> None:
    words = [*BACKTEST, "evaluation.backtest.gap=2", "data.transform=difference"]
    hold_against_runs({"folds": words}, argument="2", more=["evaluation.backtest.fold=2"])


@pytest.mark.slow
def test_so_does_one_of_a_single_fold_or_of_one_model(hold_against_runs: Hold) -> None:
    never = [*BACKTEST, "evaluation.backtest.refit=never"]
    cases = {
        "one": [*BACKTEST, "evaluation.backtest.fold=1", "training.refit=train+validation"],
        "never": [*never, "evaluation.conformal={level: 0.5}", "evaluation.origins.every=2"],
        "refit": [*never, "training.refit=train+validation"],
    }
    found = hold_against_runs(cases)
    assert "test/fold/2/mae" in found["never"]
    both = [*BACKTEST, "training.refit=train+validation", "evaluation.conformal={level: 0.5}"]
    hold_against_runs({"all": both}, more=["evaluation.backtest.fold=0"])  # the first, if none is told
