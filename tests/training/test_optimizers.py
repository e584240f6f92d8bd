"""The learning rate of every step, worked out beforehand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seqexp.spec.experiment import ExperimentSpec
from seqexp.training.optimizers import LearningRates, make_optimizer

Compose = Callable[..., ExperimentSpec]


def test_a_number_stays_the_same(compose: Compose) -> None:
    rates = LearningRates(compose("optimizer.learning_rate=0.25").optimizer)
    assert rates.of_steps(7, 3).tolist() == [0.25, 0.25, 0.25]


def test_without_a_rate_it_is_that_of_keras(compose: Compose) -> None:
    spec = compose("optimizer.name=Adagrad").optimizer
    without = spec.model_copy(update={"args": {k: v for k, v in spec.args.items() if k != "learning_rate"}})
    assert LearningRates(without).of_steps(0, 1)[0] == pytest.approx(float(make_optimizer(without).learning_rate))


def test_a_schedule_gives_what_keras_would_take_at_each_step(compose: Compose) -> None:
    spec = compose("optimizer=adam_cosine").optimizer
    schedule = make_optimizer(spec)._learning_rate
    expected = [float(schedule(step)) for step in range(40, 45)]
    assert LearningRates(spec).of_steps(40, 5) == pytest.approx(np.asarray(expected), rel=1e-6)
    assert expected[0] > expected[-1]
