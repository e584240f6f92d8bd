"""A row of a leaderboard beside another: how far its errors are from those, and whether that is more than chance.

Axis letters: W forecast origins, N output steps, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from seqexp.errors import StoreError
from seqexp.evaluation.significance import diebold_mariano, interval_of_mean
from seqexp.evaluation.tokens import wrong_tokens
from seqexp.spec.sources import TOKENS
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.leaderboard import Row
from seqexp.workflows.reading.pooling import backtest_of, fold_of, is_trained_once

CHANCE = 0.05
Folds = dict[int | None, StoredRun]  # by the number of the fold; None: the run has no fold of its own
Losses = Callable[[StoredRun, StoredRun], tuple[Any, Any]]  # the errors of two runs at each origin that both have


@dataclass(frozen=True)
class Difference:
    """A row of a leaderboard beside the first.

    Attributes:
        label: The row's.
        mean: Its test MAE (of tokens, the share that is wrong) minus that of the first, over the seeds, folds and
            origins that both have: above 0 it is worse.
        interval: Where the mean over other seeds would lie with a chance of 95%; None with one seed in common.
        seeds: How many both have.
        p_value: Of Diebold and Mariano, over the origins, adjusted for the number of rows; NaN under 3 origins.
        origins: How many both have.
    """

    label: str
    mean: float
    interval: tuple[float, float] | None
    seeds: int
    p_value: float
    origins: int

    @property
    def verdict(self) -> str:
        """In words."""
        which = "worse" if self.mean > 0 else "better" if self.mean < 0 else "equal"
        over_origins = f"{'more' if self.p_value < CHANCE else 'no more'} than chance over the origins"
        if math.isnan(self.p_value):
            over_origins = "too few origins to tell from chance"
        if self.interval is None:
            return f"{which}, {over_origins}; seed noise unknown: {'one' if self.seeds else 'no'} seed in common"
        noise = "larger than" if self.interval[0] > 0 or self.interval[1] < 0 else "within"
        return f"{which}, {noise} seed noise, {over_origins}"


def measure_difference(
    first: Row, other: Row, losses_of: Losses, horizon: int
) -> tuple[float, tuple[float, float] | None, int, float, int]:
    """Return mean difference, interval over seeds, seeds, p-value and origins."""
    by_seed = [_by_seed_and_fold(row) for row in (first, other)]
    seeds = sorted(by_seed[0].keys() & by_seed[1].keys())
    pairs = [(by_seed[0][seed], by_seed[1][seed]) for seed in seeds]
    if not (pairs and _shared_folds(pairs)):
        any_two = product(by_seed[0].values(), by_seed[1].values())
        pairs = [next(pair for pair in any_two if _shared_folds([pair]))]
        seeds = []
    folds = _shared_folds(pairs)
    losses = [_joined([losses_of(*both) for both in _distinct(one, two, folds)]) for one, two in pairs]
    by_origin_W = np.mean([one_W - two_W for one_W, two_W in losses], axis=0)
    per_seed = [float(np.mean(two_W - one_W)) for one_W, two_W in losses]
    p_value = diebold_mariano(by_origin_W, np.zeros_like(by_origin_W), horizon)
    return float(np.mean(per_seed)), interval_of_mean(per_seed), len(seeds), p_value, len(by_origin_W)


def folds_of(row: Row) -> set[int | None]:
    """Return the folds that a row has figures of; None alone where it is no backtest."""
    return {fold for run in row.runs for fold in _folds_of(run)}


def _folds_of(run: StoredRun) -> Iterable[int | None]:
    """Return the folds of a run; one that was trained once has all of them."""
    return range(backtest_of(run)["folds"]) if is_trained_once(run) else (fold_of(run),)


def _distinct(one: Folds, two: Folds, folds: Sequence[int | None]) -> list[tuple[StoredRun, StoredRun]]:
    """Return which runs are held against each other: of two that have all folds, once."""
    return list({(one[fold].path, two[fold].path): (one[fold], two[fold]) for fold in folds}.values())


def _shared_folds(pairs: Sequence[tuple[Folds, Folds]]) -> list[int | None]:
    """Return the folds that all have, in their order."""
    return [fold for fold in pairs[0][0] if all(fold in runs for pair in pairs for runs in pair)]


def _by_seed_and_fold(row: Row) -> dict[int, Folds]:
    """Return seed -> fold, in their order, -> run; without a backtest the fold is None."""
    found: dict[int, Folds] = {}
    for run in sorted(row.runs, key=lambda run: fold_of(run) or 0):
        found.setdefault(run.spec["seed"], {}).update(dict.fromkeys(_folds_of(run), run))
    return found


def _joined(by_fold: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Put the errors of all folds one after another, as their origins are."""
    return np.concatenate([one_W for one_W, _ in by_fold]), np.concatenate([two_W for _, two_W in by_fold])


def of_tokens(run: StoredRun) -> bool:
    """Whether the targets of a run are tokens."""
    source = run.spec["data"]["source"]
    return (source if isinstance(source, str) else next(iter(source))) in TOKENS


def _absolute_errors(true_WNK: Any, forecast_WNK: Any) -> Any:
    return np.nanmean(np.abs(forecast_WNK - true_WNK), axis=(1, 2))


def stored_losses(one: StoredRun, two: StoredRun) -> tuple[Any, Any]:
    """Return the mean absolute error of two runs at each origin that both have; of tokens, the share that is wrong."""
    arrays = [one.forecasts, two.forecasts]
    shared, first, second = np.intersect1d(*(found["target_start"] for found in arrays), return_indices=True)
    if not len(shared):
        raise StoreError(f"{one.path.name} and {two.path.name} have no forecast origin in common.")
    places = (first, second)
    measure = wrong_tokens if of_tokens(one) else _absolute_errors
    losses = [
        measure(found["true"][place_W], found["forecast"][place_W])
        for found, place_W in zip(arrays, places, strict=True)
    ]
    kept_W = ~np.isnan(losses[0] + losses[1])
    return losses[0][kept_W], losses[1][kept_W]
