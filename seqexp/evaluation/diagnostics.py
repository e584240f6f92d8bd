"""What is worth a look in a run: signs that a number says less than it seems to, or that more was to be had.

Every check is a sentence with its figures in it. None of them chooses or ranks anything.

Axis letters: T steps, K targets, W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqexp.evaluation.evaluate import SplitScores

Array = np.ndarray[Any, np.dtype[Any]]
Row = Mapping[str, float]

FEW = 10  # windows of a split
ECHO = 0.1  # of the error of persistence: how near to it a forecast is its echo
FLAT = 0.05  # of the spread of the truth over the horizon
NOTHING_LEARNT = 0.1  # of the spread of the truth
STILL_FALLING = 0.01  # of the validation loss, over the last tenth of the epochs
OVERFITTED = 0.1  # of the validation loss, above its lowest value
OUTLIER = 10.0  # robust standard deviations
SHIFT, SPREAD = 1.0, 2.0  # training standard deviations between the means; ratio of the standard deviations


def diagnose_forecasts(true_WNK: Array, forecast_WNK: Array, last_WNK: Array | None) -> dict[str, str]:
    """Look at forecasts beside what came and beside the last known values; all in source units."""
    return dict(_of_forecasts(true_WNK, forecast_WNK, last_WNK))


def _of_forecasts(true_WNK: Array, forecast_WNK: Array, last_WNK: Array | None) -> Iterator[tuple[str, str]]:
    if last_WNK is not None:
        apart, wrong = np.nanmean(np.abs(forecast_WNK - last_WNK)), np.nanmean(np.abs(true_WNK - last_WNK))
        if wrong > 0 and apart < ECHO * wrong:
            yield (
                "echo",
                f"the forecast repeats the last known value: it lies {apart / wrong:.1%} of its error from it.",
            )
    if true_WNK.shape[1] > 1:
        spread, true_spread = np.nanmean(forecast_WNK.std(axis=1)), np.nanmean(np.nanstd(true_WNK, axis=1))
        if spread < FLAT * true_spread:
            yield (
                "flat",
                f"the forecast hardly changes over the horizon: {spread / true_spread:.1%} of what the truth does.",
            )
    spread_K, true_spread_K = forecast_WNK.std(axis=(0, 1)), np.nanstd(true_WNK, axis=(0, 1))
    share = float(np.min(spread_K / np.where(true_spread_K > 0, true_spread_K, np.inf)))
    if (true_spread_K > 0).all() and share < NOTHING_LEARNT:
        yield "learnt_nothing", f"the forecasts hardly differ from each other: {share:.1%} of what the truth does."


def diagnose_fit(history: Sequence[Row], best_epoch: int) -> dict[str, str]:
    """Look at the losses of the epochs."""
    return dict(_of_fit(history, best_epoch))


def _of_fit(history: Sequence[Row], best_epoch: int) -> Iterator[tuple[str, str]]:
    losses = [row["val/loss"] for row in history if "val/loss" in row]
    if len(losses) < 3:
        return
    lately = max(len(losses) // 10, 1)
    before, last, lowest = losses[-1 - lately], losses[-1], min(losses)
    if best_epoch == len(losses) and before - last > STILL_FALLING * before:
        yield (
            "still_falling",
            f"the validation loss fell by {1 - last / before:.1%} over the last {lately} epoch(s): more may be had.",
        )
    falls_on = history[-1]["train/loss"] < history[best_epoch - 1]["train/loss"]
    if last > (1 + OVERFITTED) * lowest and falls_on:
        yield (
            "overfitted",
            f"at the end the validation loss is {last / lowest - 1:.0%} above its lowest, while the training loss fell"
            f" on; the weights of epoch {best_epoch} were kept.",
        )


def diagnose_windows(windows: Mapping[str, int]) -> dict[str, str]:
    """Look at how many windows validation and test have; none at all is what somebody asked for.

    >>> diagnose_windows({"validation": 24, "test": 1})
    {'few_windows': 'test has 1 window: a figure of so few forecasts says little, and another stretch may say another.'}
    """
    few = [f"{split} has {count} window{'s' * (count > 1)}" for split, count in windows.items() if 0 < count < FEW]
    told = f"{' and '.join(few)}: a figure of so few forecasts says little, and another stretch may say another."
    return {"few_windows": told} if few else {}


def diagnose_scores(scores: Mapping[str, SplitScores]) -> dict[str, str]:
    """Look at the model beside its baselines."""
    found = {}
    for split, those in scores.items():
        metric = "mae" if "mae" in those.overall else "cross_entropy"
        worse = {name: by_metric[metric] for name, by_metric in those.baselines.items()}
        if "skill" in those.overall and those.overall["skill"] < 0:
            best = min(worse, key=lambda name: worse[name])
            named = "MAE" if metric == "mae" else "cross-entropy"
            message = (
                f"on {split} the {named} is {those.overall[metric]:.4g},"
                f" that of {best.replace('_', ' ')} {worse[best]:.4g}."
            )
            found["worse_than_baseline"] = message
    return found


def diagnose_series(targets_TK: Array, bounds: Mapping[str, tuple[int, int]], names: Sequence[str]) -> dict[str, str]:
    """Look at the targets, NaN where none was observed: outliers, and splits that are not alike."""
    found: dict[str, str] = {}
    for k, name in enumerate(names):
        found = {**dict(_of_target(targets_TK[:, k], bounds, name)), **found}
    return found


def _of_target(values_T: Array, bounds: Mapping[str, tuple[int, int]], name: str) -> Iterator[tuple[str, str]]:
    train_T = values_T[slice(*bounds["train"])]
    center = np.nanmedian(train_T)
    robust = 1.4826 * np.nanmedian(np.abs(train_T - center))
    if robust > 0:
        far_T = np.full(len(values_T), np.nan)  # what lies in no split, as other series do, is measured by none
        for stretch in bounds.values():
            far_T[slice(*stretch)] = np.abs(values_T[slice(*stretch)] - center) / robust
        worst = int(np.nanargmax(far_T))
        if far_T[worst] > OUTLIER:
            where = next(split for split, (start, stop) in bounds.items() if start <= worst < stop)
            count = int(np.nansum(far_T > OUTLIER))
            yield (
                "outliers",
                f"{count} value(s) of {name} lie over {OUTLIER:g} robust standard deviations from the training median;"
                f" the farthest is {values_T[worst]:.4g}, in step {worst} ({where}).",
            )
    mean, deviation = np.nanmean(train_T), np.nanstd(train_T)
    for split, (start, stop) in bounds.items():
        those_T = values_T[start:stop]
        if split == "train" or not deviation or np.isnan(those_T).all():
            continue
        shift, spread = (np.nanmean(those_T) - mean) / deviation, np.nanstd(those_T) / deviation
        if abs(shift) > SHIFT or not 1 / SPREAD < spread < SPREAD:
            yield (
                "regime_change",
                f"{name} in {split} has its mean {shift:+.1f} training standard deviations away, and {spread:.2g} times"
                " the spread.",
            )
            return
