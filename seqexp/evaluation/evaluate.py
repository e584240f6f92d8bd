"""Score a model's forecasts beside those of the baselines.

Axis letters: W windows, N output steps, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqexp.evaluation.metrics import score, score_steps

Array = np.ndarray[Any, np.dtype[Any]]
_SPLITS = {"validation": "val/", "test": ""}


@dataclass(frozen=True)
class SplitScores:
    """The scores of one split.

    Attributes:
        overall: Metric -> value, ``skill`` among them.
        steps: Metric -> one value for each step of the horizon.
        baselines: Baseline -> metric -> value.
        baseline_steps: Baseline -> metric -> one value for each step.
    """

    overall: dict[str, float]
    steps: dict[str, list[float]]
    baselines: dict[str, dict[str, float]]
    baseline_steps: dict[str, dict[str, list[float]]]


def score_split(true_WNK: Array, forecast_WNK: Array, baselines: dict[str, Array], scale_K: Array) -> SplitScores:
    """Score forecasts and baselines on the same windows; ``skill = 1 - MAE / min(baseline MAE)``."""
    overall = score(true_WNK, forecast_WNK, scale_K)
    scored = {name: score(true_WNK, naive_WNK, scale_K) for name, naive_WNK in baselines.items()}
    best = min((scores["mae"] for scores in scored.values()), default=0.0)
    if best > 0 and "mae" in overall:
        overall["skill"] = 1 - overall["mae"] / best
    return SplitScores(
        overall=overall,
        steps=score_steps(true_WNK, forecast_WNK, scale_K),
        baselines=scored,
        baseline_steps={name: score_steps(true_WNK, naive_WNK, scale_K) for name, naive_WNK in baselines.items()},
    )


def flat_metrics(scores: dict[str, SplitScores]) -> dict[str, float]:
    """Return the model's own figures by name: ``val/mae``, ``test/mae``, ``test/skill`` ..."""
    prefixes = {"validation": "val", "test": "test"}
    return {f"{prefixes[split]}/{name}": value for split, s in scores.items() for name, value in s.overall.items()}


def flat_baselines(scores: dict[str, SplitScores]) -> dict[str, float]:
    """Return the baselines' figures: ``baseline/persistence/mae`` on test, ``val/baseline/...`` on validation."""
    return {
        f"{_SPLITS[split]}baseline/{baseline}/{name}": value
        for split, s in scores.items()
        for baseline, values in s.baselines.items()
        for name, value in values.items()
    }


def flat_steps(scores: dict[str, SplitScores]) -> dict[str, list[float]]:
    """Return the figures of each step: ``step/mae`` and ``step/baseline/persistence/mae`` on test, ``val/step/...``."""
    return dict(_steps(scores))


def _steps(scores: dict[str, SplitScores]) -> Iterator[tuple[str, list[float]]]:
    for split, split_scores in scores.items():
        prefix = _SPLITS[split]
        for name, values in split_scores.steps.items():
            yield f"{prefix}step/{name}", values
        for baseline, by_metric in split_scores.baseline_steps.items():
            for name, values in by_metric.items():
                yield f"{prefix}step/baseline/{baseline}/{name}", values


def finite(values: list[float]) -> list[float | None]:
    """Return a list that JSON can hold: None in place of NaN."""
    return [value if np.isfinite(value) else None for value in values]
