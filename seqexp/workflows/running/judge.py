"""Score the forecasts of a split in the way that suits its targets, beside the baselines that suit its data.

Axis letters: T steps, F features, K targets, W windows, X inputs of a window, N output steps.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from seqexp.data.dataset import Dataset
from seqexp.data.folds import scored_folds
from seqexp.data.windows import gather
from seqexp.evaluation.baselines import naive_forecasts
from seqexp.evaluation.evaluate import (
    SplitScores,
    score_split,
    with_folds,
    with_intervals,
    with_scaled,
    with_series,
    with_targets,
)
from seqexp.evaluation.examples import ExampleBaselines
from seqexp.evaluation.history import History
from seqexp.evaluation.metrics import Scale, seasonal_scale
from seqexp.evaluation.own import own_baselines
from seqexp.evaluation.tokens import score_token_split
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.running.issue import Issued

Array = np.ndarray[Any, np.dtype[Any]]
Naive = dict[str, Array]


class Judge(Protocol):
    """Scores the forecasts of one split after another."""

    def score(self, split: str, issued: Issued) -> tuple[SplitScores, Naive]:
        """Return the scores, and the forecasts of the baselines, ``(W, N, K)`` each."""
        ...


def make_judge(spec: ExperimentSpec, dataset: Dataset) -> Judge:
    """Return what scores the forecasts of an experiment."""
    if spec.data.is_tokens:
        return TokenJudge(dataset)
    return ExampleJudge(spec, dataset) if spec.data.is_examples else SeriesJudge(spec, dataset)


class SeriesJudge:
    """Numbers of a series: the baselines know its past."""

    def __init__(self, spec: ExperimentSpec, dataset: Dataset) -> None:
        self._spec, self._dataset = spec, dataset
        self._history = history_of(spec, dataset)
        self._own = own_baselines(spec.evaluation.baselines)
        season = dataset.series.season
        trained = [self._history.targets_TK[slice(*stretch)] for stretch in dataset.stretches("train")]
        self._scales = [seasonal_scale(values_TK, season) for values_TK in trained]

    def score(self, split: str, issued: Issued) -> tuple[SplitScores, Naive]:
        """Score beside naive forecasts and a linear map of the window; in each fold, too, where there are several."""
        naive = naive_forecasts(self._history, issued.first_W, self._own)
        scores = _score_numbers(self._spec, self._dataset, issued, naive, self._scale(issued.first_W))
        evaluation, true_WNK, forecast_WNK = self._spec.evaluation, issued.true_WNK, issued.forecast_WNK
        if split == "test" and evaluation.mode == "backtest" and evaluation.backtest.refit == "never":
            folds = scored_folds(self._dataset.bounds.test, evaluation)
            in_fold = {fold: _begins_in(issued.first_W, stretch) for fold, stretch in folds.items()}
            scores = with_folds(scores, true_WNK, forecast_WNK, naive, self._scales[0], in_fold)
        if parts := self._dataset.series.several:
            in_series = {part.name: _begins_in(issued.first_W, (part.start, part.stop)) for part in parts}
            scores = with_series(scores, true_WNK, forecast_WNK, in_series)
        return scores, naive

    def _scale(self, first_W: Array) -> Scale:
        """Return the scale of each window: that of its series."""
        if len(self._scales) == 1:
            return self._scales[0]
        which_W = np.searchsorted([part.start for part in self._dataset.series.several], first_W, side="right") - 1
        absolute_PK, squared_PK = (
            np.stack([getattr(scale, name) for scale in self._scales]) for name in ("absolute_K", "squared_K")
        )
        return Scale(absolute_PK[which_W][:, None], squared_PK[which_W][:, None])


def _begins_in(first_W: Array, stretch: tuple[int, int]) -> Array:
    begins_W: Array = (first_W >= stretch[0]) & (first_W < stretch[1])
    return begins_W


class ExampleJudge:
    """Numbers of windows that lie in no series: the baselines know the training windows."""

    def __init__(self, spec: ExperimentSpec, dataset: Dataset) -> None:
        self._spec, self._dataset = spec, dataset
        targets_WNK = dataset.true_WNK("train")
        self._baselines = ExampleBaselines(self._inputs_WX("train"), targets_WNK)
        unknown_K = np.full(targets_WNK.shape[-1], np.nan)
        self._scale = Scale(unknown_K, unknown_K)  # there are no seasons: MASE and RMSSE are not defined

    def score(self, split: str, issued: Issued) -> tuple[SplitScores, Naive]:
        """Score beside the mean of the training targets and a linear map of the inputs."""
        naive = self._baselines.forecast(self._inputs_WX(split))
        return _score_numbers(self._spec, self._dataset, issued, naive, self._scale), naive

    def _inputs_WX(self, split: str) -> Array:
        dataset = self._dataset
        starts_W = dataset.starts[split]
        return gather(dataset.inputs_TF, starts_W, dataset.shape.timesteps).reshape(len(starts_W), -1)


class TokenJudge:
    """Tokens: the baseline says the most frequent one of each step."""

    def __init__(self, dataset: Dataset) -> None:
        self._train_WNK = dataset.true_WNK("train")

    def score(self, split: str, issued: Issued) -> tuple[SplitScores, Naive]:
        """Score beside how frequent each token is."""
        return score_token_split(issued.true_WNK, issued.forecast_WNK, self._train_WNK), {}


def _score_numbers(spec: ExperimentSpec, dataset: Dataset, issued: Issued, naive: Naive, scale: Scale) -> SplitScores:
    true_WNK, forecast_WNK = issued.true_WNK, issued.forecast_WNK
    scores = score_split(true_WNK, forecast_WNK, naive, scale)
    scores = with_targets(scores, true_WNK, forecast_WNK, dataset.series.target_names)
    if issued.intervals is not None:
        scores = with_intervals(scores, true_WNK, issued.intervals)
    if spec.evaluation.scaled:
        units = dataset.unit_scaler.transform
        scaled_naive = {name: units(values_WNK) for name, values_WNK in naive.items()}
        scores = with_scaled(scores, units(true_WNK), units(forecast_WNK), scaled_naive)
    return scores


def history_of(spec: ExperimentSpec, dataset: Dataset) -> History:
    """Return what the baselines of an experiment may know."""
    return History(
        targets_TK=dataset.series.known_TK,
        timesteps=spec.timesteps,
        output_length=spec.output_length,
        alignment=spec.topology.contract.alignment,
        season=dataset.series.season,
        year=dataset.series.year,
        lead=spec.data.lead,
        begins=tuple(part.start for part in dataset.series.parts),
        train_W=dataset.target_starts("train"),
    )
