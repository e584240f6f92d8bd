"""Score forecasts of tokens: how often they are right, and how sure the model was of the right ones.

Axis letters: W windows, N output steps, K tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqexp.evaluation.evaluate import SplitScores

Array = np.ndarray[Any, np.dtype[Any]]
_RAREST = 1e-7  # of a token that was never seen in training


def majority_logits(train_WNK: Array) -> Array:
    """Return the logits of the baseline, ``(1, N, K)``: how frequent each token is at each step, whatever is asked."""
    logits_1NK: Array = np.log(np.maximum(train_WNK.mean(axis=0, keepdims=True, dtype=np.float64), _RAREST))
    return logits_1NK


def score_tokens(true_WNK: Array, logits_WNK: Array) -> dict[str, float]:
    """Return ``accuracy`` (of single tokens), ``exact_match`` (of whole answers) and ``cross_entropy`` (nats a token).

    Args:
        true_WNK: One-hot.
        logits_WNK: Of the model, or of a baseline that says the same of every window: ``(1, N, K)``.
    """
    from scipy.special import log_softmax  # 0.1 s of every start, for the runs that have tokens

    right_WN = true_WNK.argmax(axis=-1) == logits_WNK.argmax(axis=-1)
    return {
        "accuracy": float(right_WN.mean()),
        "exact_match": float(right_WN.all(axis=1).mean()),
        "cross_entropy": float(-(true_WNK * log_softmax(logits_WNK, axis=-1)).sum(axis=-1).mean()),
    }


def wrong_tokens(true_WNK: Array, logits_WNK: Array) -> Array:
    """Return the share of wrong tokens in each answer, ``(W,)``."""
    wrong_W: Array = (true_WNK.argmax(axis=-1) != logits_WNK.argmax(axis=-1)).mean(axis=1)
    return wrong_W


def score_token_split(true_WNK: Array, logits_WNK: Array, train_WNK: Array) -> SplitScores:
    """Score a model beside the most frequent tokens of training; ``skill = 1 - cross-entropy / theirs``."""
    naive_1NK = majority_logits(train_WNK)
    overall, naive = score_tokens(true_WNK, logits_WNK), score_tokens(true_WNK, naive_1NK)
    if naive["cross_entropy"] > 0:
        overall["skill"] = 1 - overall["cross_entropy"] / naive["cross_entropy"]
    return SplitScores(
        overall, _steps(true_WNK, logits_WNK), {"majority": naive}, {"majority": _steps(true_WNK, naive_1NK)}
    )


def _steps(true_WNK: Array, logits_WNK: Array) -> dict[str, list[float]]:
    steps = [score_tokens(true_WNK[:, n : n + 1], logits_WNK[:, n : n + 1]) for n in range(true_WNK.shape[1])]
    return {name: [step[name] for step in steps] for name in ("accuracy", "cross_entropy")}
