"""The linear map: it finds what is linear, and says nothing where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from threadpoolctl import ThreadpoolController

from seqexp.evaluation.history import History
from seqexp.evaluation.linear import _fit, forecast_linearly
from seqexp.spec.contract import Alignment


def _history(values_TK: np.ndarray, timesteps: int, length: int, alignment: Alignment = "future") -> History:
    first = timesteps if alignment == "future" else timesteps - length + 1
    return History(values_TK, timesteps, length, alignment, 7, None, train_W=np.arange(first, 150))


def _waves(n_steps: int = 200) -> np.ndarray:
    steps_T = np.arange(n_steps)
    return np.stack([10 + np.sin(steps_T / 3), 500 + 40 * np.cos(steps_T / 3)], axis=1)


@pytest.mark.parametrize("alignment", ["future", "next"])
def test_a_wave_is_forecast_without_error(alignment: Alignment) -> None:
    values_TK, first_W = _waves(), np.arange(160, 190)
    forecast_WNK = forecast_linearly(_history(values_TK, 12, 4, alignment), first_W)
    assert forecast_WNK is not None
    true_WNK = values_TK[first_W[:, None] + np.arange(4)]
    assert np.abs(forecast_WNK - true_WNK).max() < 0.02 * 40


def test_it_is_the_ridge_of_scikit_learn() -> None:
    """On one target, with the strength that was chosen: the same map and the same intercept."""
    random = np.random.default_rng(0)
    values_TK = random.normal(size=(120, 1)).cumsum(axis=0)
    origins_W = np.arange(5, 110)
    found = _fit(_history(values_TK, 6, 2), origins_W, 6, np.array([1, 2]))
    assert found is not None
    past_WL = values_TK[origins_W[:, None] - 5 + np.arange(6), 0] - values_TK[origins_W]
    future_WN = values_TK[origins_W[:, None] + 1 + np.arange(2), 0] - values_TK[origins_W]
    scale, centred = np.std(values_TK[:112]), past_WL - past_WL.mean(axis=0)
    unit = np.linalg.eigvalsh(centred.T @ centred).mean()
    fits = [Ridge(alpha=10.0**power * unit, solver="svd").fit(past_WL, future_WN) for power in range(-4, 5)]
    nearest = min(fits, key=lambda fit: np.abs(fit.coef_.T - found[0]).max())
    np.testing.assert_allclose(found[0], nearest.coef_.T, atol=1e-8)
    np.testing.assert_allclose(found[1][0], nearest.intercept_, atol=1e-8 * max(scale, 1))


def test_targets_share_a_map_and_not_their_level() -> None:
    values_TK = _waves()
    both = forecast_linearly(_history(values_TK, 12, 3), np.array([160]))
    shifted = forecast_linearly(_history(values_TK + np.array([1e4, -1e4]), 12, 3), np.array([160]))
    assert both is not None
    assert shifted is not None
    np.testing.assert_allclose(shifted - both, np.broadcast_to([1e4, -1e4], (1, 3, 2)), rtol=1e-6)


def test_windows_with_holes_are_not_fitted_on() -> None:
    values_TK = _waves()
    values_TK[60:70] = np.nan
    forecast_WNK = forecast_linearly(_history(values_TK, 12, 3), np.array([160]))
    assert forecast_WNK is not None
    assert np.isfinite(forecast_WNK).all()


@pytest.mark.parametrize(
    ("history", "firsts"),
    [
        (_history(_waves(), 12, 3), [11]),  # a window that reaches before the series
        (_history(np.ones((200, 2)), 12, 3), [160]),  # nothing changes
        (_history(_waves(3000), 1100, 3), [2000]),  # too long to be fitted quickly
        (History(_waves(), 12, 3, "same", 7, None, np.arange(20, 150)), [160]),
        (History(_waves(), 12, 3, "future", 7, None, np.zeros(0, np.int64)), [160]),
        (_history(_waves(), 12, 3), []),
    ],
    ids=["too-early", "constant", "too-long", "same", "no-training", "no-windows"],
)
def test_where_it_cannot_say_anything_it_says_nothing(history: History, firsts: list[int]) -> None:
    assert forecast_linearly(history, np.array(firsts, np.int64)) is None


def test_over_a_lead_it_maps_to_the_steps_behind_it() -> None:
    values_TK = np.random.default_rng(0).normal(size=(300, 1)).cumsum(axis=0)
    direct = History(values_TK, 6, 4, "future", 7, None, train_W=np.arange(6, 150))
    led = History(values_TK, 6, 2, "future", 7, None, train_W=np.arange(8, 152), lead=2)
    one = forecast_linearly(direct, np.array([200, 210]))
    other = forecast_linearly(led, np.array([202, 212]))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one[:, 2:], other, rtol=0.05)  # the strength is chosen for all steps of each together


def test_the_last_bits_do_not_depend_on_how_many_threads_there_are() -> None:
    """A run is repeated by a worker, or on a machine with more cores, and gives the same numbers."""
    values_TK = np.random.default_rng(0).normal(size=(1200, 1)).cumsum(axis=0)
    history = History(values_TK, 168, 24, "future", 7, None, train_W=np.arange(168, 1000))
    found = []
    for threads in (1, 2):
        with ThreadpoolController().limit(limits=threads, user_api="blas"):
            forecast_WNK = forecast_linearly(history, np.arange(1000, 1100))
            assert forecast_WNK is not None
            found.append(forecast_WNK.tobytes())
    assert found[0] == found[1]
