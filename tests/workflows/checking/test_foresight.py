"""Columns that know the targets to come are named; those that only go with them are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.checking.foresight import knowing_columns
from seqexp.workflows.checking.leakage import check_leakage

WORDS = ["data=table", "data.path=t.csv", "data.targets=y", "topology=vector_output"]


def _write(**columns: pd.Series) -> None:
    pd.DataFrame(columns).iloc[10:410].round(3).to_csv("t.csv", index=False)


@pytest.fixture
def y() -> pd.Series:
    draw = np.random.default_rng(3)
    return pd.Series(10 + np.sin(np.arange(420) / 7 * 2 * np.pi) + draw.normal(0, 0.5, 420))


def test_a_shifted_column_and_a_centred_mean_are_caught(y: pd.Series, compose: Callable[..., ExperimentSpec]) -> None:
    smooth = y.rolling(5, center=True).mean()
    _write(y=y, tomorrow=y.shift(-1), later=y.shift(-3), smooth=smooth, trailing=y.rolling(5).mean(), before=y.shift(2))
    spec = compose(*WORDS, "data.features=all")
    assert knowing_columns(prepare_dataset(spec)) == {"tomorrow": "y", "later": "y", "smooth": "y"}
    (verdict,) = [found for found in check_leakage(spec) if not found.holds]
    assert "tomorrow tells the next y" in verdict.detail


def test_what_is_named_as_known_ahead_or_goes_with_the_target_is_not(
    y: pd.Series, compose: Callable[..., ExperimentSpec]
) -> None:
    noisy = y.shift(-1) + np.random.default_rng(4).normal(0, 0.2, len(y))  # a good forecast of somebody else's
    _write(y=y, plan=y.shift(-1), noisy=noisy, twice=2 * y)
    spec = compose(*WORDS, "data.features=[y,noisy,twice]", "data.future=plan")
    assert knowing_columns(prepare_dataset(spec)) == {}


def test_a_series_that_tells_itself_accuses_nobody(compose: Callable[..., ExperimentSpec]) -> None:
    wave = pd.Series(np.sin(np.arange(420) / 12 * 2 * np.pi))
    _write(y=wave, tomorrow=wave.shift(-1))
    assert knowing_columns(prepare_dataset(compose(*WORDS, "data.features=all"))) == {}
