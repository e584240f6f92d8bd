"""A user's own scores and baselines.

Axis letters: W windows, N output steps, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqexp.errors import ModelError, OwnCodeFailed
from seqexp.evaluation.baselines import Baseline
from seqexp.evaluation.evaluate import SplitScores
from seqexp.evaluation.history import History
from seqexp.plugins.table import OwnPart, find
from seqexp.spec.parts import Part

Array = np.ndarray[Any, np.dtype[Any]]


def own_baselines(parts: Sequence[Part]) -> dict[str, Baseline]:
    """Return a user's own baselines by name; a forecast of another shape than the targets' is an error."""
    return {part.name: _baseline(_own("baseline", part), part.args) for part in parts}


def check_scores(parts: Sequence[Part], *, steps: int, targets: int) -> None:
    """Call a user's own scores with a few numbers, before hours are spent on what they then fail to score.

    Raises:
        OwnCodeFailed: One of them fails, or gives no number.
    """
    true_WNK = np.random.default_rng(0).normal(size=(8, steps, targets))
    for part in parts:
        own = _own("metric", part)
        try:
            _score(part, true_WNK, true_WNK[::-1])
        except Exception as error:  # it is a user's code
            message = f"the metric {own.name} ({own.place}) fails: {type(error).__name__}: {error}"
            raise OwnCodeFailed(message, key="evaluation.metrics", mend="It returns one number.") from None


def with_own(
    scores: SplitScores, parts: Sequence[Part], true_WNK: Array, forecast_WNK: Array, naive: Mapping[str, Array]
) -> SplitScores:
    """Add a user's own scores: of all steps and of each, and of the baselines."""
    if not parts:
        return scores
    steps = {
        part.name: [_score(part, true_WNK[:, n : n + 1], forecast_WNK[:, n : n + 1]) for n in range(true_WNK.shape[1])]
        for part in parts
    }
    return replace(
        scores,
        overall=scores.overall | _all(parts, true_WNK, forecast_WNK),
        steps=scores.steps | steps,
        baselines={
            name: those | (_all(parts, true_WNK, naive[name]) if name in naive else {})
            for name, those in scores.baselines.items()
        },
    )


def _all(parts: Sequence[Part], true_WNK: Array, forecast_WNK: Array) -> dict[str, float]:
    found = {part.name: _score(part, true_WNK, forecast_WNK) for part in parts}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _score(part: Part, true_WNK: Array, forecast_WNK: Array) -> float:
    return float(_own("metric", part).entry(true_WNK.copy(), forecast_WNK.copy(), **part.args))


def _baseline(own: OwnPart, args: Mapping[str, Any]) -> Baseline:
    def forecast(history: History, first_W: Array) -> Array | None:
        given = own.entry(history, first_W, **args)
        if given is None:
            return None
        forecast_WNK = np.asarray(given, np.float64)
        wanted = (len(first_W), history.output_length, history.targets_TK.shape[1])
        if forecast_WNK.shape != wanted:
            message = f"the baseline {own.name} ({own.place}) gives the shape {forecast_WNK.shape}, expected {wanted}."
            raise ModelError(message, key="evaluation.baselines")
        return None if np.isnan(forecast_WNK).any() else forecast_WNK

    return forecast


def _own(kind: str, part: Part) -> OwnPart:
    own = find(kind, part.name)
    assert own is not None  # a spec names what is registered
    return own
