"""Runs beside each other: what was changed, what came of it, and whether that is more than chance.

Axis letters: W forecast origins, N output steps, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from seqexp.compose.tree import leaves
from seqexp.errors import StoreError
from seqexp.evaluation.significance import diebold_mariano, holm, interval_of_mean
from seqexp.evaluation.tokens import wrong_tokens
from seqexp.spec.sources import TOKENS
from seqexp.store.run_dir import FORECASTS, StoredRun, find_last, find_run, list_runs, taken_out
from seqexp.store.sweep_dir import list_sweeps, read_plan
from seqexp.workflows.project import Project
from seqexp.workflows.reading.choose import choose_runs
from seqexp.workflows.reading.common_ground import find_common_ground
from seqexp.workflows.reading.leaderboard import Block, Row, build_leaderboard
from seqexp.workflows.reading.pooling import fold_of
from seqexp.workflows.reading.shared_origins import steps_between

_UNTOLD = ("tracking", "execution", "name", "data.path", "data.snapshot")
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
        which = "worse" if self.mean > 0 else "better"
        over_origins = f"{'more' if self.p_value < CHANCE else 'no more'} than chance over the origins"
        if math.isnan(self.p_value):
            over_origins = "too few origins to tell from chance"
        if self.interval is None:
            return f"{which}, {over_origins}; seed noise unknown: {'one' if self.seeds else 'no'} seed in common"
        noise = "larger than" if self.interval[0] > 0 or self.interval[1] < 0 else "within"
        return f"{which}, {noise} seed noise, {over_origins}"


@dataclass(frozen=True)
class Comparison:
    """A block of a leaderboard, with each row beside the one that is best on validation.

    Attributes:
        notes: What a reader has to know besides.
    """

    block: Block
    first: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """What the differences are differences of."""
        best = next((row.run for row in self.block.rows if row.run), None)
        return "share of wrong tokens" if best is not None and of_tokens(best) else "MAE"


def compare_runs(
    project: Project, words: Sequence[str], *, where: str | None = None, on_common: bool = False
) -> list[Comparison]:
    """Compare what words mean: runs, sweeps or experiments; of none, all that the workspace holds.

    Only runs that forecast the same steps of the same data stand in one block. Test figures rank nothing: the row that
    the others are held against is the best on validation.

    Args:
        project: Where they are recorded.
        words: What to compare.
        where: Conditions that the runs have to meet besides, as :func:`choose_runs` reads them.
        on_common: Score the runs again on the origins and steps that all of them forecast, so that they stand in one
            block.

    Raises:
        ConfigError: The conditions cannot be read, or name a key that there is not.
        StoreError: A word means nothing that is recorded, no run meets the conditions, or the runs have nothing in
            common to be scored on.
    """
    runs = {run.path: run for word in words for run in _meant(project, word)}
    found = list(runs.values()) if words else list(list_runs(project.runs))
    if where is not None:
        found = choose_runs(found, where)
    if on_common:
        found = [run for run in found if words or FORECASTS not in taken_out(run.path)]
        grounds = find_common_ground(found)
        return [_compare(ground.block, ground.losses, ground.horizon, ground.notes) for ground in grounds]
    return [_compare(block, _losses, _horizon(block)) for block in build_leaderboard(found)]


def _compare(block: Block, losses: Losses, horizon: int, notes: tuple[str, ...] = ()) -> Comparison:
    rows = [row for row in block.rows if row.run is not None]
    first = rows[0]
    pruned = [row for row in rows if _is_pruned(row)]
    measurable = [row for row in rows[1:] if row not in pruned and first not in pruned]
    others = [row for row in measurable if _folds(row) & _folds(first)]
    if pruned:
        named = ", ".join(row.label for row in pruned[:3]) + (f" and {len(pruned) - 3} more" if len(pruned) > 3 else "")
        why = "without a difference, for the forecasts of its runs were taken out to save room"
        notes = (*notes, f"{why}: {named} (seqexp rerun makes them again)")
    measured = [_difference(first, row, losses, horizon) for row in others]
    adjusted = holm([1.0 if math.isnan(p) else p for *_, p, _ in measured])
    differences = (
        Difference(row.label, mean, interval, seeds, p if math.isnan(p) else p_value, origins)
        for row, p_value, (mean, interval, seeds, p, origins) in zip(others, adjusted, measured, strict=True)
    )
    return Comparison(block, first.label, tuple(differences), notes)


def _is_pruned(row: Row) -> bool:
    """Whether forecasts that a difference is measured by were removed to save room."""
    return any(FORECASTS in taken_out(run.path) for run in row.runs)


def _horizon(block: Block) -> int:
    """Return how many neighbouring origins of a block forecast a common step; all of its runs have the same."""
    runs = [row.run for row in block.rows if row.run and not _is_pruned(row)]
    if len(runs) < 2:
        return 1
    return -(-block.output_length // steps_between(runs[0].forecasts["target_start"]))


def as_values(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "blocks": [
            {
                "title": comparison.block.title,
                "select": comparison.block.select,
                "output_length": comparison.block.output_length,
                "windows": comparison.block.windows,
                "folds": list(comparison.block.folds),
                "notes": list(comparison.notes),
                "rows": [_row_values(row) for row in comparison.block.rows],
                "first": comparison.first,
                "differences": [
                    {
                        **asdict(found),
                        "p_value": None if math.isnan(found.p_value) else found.p_value,
                        "verdict": found.verdict,
                    }
                    for found in comparison.differences
                ],
            }
            for comparison in comparisons
        ]
    }


def _row_values(row: Row) -> dict[str, Any]:
    runs = [run.path.name for run in row.runs]
    weights = row.run.record.fit.get("weights") if row.run else None
    budget = asdict(row.budget) if row.budget else None
    values = {"label": row.label, "rank": row.rank, "runs": runs, "weights": weights, "budget": budget}
    return {**values, "metrics": row.metrics, "sd": row.spread, "test/mae 95%": row.interval}


def changed_keys(runs: Sequence[StoredRun]) -> list[tuple[str, list[str]]]:
    """Return every key in which specs differ, with the value of each; what the data and versions were, too."""
    flat = []
    for run in runs:
        known = {key: value for key, value in leaves(run.spec) if not key.startswith(_UNTOLD)}
        known["(data)"] = run.record.data.get("fingerprint", "")[:12]
        environment = run.record.environment
        known |= {f"({name})": version for name, version in environment.get("versions", {}).items()}
        known["(git)"] = environment.get("git", {}).get("commit", "")[:12]
        flat.append(known)
    keys = dict.fromkeys(key for known in flat for key in known)
    return [
        (key, [str(known.get(key, "")) for known in flat])
        for key in keys
        if len({str(known.get(key, "")) for known in flat}) > 1
    ]


def _meant(project: Project, word: str) -> list[StoredRun]:
    """Return the runs that a word means: a run, the runs of a sweep, or those of an experiment."""
    if (project.runs / word).is_dir() and not (project.runs / word / "record.json").exists():
        return [run for run in list_runs(project.runs) if run.record.name == word]
    for folder in list_sweeps(project.sweeps):
        plan = read_plan(folder)
        if len(word) > 3 and plan["key"].startswith(word):
            found = (find_last(project.runs, point["spec"]["name"], point["run_key"]) for point in plan["points"])
            return [run for run in found if run is not None]
    try:
        return [find_run(word, project.runs)]
    except StoreError as error:
        mend = "Name a run, a sweep or an experiment; seqexp list runs shows what there is."
        raise StoreError(error.problems[0].message, mend=mend) from None


def _difference(
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
    losses = [_joined([losses_of(one[fold], two[fold]) for fold in folds]) for one, two in pairs]
    by_origin_W = np.mean([one_W - two_W for one_W, two_W in losses], axis=0)
    per_seed = [float(np.mean(two_W - one_W)) for one_W, two_W in losses]
    p_value = diebold_mariano(by_origin_W, np.zeros_like(by_origin_W), horizon)
    return float(np.mean(per_seed)), interval_of_mean(per_seed), len(seeds), p_value, len(by_origin_W)


def _folds(row: Row) -> set[int | None]:
    return {fold_of(run) for run in row.runs}


def _shared_folds(pairs: Sequence[tuple[Folds, Folds]]) -> list[int | None]:
    """Return the folds that all have, in their order."""
    return [fold for fold in pairs[0][0] if all(fold in runs for pair in pairs for runs in pair)]


def _by_seed_and_fold(row: Row) -> dict[int, Folds]:
    """Return seed -> fold, in their order, -> run; without a backtest of several runs the fold is None."""
    found: dict[int, Folds] = {}
    for run in sorted(row.runs, key=lambda run: fold_of(run) or 0):
        found.setdefault(run.spec["seed"], {})[fold_of(run)] = run
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


def _losses(one: StoredRun, two: StoredRun) -> tuple[Any, Any]:
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
