"""Scripts of backtests: of all folds, of one, and of a model that is trained once for all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.explain.explain import explain
from seqexp.workflows.project import open_project

DENSE = "topology.layers=[Flatten,{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}]"
SHORT = ["data=co2", "data.rows=[0,260]", "timesteps=6", "output_length=3", "topology=vector_output", DENSE]
BACKTEST = [*SHORT, "training.epochs=2", "evaluation=backtest", "evaluation.backtest.folds=3"]
Hold = Callable[..., dict[str, dict[str, float]]]


def test_a_script_has_the_rows_of_every_fold(compose: Callable[..., ExperimentSpec]) -> None:
    words = [*BACKTEST, "evaluation.backtest.gap=2", "evaluation.conformal={level: 0.5}"]
    script = explain(open_project(), words).text
    table = script.partition("\nFOLDS = ")[2].partition("\nFOLD = ")[0]
    for fold, rows in enumerate(eval(table)):
        bounds = prepare_dataset(compose(*words, f"evaluation.backtest.fold={fold}")).bounds
        splits = (bounds.train, bounds.validation, bounds.calibration, bounds.test)
        assert rows == tuple(slice(*split) for split in splits)
    assert "train_rows, validation_rows, calibration_rows, test_rows = FOLDS[FOLD]" in script


@pytest.mark.slow
def test_it_runs_the_one_that_it_is_told(hold_against_runs: Hold) -> None:
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
