"""Scores of tokens, against scikit-learn, and the baselines of examples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, log_loss

from seqexp.evaluation.examples import ExampleBaselines
from seqexp.evaluation.tokens import majority_logits, score_token_split, score_tokens

RANDOM = np.random.default_rng(0)


def _one_hot(tokens_WN: np.ndarray, size: int) -> np.ndarray:
    return np.eye(size)[tokens_WN]


def test_scores_are_those_of_scikit_learn() -> None:
    tokens_WN, logits_WNK = RANDOM.integers(0, 5, (80, 3)), RANDOM.normal(size=(80, 3, 5))
    scores = score_tokens(_one_hot(tokens_WN, 5), logits_WNK)
    chances = np.exp(logits_WNK) / np.exp(logits_WNK).sum(axis=-1, keepdims=True)
    assert scores["accuracy"] == accuracy_score(tokens_WN.ravel(), logits_WNK.argmax(axis=-1).ravel())
    assert scores["cross_entropy"] == pytest.approx(
        log_loss(tokens_WN.ravel(), chances.reshape(-1, 5), labels=range(5))
    )
    assert scores["exact_match"] == (tokens_WN == logits_WNK.argmax(axis=-1)).all(axis=1).mean()


def test_the_baseline_says_the_most_frequent_token_of_each_step() -> None:
    train_WNK = _one_hot(np.array([[0, 1], [0, 2], [1, 2], [0, 2]]), 3)
    assert majority_logits(train_WNK).argmax(axis=-1).tolist() == [[0, 2]]
    scores = score_token_split(train_WNK, 20.0 * train_WNK, train_WNK)
    assert scores.baselines["majority"]["accuracy"] == 0.75
    assert scores.overall["accuracy"] == 1.0
    assert scores.overall["skill"] == pytest.approx(1.0, abs=1e-6)
    assert scores.steps["accuracy"] == [1.0, 1.0]


def test_the_baselines_of_examples_are_the_mean_and_a_linear_map() -> None:
    inputs_WX = RANDOM.normal(size=(300, 4))
    targets_WNK = (inputs_WX @ RANDOM.normal(size=(4, 2)) + 3.0 + 0.1 * RANDOM.normal(size=(300, 2)))[..., None]
    found = ExampleBaselines(inputs_WX[:200], targets_WNK[:200]).forecast(inputs_WX[200:])
    np.testing.assert_allclose(found["mean"][0, :, 0], targets_WNK[:200].mean(axis=0)[:, 0])
    by_hand = LinearRegression().fit(inputs_WX[:200], targets_WNK[:200, :, 0]).predict(inputs_WX[200:])
    np.testing.assert_allclose(found["linear"][..., 0], by_hand, atol=0.01)


def test_too_many_inputs_are_mapped_by_nobody() -> None:
    assert list(ExampleBaselines(np.zeros((3, 5000)), np.zeros((3, 1, 1))).forecast(np.zeros((1, 5000)))) == ["mean"]
