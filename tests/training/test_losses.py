"""The losses of heads, against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from seqexp.spec.topology import HEAD_LOSSES, LEAST_DEVIATION
from seqexp.training.losses import LOSSES, GaussianNLL, Pinball

RANDOM = np.random.default_rng(0)
LEVELS = [0.1, 0.5, 0.9]


@pytest.mark.parametrize("steps", [(), (4,)], ids=["one step", "steps"])
def test_the_quantile_loss_is_that_of_scikit_learn(steps: tuple[int, ...]) -> None:
    true, given = RANDOM.normal(size=(6, *steps, 2)), RANDOM.normal(size=(6, *steps, 6))
    by_level = given.reshape(6, *steps, 2, 3)
    expected = [mean_pinball_loss(true.ravel(), by_level[..., q].ravel(), alpha=LEVELS[q]) for q in range(3)]
    assert float(Pinball(LEVELS)(true, given)) == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("steps", [(), (4,)], ids=["one step", "steps"])
def test_the_likelihood_is_that_of_scipy(steps: tuple[int, ...]) -> None:
    true, given = RANDOM.normal(size=(6, *steps, 2)), RANDOM.normal(size=(6, *steps, 4))
    mean, raw = (given.reshape(6, *steps, 2, 2)[..., p] for p in (0, 1))
    expected = -norm.logpdf(true, mean, np.log1p(np.exp(raw)) + LEAST_DEVIATION).mean()
    assert float(GaussianNLL()(true, given)) == pytest.approx(expected, rel=1e-5)


def test_steps_without_weight_count_for_nothing() -> None:
    true, given = RANDOM.normal(size=(6, 4, 1)), RANDOM.normal(size=(6, 4, 3))
    weights = np.zeros((6, 4))
    weights[:3] = 1
    loss = Pinball(LEVELS, reduction="mean_with_sample_weight")
    assert float(loss(true, given, weights)) == pytest.approx(float(loss(true[:3], given[:3])), rel=1e-5)


def test_the_config_knows_every_one_of_them() -> None:
    assert set(HEAD_LOSSES) == set(LOSSES)
