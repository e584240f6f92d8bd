"""Transforms of the targets: what they do, that they are undone, and what they cannot be put on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.dataset import prepare_dataset
from seqexp.data.transform import Transform, make_transform
from seqexp.data.windows import gather
from seqexp.errors import DataError
from seqexp.spec.contract import Alignment
from seqexp.spec.experiment import ExperimentSpec

Compose = Callable[..., ExperimentSpec]
WORDS = [["log"], ["difference"], ["seasonal_difference"], ["log", "seasonal_difference", "difference"]]


@given(
    words=st.sampled_from(WORDS),
    alignment=st.sampled_from(["future", "next"]),
    length=st.integers(1, 9),
    season=st.integers(2, 5),
)
@settings(max_examples=60, deadline=None)
def test_the_true_transformed_values_come_back_as_the_true_values(
    words: list[str], alignment: Alignment, length: int, season: int
) -> None:
    values_TK = np.exp(np.random.default_rng(length).normal(size=(40, 2)))
    transform = make_transform(words, season)
    first_W = np.arange(transform.lags, 40 - length)
    given_WNK = gather(transform.apply(values_TK), first_W, length)
    found_WNK = transform.invert(given_WNK, first_W, values_TK, alignment)
    np.testing.assert_allclose(found_WNK, gather(values_TK, first_W, length), rtol=1e-9)


@pytest.mark.parametrize("words", WORDS)
def test_nothing_from_the_first_target_on_is_read(words: list[str]) -> None:
    values_TK = np.exp(np.random.default_rng(0).normal(size=(30, 1)))
    transform = make_transform(words, 4)
    forecast_WNK = np.random.default_rng(1).normal(size=(1, 7, 1))
    changed_TK = values_TK.copy()
    changed_TK[20:] = 99.0
    one, other = (transform.invert(forecast_WNK, np.array([20]), each, "future") for each in (values_TK, changed_TK))
    assert np.array_equal(one, other)


def test_a_difference_by_hand() -> None:
    transform = Transform((1,))
    values_TK = np.array([[3.0], [5.0], [4.0], [4.0]])
    np.testing.assert_array_equal(transform.apply(values_TK)[:, 0], [np.nan, 2.0, -1.0, 0.0])
    summed_WNK = transform.invert(np.array([[[1.0], [2.0]]]), np.array([2]), values_TK, "future")
    assert summed_WNK.ravel().tolist() == [6.0, 8.0]  # from 5, the last known value


def test_a_seasonal_difference_of_nothing_is_the_seasonal_naive_forecast() -> None:
    values_TK = np.arange(12.0)[:, None] ** 2
    summed_WNK = Transform((3,)).invert(np.zeros((1, 5, 1)), np.array([9]), values_TK, "future")
    assert summed_WNK.ravel().tolist() == [36.0, 49.0, 64.0, 36.0, 49.0]


def test_the_targets_are_transformed_wherever_they_are_read(compose: Compose, tmp_path: Path) -> None:
    rows = [f"{2.0**n},{n % 5}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["v,o", *rows]))
    table = ["data=table", "data.path=t.csv", "data.targets=v", "data.features=[o,v]", "timesteps=4", "output_length=2"]
    dataset = prepare_dataset(compose(*table, "data.transform=[log,difference]"))
    inputs_TF = dataset.feature_scaler.inverse(dataset.inputs_TF)
    np.testing.assert_allclose(inputs_TF[1:, 1], np.log(2), atol=1e-6)
    np.testing.assert_allclose(inputs_TF[:, 0], [n % 5 for n in range(60)], atol=1e-6)
    assert dataset.starts["train"][0] == 1  # the first step has no difference
    forecast_WNK = dataset.in_source_units(np.zeros((1, 2, 1)), np.array([50]), "future")
    np.testing.assert_allclose(forecast_WNK.ravel(), [2.0**50, 2.0**51], rtol=1e-5)
    assert dataset.true_WNK("test").max() == 2.0**59


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        (["data.transform=log"], "data.transform", "'value' is -.* in step"),
        (["data.transform=seasonal_difference", "data.season=1"], "data.transform", "season of more than one"),
        (["data.transform=difference", "data.lead=2"], "data.lead", "cannot be summed up over a lead of 2"),
    ],
)
def test_what_cannot_be_transformed_is_refused(overrides: list[str], key: str, message: str, compose: Compose) -> None:
    with pytest.raises(DataError, match=message) as caught:
        prepare_dataset(compose("data=sine", *overrides))
    assert caught.value.problems[0].key == key
