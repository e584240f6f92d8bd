"""The fit: order of batches, weights of steps, best epoch, early stopping, divergence, determinism."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from seqexp.errors import RunFailed
from seqexp.spec.settings import OptimizerSpec, TrainingSpec
from seqexp.training.arrays import TrainingArrays
from seqexp.training.fit import Fit, fit_model, set_seed
from seqexp.training.keras_engine import Batches
from seqexp.training.watch import EpochEvent


def _arrays(steps: int = 60, weights: bool = False) -> TrainingArrays:
    values = np.sin(np.arange(steps) / 3)[:, None].astype("float32")
    return TrainingArrays(
        inputs_TF=values,
        targets_TK=values,
        weights_T=np.ones(steps, "float32") if weights else None,
        train_W=np.arange(0, 40),
        validation_W=np.arange(40, 55),
        timesteps=3,
        output_length=2,
        offset=3,
    )


def _training(**changes) -> TrainingSpec:
    return TrainingSpec.model_validate({"epochs": 3, "batch_size": 8, "loss": "mse", **changes})


def _model() -> keras.Model:
    inputs = keras.Input((3, 1))
    return keras.Model(inputs, keras.layers.Reshape((2, 1))(keras.layers.Dense(2)(keras.layers.Flatten()(inputs))))


def _fit(
    training: TrainingSpec, arrays: TrainingArrays, seed: int = 0, **optimizer
) -> tuple[keras.Model, list[EpochEvent], Fit]:
    set_seed(seed)
    model, events = _model(), []
    spec = OptimizerSpec.model_validate({"name": "SGD", "learning_rate": 0.1, **optimizer})
    fit = fit_model(model, arrays, training, spec, seed=seed, on_epoch=events.append)
    return model, events, fit


def test_batches_hold_each_window_once_in_the_order_of_the_seed() -> None:
    batches = Batches(_arrays(), np.arange(40), 16, (2, 1), seed=7)
    orders = []
    for epoch in range(2):
        batches.start_epoch(epoch)
        given = np.concatenate([batches[i][0] for i in range(len(batches))])
        order = np.random.default_rng([7, epoch]).permutation(40)
        assert np.array_equal(given, _arrays().inputs_TF[order[:, None] + np.arange(3)])
        orders.append(order)
    assert not np.array_equal(*orders)


def test_targets_follow_the_input() -> None:
    inputs, targets = Batches(_arrays(), np.arange(40), 4, (2, 1), seed=None)[0]
    values = _arrays().inputs_TF
    assert np.array_equal(inputs[1], values[1:4])
    assert np.array_equal(targets[1], values[4:6])


def test_the_same_seed_gives_the_same_weights_to_the_last_bit_and_another_does_not() -> None:
    first, again, other = (_fit(_training(), _arrays(), seed)[0].get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_best_weights_on_validation_are_restored() -> None:
    arrays = _arrays()
    model, events, fit = _fit(_training(epochs=6), arrays, learning_rate=0.9)
    losses = [event.values["val/loss"] for event in events]
    assert fit.best_epoch == int(np.argmin(losses)) + 1
    validation = Batches(arrays, arrays.validation_W, 256, (2, 1), None)
    model.compile(loss="mse")
    assert model.evaluate(validation, verbose=0) == pytest.approx(min(losses), rel=1e-5)


def test_early_stopping_waits_for_its_patience() -> None:
    _, events, fit = _fit(_training(epochs=50, early_stopping={"patience": 2, "min_delta": 10.0}), _arrays())
    assert fit.stopped_early
    assert len(events) == 4  # the first sets the mark, two are waited for, the next one is too many


def test_without_validation_the_last_weights_stay() -> None:
    arrays = _arrays()
    arrays = TrainingArrays(**{**vars(arrays), "validation_W": np.arange(0)})
    _, events, fit = _fit(_training(), arrays)
    assert fit.best_epoch == 3
    assert "val/loss" not in events[0].values


def test_steps_of_weight_zero_change_nothing() -> None:
    spoilt = _arrays(weights=True)
    spoilt.targets_TK.flags.writeable = True
    hidden = np.arange(10, 20)
    weights = np.ones(60, "float32")
    weights[hidden] = 0
    results = []
    for wrong in (0.0, 1e6):
        targets = spoilt.targets_TK.copy()
        targets[hidden] = wrong
        arrays = TrainingArrays(**{**vars(spoilt), "targets_TK": targets, "weights_T": weights})
        results.append(_fit(_training(), arrays)[0].get_weights())
    assert all(np.allclose(a, b) for a, b in zip(*results, strict=True))


def test_a_diverged_loss_ends_the_run() -> None:
    with pytest.raises(RunFailed, match="epoch") as caught:
        _fit(_training(epochs=30), _arrays(), learning_rate=1e6)
    assert caught.value.reason == "diverged"


def test_a_schedule_and_clipping_reach_the_optimizer() -> None:
    rate = {"ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5}}
    _, events, _ = _fit(_training(), _arrays(), learning_rate=rate, clipnorm=0.5)
    rates = [event.learning_rate for event in events]
    assert rates == pytest.approx([0.05, 0.025, 0.0125])
