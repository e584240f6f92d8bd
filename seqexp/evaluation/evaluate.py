"""Score a model's forecasts beside those of the baselines.

Axis letters: W windows, N output steps, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seqexp.evaluation.intervals import Intervals, score_interval_steps, score_intervals
from seqexp.evaluation.metrics import Scale, score, score_steps

Array = np.ndarray[Any, np.dtype[Any]]
_OF_TARGETS = ("mae", "rmse")
_SCALED = ("mae", "mse", "rmse")
_OF_FOLDS = ("mae", "rmse", "mse", "mase", "skill")
_OF_BASELINES = ("mae", "rmse")  # at each step: there are many baselines, and may be many steps
_SPLITS = {"validation": "val/", "test": ""}


@dataclass(frozen=True)
class SplitScores:
    """The scores of one split.

    Attributes:
        overall: Metric -> value, ``skill`` among them.
        steps: Metric -> one value for each step of the horizon.
        baselines: Baseline -> metric -> value.
        baseline_steps: Baseline -> metric -> one value for each step.
        series: Series -> metric -> value, where there are several series.
    """

    overall: dict[str, float]
    steps: dict[str, list[float]]
    baselines: dict[str, dict[str, float]]
    baseline_steps: dict[str, dict[str, list[float]]]
    series: dict[str, dict[str, float]] = field(default_factory=dict)


def score_split(true_WNK: Array, forecast_WNK: Array, baselines: dict[str, Array], scale: Scale) -> SplitScores:
    """Score forecasts and baselines on the same windows.

    ``skill = 1 - MAE / min(baseline MAE)``; ``breakeven_step``: the first step of the horizon, from 1, at which the
    model's MAE is not below that of the best baseline at that step; N + 1 where there is none.
    """
    overall = score(true_WNK, forecast_WNK, scale)
    scored = {name: score(true_WNK, naive_WNK, scale) for name, naive_WNK in baselines.items()}
    steps = score_steps(true_WNK, forecast_WNK, scale)
    baseline_steps = {
        name: score_steps(true_WNK, naive_WNK, scale, _OF_BASELINES) for name, naive_WNK in baselines.items()
    }
    best = min((scores["mae"] for scores in scored.values()), default=0.0)
    if best > 0 and "mae" in overall:
        overall["skill"] = 1 - overall["mae"] / best
        best_N = np.min([by_metric["mae"] for by_metric in baseline_steps.values()], axis=0)
        lost_N = ~(np.array(steps["mae"]) < best_N)
        overall["breakeven_step"] = float(lost_N.argmax() + 1 if lost_N.any() else len(lost_N) + 1)
    return SplitScores(overall, steps, scored, baseline_steps)


def with_scaled(scores: SplitScores, true_WNK: Array, forecast_WNK: Array, baselines: dict[str, Array]) -> SplitScores:
    """Add ``scaled/mae`` and its like to scores: what they are for these values, which a scaler gave."""
    nothing = Scale(np.ones(true_WNK.shape[-1]), np.ones(true_WNK.shape[-1]))

    def scaled(values_WNK: Array) -> dict[str, float]:
        found = score(true_WNK, values_WNK, nothing)
        return {f"scaled/{name}": found[name] for name in _SCALED if name in found}

    return replace(
        scores,
        overall=scores.overall | scaled(forecast_WNK),
        baselines={name: those | scaled(baselines[name]) for name, those in scores.baselines.items()},
    )


def with_intervals(scores: SplitScores, true_WNK: Array, intervals: Intervals) -> SplitScores:
    """Add coverage and width of intervals, and the loss of quantiles, to scores."""
    return replace(
        scores,
        overall=scores.overall | score_intervals(true_WNK, intervals),
        steps=scores.steps | score_interval_steps(true_WNK, intervals),
    )


def with_targets(scores: SplitScores, true_WNK: Array, forecast_WNK: Array, names: Sequence[str]) -> SplitScores:
    """Add ``mae/<target>`` and ``rmse/<target>`` to scores where there are several targets."""
    if len(names) < 2:
        return scores
    nothing = Scale(np.ones(1), np.ones(1))
    found: dict[str, float] = {}
    for k, name in enumerate(names):
        own = score(true_WNK[..., k : k + 1], forecast_WNK[..., k : k + 1], nothing)
        found |= {f"{metric}/{name}": own[metric] for metric in _OF_TARGETS if metric in own}
    return replace(scores, overall=scores.overall | found)


def with_series(scores: SplitScores, true_WNK: Array, forecast_WNK: Array, windows: Mapping[str, Array]) -> SplitScores:
    """Add MAE and RMSE of each series, given which windows are its; NaN for one without a window."""
    nothing = Scale(np.ones(1), np.ones(1))
    by_series = {}
    for series, own_W in windows.items():
        found = score(true_WNK[own_W], forecast_WNK[own_W], nothing) if own_W.any() else {}
        by_series[series] = {name: found.get(name, float("nan")) for name in _OF_TARGETS}
    return replace(scores, series=by_series)


def with_folds(
    scores: SplitScores,
    true_WNK: Array,
    forecast_WNK: Array,
    baselines: dict[str, Array],
    scale: Scale,
    windows: dict[int, Array],
) -> SplitScores:
    """Add ``fold/0/mae`` and its like to scores, given the windows of each fold as a mask, shape ``(W,)``."""
    overall, naive = dict(scores.overall), {name: dict(those) for name, those in scores.baselines.items()}
    for fold, in_W in windows.items():
        if not in_W.any():
            continue
        found = {name: score(true_WNK[in_W], values[in_W], scale) for name, values in baselines.items()}
        own = score(true_WNK[in_W], forecast_WNK[in_W], scale)
        best = min((those["mae"] for those in found.values() if "mae" in those), default=0.0)
        if best > 0 and "mae" in own:
            own["skill"] = 1 - own["mae"] / best
        overall |= {f"fold/{fold}/{metric}": own[metric] for metric in _OF_FOLDS if metric in own}
        for name, those in found.items():
            naive[name] |= {f"fold/{fold}/mae": those["mae"]} if "mae" in those else {}
    return replace(scores, overall=overall, baselines=naive)


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
    """Return the figures of each step: ``step/mae`` and ``step/baseline/persistence/mae`` on test, ``val/step/...``.

    Where there are several series, also those of each of them, ``series/<name>/mae``: one value, over all steps.
    """
    return dict(_steps(scores))


def _steps(scores: dict[str, SplitScores]) -> Iterator[tuple[str, list[float]]]:
    for split, split_scores in scores.items():
        prefix = _SPLITS[split]
        for series, of_series in split_scores.series.items():
            for name, value in of_series.items():
                yield f"{prefix}series/{series}/{name}", [value]
        for name, values in split_scores.steps.items():
            yield f"{prefix}step/{name}", values
        for baseline, by_metric in split_scores.baseline_steps.items():
            for name, values in by_metric.items():
                yield f"{prefix}step/baseline/{baseline}/{name}", values


def finite(values: list[float]) -> list[float | None]:
    """Return a list that JSON can hold: None in place of NaN."""
    return [value if np.isfinite(value) else None for value in values]
