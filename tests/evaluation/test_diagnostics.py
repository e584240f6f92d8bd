"""Each sign is seen where it is, and not where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqexp.evaluation.diagnostics import (
    diagnose_fit,
    diagnose_forecasts,
    diagnose_scores,
    diagnose_series,
    diagnose_windows,
)
from seqexp.evaluation.evaluate import score_split
from seqexp.evaluation.metrics import Scale

RANDOM = np.random.default_rng(0)
TRUE = RANDOM.normal(size=(40, 5, 1))
LAST = RANDOM.normal(size=(40, 1, 1)) + np.zeros((40, 5, 1))
ONE = Scale(np.ones(1), np.ones(1))
BOUNDS = {"train": (0, 100), "validation": (100, 130), "test": (130, 160)}


@pytest.mark.parametrize(
    ("forecast", "signs"),
    [
        (TRUE + 0.3 * RANDOM.normal(size=TRUE.shape), set()),
        (LAST + 0.01, {"echo", "flat"}),
        (TRUE.mean(axis=1, keepdims=True) + np.zeros_like(TRUE), {"flat"}),
        (0.02 * TRUE + 0.5, {"flat", "learnt_nothing"}),
        (0.08 * TRUE + 0.5, {"learnt_nothing"}),
    ],
    ids=["fair", "echo", "flat", "mean", "nearly-mean"],
)
def test_forecasts(forecast: Any, signs: set[str]) -> None:
    assert set(diagnose_forecasts(TRUE, forecast, LAST)) == signs


@pytest.mark.parametrize(
    ("validation", "test", "says"),
    [
        (10, 10, ""),
        (0, 10, ""),
        (0, 9, "test has 9 windows:"),
        (3, 1, "validation has 3 windows and test has 1 window:"),
    ],
)
def test_few_windows(validation: int, test: int, says: str) -> None:
    found = diagnose_windows({"validation": validation, "test": test})
    assert set(found) == ({"few_windows"} if says else set())
    assert found.get("few_windows", "").startswith(says)


def test_a_single_step_is_never_flat() -> None:
    assert set(diagnose_forecasts(TRUE[:, :1], LAST[:, :1], LAST[:, :1])) == {"echo"}


def test_forecasts_of_values_that_were_not_observed_count_for_nothing() -> None:
    holes = np.where(RANDOM.random(TRUE.shape) < 0.3, np.nan, TRUE)
    assert diagnose_forecasts(holes, TRUE + 0.1, LAST) == {}


def _history(train: list[float], validation: list[float]) -> list[dict[str, float]]:
    return [{"train/loss": one, "val/loss": other} for one, other in zip(train, validation, strict=True)]


@pytest.mark.parametrize(
    ("train", "validation", "best", "signs"),
    [
        ([3, 2, 1], [3, 2, 1], 3, {"still_falling"}),
        ([3, 2, 1], [3, 2, 1.995], 3, set()),
        ([3, 2, 1, 0.5], [3, 2, 2.1, 2.5], 2, {"overfitted"}),
        ([3, 2, 1, 0.5], [3, 2, 2.1, 2.1], 2, set()),
        ([3, 2, 2.5, 2.6], [3, 2, 2.1, 2.5], 2, set()),  # diverges: the training loss rises, too
        ([2, 1], [2, 1], 2, set()),
    ],
)
def test_losses(train: list[float], validation: list[float], best: int, signs: set[str]) -> None:
    assert set(diagnose_fit(_history(train, validation), best)) == signs


def test_without_validation_the_losses_say_nothing() -> None:
    assert diagnose_fit([{"train/loss": 3.0}, {"train/loss": 2.0}, {"train/loss": 1.0}], 3) == {}


def test_a_model_that_loses_to_a_baseline_is_told_to_which() -> None:
    scores = score_split(TRUE, TRUE + 2, {"persistence": TRUE + 3, "seasonal_naive": TRUE + 1}, ONE)
    assert "seasonal naive 1" in diagnose_scores({"test": scores})["worse_than_baseline"]
    assert diagnose_scores({"test": score_split(TRUE, TRUE + 1, {"persistence": TRUE + 3}, ONE)}) == {}


def _series(**changed: float) -> np.ndarray:
    values_TK = np.random.default_rng(1).normal(10, 2, (160, 1))
    for place, value in changed.items():
        start, stop = {**BOUNDS, "one": (140, 141)}[place]
        values_TK[start:stop] = values_TK[start:stop] + value
    return values_TK


@pytest.mark.parametrize(
    ("values", "signs", "says"),
    [
        (_series(), set(), ""),
        (_series(one=100.0), {"outliers", "regime_change"}, "in step 140 (test)"),
        (_series(test=5.0), {"regime_change"}, "in test"),
        (_series(validation=-5.0), {"regime_change"}, "in validation"),
        (np.ones((160, 1)), set(), ""),
    ],
    ids=["alike", "outlier", "test-moved", "validation-moved", "constant"],
)
def test_series(values: np.ndarray, signs: set[str], says: str) -> None:
    found = diagnose_series(values, BOUNDS, ["y"])
    others = np.full((40, 1), 1e6)  # rows of another series, which lie in none of these splits
    assert diagnose_series(np.concatenate([values, others]), BOUNDS, ["y"]) == found
    assert set(found) == signs
    assert says in " ".join(found.values())
