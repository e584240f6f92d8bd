"""Scalers: forth and back, constant columns, holes, and the statistics by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seqexp.data.scaling import fit_scaler

Array = np.ndarray[Any, np.dtype[Any]]
KINDS = ["standard", "minmax", "robust", "none"]
PROPERTY = settings(max_examples=50, deadline=None)
TABLES = arrays.arrays(
    np.float64, st.tuples(st.integers(2, 30), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
)


@PROPERTY
@given(values_TF=TABLES, kind=st.sampled_from(KINDS))
def test_scaling_back_gives_the_value_again(values_TF: Array, kind: Any) -> None:
    scaler = fit_scaler(kind, values_TF)
    again_TF = scaler.inverse(scaler.transform(values_TF))
    np.testing.assert_allclose(again_TF, values_TF, rtol=1e-9, atol=1e-9 * max(1.0, float(np.abs(values_TF).max())))


@PROPERTY
@given(values_TF=TABLES, kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
def test_a_missing_value_counts_for_nothing(values_TF: Array, kind: Any, seed: int) -> None:
    with_holes_TF = np.insert(values_TF, np.random.default_rng(seed).integers(0, len(values_TF), 5), np.nan, axis=0)
    whole, holed = fit_scaler(kind, values_TF), fit_scaler(kind, with_holes_TF)
    np.testing.assert_allclose(holed.center_F, whole.center_F, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(holed.scale_F, whole.scale_F, rtol=1e-6, atol=1e-9)


@PROPERTY
@given(constant=st.floats(-1e9, 1e9), n=st.integers(2, 40), kind=st.sampled_from(["standard", "minmax", "robust"]))
def test_a_constant_column_becomes_nothing_and_comes_back(constant: float, n: int, kind: Any) -> None:
    values_TF = np.full((n, 1), constant)
    scaler = fit_scaler(kind, values_TF)
    assert scaler.scale_F.tolist() == [1.0]
    np.testing.assert_allclose(scaler.transform(values_TF), 0.0, atol=1e-12 * max(1.0, abs(constant)))
    np.testing.assert_allclose(scaler.inverse(scaler.transform(values_TF)), values_TF, rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "center", "scale"),
    [("standard", 2.5, 1.25**0.5), ("minmax", 1.0, 3.0), ("robust", 2.5, 1.5), ("none", 0.0, 1.0)],
)
def test_the_statistics_of_one_to_four(kind: Any, center: float, scale: float) -> None:
    scaler = fit_scaler(kind, np.array([[1.0], [2.0], [3.0], [4.0]]))
    assert scaler.as_values() == {"center": pytest.approx([center]), "scale": pytest.approx([scale])}


def test_each_column_is_scaled_by_itself() -> None:
    scaled_TF = fit_scaler("minmax", np.array([[0.0, 5.0], [10.0, 7.0]])).transform(np.array([[5.0, 6.0]]))
    assert scaled_TF.tolist() == [[0.5, 0.5]]


def test_a_forecast_of_many_windows_scales_back_by_its_columns() -> None:
    scaler = fit_scaler("minmax", np.array([[0.0, 5.0], [10.0, 7.0]]))
    assert scaler.inverse(np.ones((2, 3, 2))).tolist() == [[[10.0, 7.0]] * 3] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_none_changes_nothing_and_the_others_do(kind: Any) -> None:
    values_TF = np.array([[3.0], [5.0], [11.0], [4.0]])
    assert np.array_equal(fit_scaler(kind, values_TF).transform(values_TF), values_TF) == (kind == "none")
