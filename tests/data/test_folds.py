"""Folds: stretches of the test split, in order, and nothing near them that is fitted on or chosen by."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.dataset import prepare_dataset
from seqexp.data.folds import bounds_of_fold, cut_folds, scored_folds
from seqexp.data.splits import Bounds
from seqexp.data.windows import WindowShape
from seqexp.errors import ConfigError, DataError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import BacktestSpec, EvaluationSpec
from seqexp.spec.validate import validate_as

Compose = Callable[..., ExperimentSpec]
SHAPE = WindowShape.of(3, 2, "future")
WORDS = ["data=sine", "data.source.sine.length=200", "topology=vector_output", "evaluation.mode=backtest"]


@st.composite
def backtests(draw: st.DrawFn) -> tuple[Bounds, BacktestSpec]:
    train, validation, test = draw(st.integers(40, 300)), draw(st.integers(0, 50)), draw(st.integers(20, 200))
    folds = draw(st.integers(1, test // SHAPE.output_length))
    step = draw(st.none() | st.integers(SHAPE.output_length, test // folds))
    bounds = Bounds((0, train), (train, train + validation), (train + validation, train + validation + test))
    return bounds, BacktestSpec(folds=folds, step=step, gap=draw(st.integers(0, 30)))


def _of_fold(bounds: Bounds, backtest: BacktestSpec, fold: int) -> Bounds:
    chosen = backtest.model_copy(update={"fold": fold})
    return bounds_of_fold(bounds, EvaluationSpec(mode="backtest", backtest=chosen), SHAPE)


@settings(max_examples=200, deadline=None)
@given(backtests())
def test_folds_follow_each_other_and_nothing_before_the_gap_is_lost(made: tuple[Bounds, BacktestSpec]) -> None:
    bounds, backtest = made
    found = [_of_fold(bounds, backtest, fold) for fold in range(backtest.folds)]
    assert all(one.test[1] == other.test[0] for one, other in pairwise(found))  # disjoint, in order
    assert found[0].test[0] >= bounds.test[0]
    assert found[-1].test[1] == bounds.test[1]
    step = backtest.step or bounds.size("test") // backtest.folds
    assert {fold.size("test") for fold in found} == {step}
    for fold in found:
        assert fold.train[0] == 0
        assert 0 < fold.train[1] == fold.validation[0] <= fold.validation[1] == fold.test[0] - backtest.gap
        assert fold.size("validation") == bounds.size("validation")


@settings(max_examples=100, deadline=None)
@given(backtests())
def test_trained_once_all_stretches_are_scored(made: tuple[Bounds, BacktestSpec]) -> None:
    bounds, backtest = made
    once = EvaluationSpec(mode="backtest", backtest=backtest.model_copy(update={"refit": "never"}))
    found, first = bounds_of_fold(bounds, once, SHAPE), _of_fold(bounds, backtest, 0)
    assert (found.train, found.validation) == (first.train, first.validation)
    stretches = cut_folds(bounds.test, backtest, SHAPE.output_length)
    assert found.test == (stretches[0][0], stretches[-1][1])
    assert scored_folds(found.test, once) == dict(enumerate(stretches))


def test_without_a_backtest_nothing_changes() -> None:
    bounds = Bounds((0, 60), (60, 70), (70, 100))
    assert bounds_of_fold(bounds, EvaluationSpec(), SHAPE) is bounds
    assert scored_folds(bounds.test, EvaluationSpec()) == {}


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (["step=7"], "step", "5 folds of 7 steps need 35 steps, and the test split has 30."),
        (["step=6", "folds=2"], "step", "each of 2 folds has 6 of the 30 steps of the test split, and a forecast is 7"),
        (["folds=10"], "folds", "each of 10 folds has 3 of the 30 steps"),
        (["folds=31"], "folds", "each of 31 folds has 0 of the 30 steps"),
        (["folds=2", "gap=120"], "gap", "leave 20 to train on, and a window needs 21"),
        (["folds=2", "gap=500"], "gap", "leave 0 to train on"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_folds_that_do_not_fit_the_data_are_refused(words: list[str], key: str, says: str, compose: Compose) -> None:
    spec = compose(*WORDS, *(f"evaluation.backtest.{word}" for word in words))
    with pytest.raises(DataError) as caught:
        prepare_dataset(spec)
    assert caught.value.problems[0].key == f"evaluation.backtest.{key}"
    assert says in str(caught.value)
    assert caught.value.problems[0].mend


@pytest.mark.parametrize(
    ("evaluation", "key", "says"),
    [
        ({"mode": "backtest", "backtest": {"folds": 0}}, "backtest.folds", "greater than or equal to 1, got 0"),
        ({"mode": "backtest", "backtest": {"gap": -1}}, "backtest.gap", "greater than or equal to 0, got -1"),
        ({"mode": "backtest", "backtest": {"step": 0}}, "backtest.step", "greater than or equal to 1, got 0"),
        ({"mode": "backtest", "backtest": {"fold": 5}}, "backtest.fold", "a fold from 0 to 4, got 5"),
        ({"mode": "backtest", "backtest": {"refit": "never", "fold": 0}}, "backtest.fold", "expected null, got 0"),
        ({"mode": "backtest", "backtest": {"refit": "always"}}, "backtest.refit", "every_fold or never"),
        ({"mode": "backtest", "backtest": {"steps": 3}}, "backtest.steps", "Did you mean step?"),
        ({"mode": "backtests"}, "mode", "Did you mean backtest?"),
        ({"backtest": {"folds": 3}}, "backtest.folds", "evaluation.mode is holdout"),
        ({"backtest": {"fold": 0}}, "backtest.fold", "Add evaluation.mode=backtest"),
    ],
)
def test_a_backtest_that_makes_no_sense_is_refused(evaluation: dict[str, object], key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate_as(EvaluationSpec, evaluation, "evaluation")
    assert [problem.key for problem in caught.value.problems] == [f"evaluation.{key}"]
    assert says in str(caught.value)


def test_windows_and_scalers_are_those_of_the_fold(compose: Compose) -> None:
    words = [*WORDS, "evaluation.backtest.folds=3", "evaluation.backtest.gap=4"]
    found = [prepare_dataset(compose(*words, f"evaluation.backtest.fold={fold}")) for fold in range(3)]
    targets = [dataset.target_starts("test") for dataset in found]
    assert [(first_W[0], first_W[-1] + 6) for first_W in targets] == [(170, 179), (180, 189), (190, 199)]
    for dataset in found:
        known = slice(0, dataset.bounds.test[0] - 4 - 30)
        assert dataset.bounds.train == (known.start, known.stop)
        assert dataset.target_starts("validation").max() + 6 == dataset.bounds.test[0] - 5
        assert dataset.target_scaler.center_F == pytest.approx(np.mean(dataset.series.known_TK[known]))


def test_of_no_fold_in_particular_the_data_are_those_of_the_first(compose: Compose) -> None:
    assert prepare_dataset(compose(*WORDS, "evaluation.backtest.folds=3")).bounds.test == (170, 180)


def test_how_folds_are_cut_is_no_part_of_a_run_without_any(compose: Compose) -> None:
    told = compose(*WORDS[:-1]).what_affects_the_result()["evaluation"]
    assert "mode" not in told
    assert "backtest" not in told
    assert compose(*WORDS).what_affects_the_result()["evaluation"]["backtest"]["folds"] == 5
