"""Runs scored again on what all of them forecast: the same targets from the same origins, as far as the shortest goes.

Axis letters: W forecast origins, N output steps, K targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.errors import StoreError
from seqexp.evaluation.metrics import Scale, score
from seqexp.spec.settings import DEFAULT_SELECT
from seqexp.store.record import SCHEMA
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.attempts import latest_runs
from seqexp.workflows.reading.leaderboard import Block, Row, make_block
from seqexp.workflows.reading.pooling import fold_of
from seqexp.workflows.reading.shared_origins import PREFIXES, SharedOrigins, share_origins

Array = np.ndarray[Any, np.dtype[Any]]
_METRICS = ("mae", "rmse")  # those that need nothing but forecasts: MASE divides by a run's own training split
_NAMES = {"validation": "val", "test": "test"}  # as metrics call the splits


@dataclass(frozen=True)
class CommonGround:
    """What runs have in common, and how they do there.

    Attributes:
        block: The runs with their figures of the shared origins and steps.
        loss: Run directory -> the run's mean absolute error at each shared test origin, shape ``(W,)``; NaN where no
            true value is known.
        horizon: How many neighbouring origins forecast a common step, counting the origin itself.
        notes: Why nothing is ranked, where that is so.
    """

    block: Block
    loss: Mapping[Path, Array]
    horizon: int
    notes: tuple[str, ...]

    def losses(self, one: StoredRun, two: StoredRun) -> tuple[Array, Array]:
        """Return the errors of two runs at each shared test origin of which a true value is known."""
        one_W, two_W = self.loss[one.path], self.loss[two.path]
        known_W = ~np.isnan(one_W + two_W)
        return one_W[known_W], two_W[known_W]


def find_common_ground(runs: Iterable[StoredRun]) -> list[CommonGround]:
    """Score runs again on what they share. Nothing is trained: the forecasts that they stored are cut to it.

    Runs that forecast what follows their input (alignment ``future``) share the first steps of their horizons. With
    another alignment a later step is not further ahead, and the first steps of a longer output are others: such runs
    stand only beside those of the same alignment and length. Runs with a lead stand beside those with the same one: the
    others knew more when they forecast. Runs of a fold stand beside those of the fold with the same number.

    Raises:
        StoreError: Runs have no target or no test origin in common, or their true values differ.
    """
    grouped: dict[tuple[str, int, int, int | None], list[StoredRun]] = {}
    for run in latest_runs(runs):
        alignment, lead = run.spec["topology"]["contract"]["alignment"], run.spec["data"].get("lead", 0)
        length = 0 if alignment == "future" else run.spec["output_length"]
        grouped.setdefault((alignment, lead, length, fold_of(run)), []).append(run)
    return [_ground(members, lead, fold) for (_, lead, _, fold), members in grouped.items()]


def _ground(runs: Sequence[StoredRun], lead: int, fold: int | None) -> CommonGround:
    targets = _shared_targets(runs)
    length = min(int(run.spec["output_length"]) for run in runs)
    shared = share_origins(runs)
    rescored, loss = [], {}
    truth: dict[str, Array] = {}
    for place, run in enumerate(runs):
        cut = _cut(run, place, shared, length, targets)
        for split, arrays in cut.items():
            expected_WNK = truth.setdefault(split, arrays["true"])
            _check_truth(run, runs[0], arrays["true"], expected_WNK, shared.names[split])
        rescored.append(_rescored(run, cut))
        loss[run.path] = _loss(cut["test"])
    block = make_block(rescored, DEFAULT_SELECT)
    block = replace(
        block,
        rows=tuple(_without_skill(row) for row in block.rows),
        data=" and ".join(dict.fromkeys(run.spec["data"]["name"] for run in runs))
        + (f" (lead {lead})" if lead else "")
        + (f" (fold {fold})" if fold is not None else ""),
        targets=targets,
        output_length=length,
        windows={split: len(shared.names.get(split, ())) for split in PREFIXES},
        shared=True,
    )
    return CommonGround(block, loss, -(-length // shared.gap), shared.notes)


def _without_skill(row: Row) -> Row:
    """Elsewhere skill is measured against the best of all baselines; of these, two have stored their forecasts."""
    return replace(row, metrics={name: value for name, value in row.metrics.items() if not name.endswith("/skill")})


def _shared_targets(runs: Sequence[StoredRun]) -> tuple[str, ...]:
    forecast = [run.record.data["targets"] for run in runs]
    shared = tuple(name for name in forecast[0] if all(name in names for names in forecast))
    if not shared:
        found = " or ".join(dict.fromkeys(", ".join(names) for names in forecast))
        raise StoreError(
            f"The {len(runs)} runs have no target in common: they forecast {found}.",
            mend="Name runs that forecast the same column.",
        )
    return shared


def _cut(
    run: StoredRun, place: int, shared: SharedOrigins, length: int, targets: Sequence[str]
) -> dict[str, dict[str, Array]]:
    """Return split -> the arrays of a run at the shared origins, over the first steps, of some targets: (W, N, K)."""
    columns = [run.record.data["targets"].index(name) for name in targets]
    arrays, cut = run.forecasts, {}
    for split, places in shared.places.items():
        names = ["true", "forecast", *(name for name in arrays if name.startswith("baseline_") and split == "test")]
        cut[split] = {name: arrays[PREFIXES[split] + name][places[place]][:, :length][..., columns] for name in names}
    return cut


def _check_truth(run: StoredRun, first: StoredRun, true_WNK: Array, expected_WNK: Array, names_W: Array) -> None:
    """Refuse runs whose true values differ: errors compare only where the same was to be forecast."""
    differs_WNK = ~np.isclose(true_WNK, expected_WNK, equal_nan=True)
    if not differs_WNK.any():
        return
    w, n, k = np.argwhere(differs_WNK)[0]
    raise StoreError(
        f"{run.path.name} ({run.spec['data']['name']}) has other data than {first.path.name} "
        f"({first.spec['data']['name']}): at {differs_WNK.any(axis=(1, 2)).sum()} of {len(names_W)} shared origins the "
        f"true values differ; step {n + 1} from {names_W[w]} is {true_WNK[w, n, k]:.6g}, not "
        f"{expected_WNK[w, n, k]:.6g}.",
        mend="Compare runs of the same data.",
    )


def _rescored(run: StoredRun, cut: Mapping[str, Mapping[str, Array]]) -> StoredRun:
    """Return a run whose record holds the figures of the shared origins and steps, and no others."""
    metrics: dict[str, float] = {}
    baselines: dict[str, float] = {}
    for split, arrays in cut.items():
        for name, forecast_WNK in arrays.items():
            scores = _scores(arrays["true"], forecast_WNK)
            if name == "forecast":
                metrics |= {f"{_NAMES[split]}/{metric}": value for metric, value in scores.items()}
            elif name != "true":
                metric_of = f"baseline/{name.removeprefix('baseline_')}"
                baselines |= {f"{metric_of}/{metric}": value for metric, value in scores.items()}
    if "test/mae" not in metrics:
        raise StoreError(f"No true value is known at the test origins that {run.path.name} shares with the others.")
    evaluation = {key: value for key, value in run.spec["evaluation"].items() if key not in ("mode", "backtest")}
    spec = {**run.spec, "evaluation": evaluation}  # a fold by itself, which is compared as any other run
    record = replace(run.record, spec=spec, schema=SCHEMA, metrics=metrics, baselines=baselines)
    return replace(run, record=record)


def _scores(true_WNK: Array, forecast_WNK: Array) -> dict[str, float]:
    ones_K = np.ones(true_WNK.shape[-1])
    found = score(true_WNK, forecast_WNK, Scale(ones_K, ones_K))
    return {name: found[name] for name in _METRICS if name in found}


def _loss(arrays: Mapping[str, Array]) -> Array:
    absolute_WNK = np.abs(arrays["forecast"] - arrays["true"])
    with np.errstate(invalid="ignore"):
        loss_W: Array = np.nansum(absolute_WNK, axis=(1, 2)) / (~np.isnan(absolute_WNK)).sum(axis=(1, 2))
    return loss_W
