"""Runs beside each other: what was changed, what came of it, and whether that is more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seqexp.compose.tree import leaves
from seqexp.errors import ConfigError, StoreError
from seqexp.evaluation.significance import holm
from seqexp.own_process import without_collection
from seqexp.spec.settings import FOLD
from seqexp.store.find_runs import find_run, find_standing, list_runs
from seqexp.store.run_dir import FORECASTS, StoredRun, taken_out
from seqexp.store.sweep_dir import list_sweeps, read_plan
from seqexp.workflows.project import Project
from seqexp.workflows.reading.attempts import check_any_has_figures, check_has_figures, is_attempt, set_apart
from seqexp.workflows.reading.choose import choose_runs
from seqexp.workflows.reading.common_ground import find_common_ground
from seqexp.workflows.reading.from_mlflow import find_shown
from seqexp.workflows.reading.leaderboard import Block, Row, build_leaderboard
from seqexp.workflows.reading.row_differences import (
    Difference,
    Losses,
    folds_of,
    measure_difference,
    of_tokens,
    stored_losses,
)
from seqexp.workflows.reading.shared_origins import steps_between
from seqexp.workflows.reading.where import as_written

_NOT_READ = "without differences from the first row, which are measured on forecasts: these are not read from MLflow"
_UNTOLD = ("tracking", "execution", "name", "data.path", "data.snapshot")


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


@without_collection()  # of thousands of records
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
        StoreError: A word means nothing that is recorded, or one run that has no figures; no run here has any; no run
            meets the conditions; or the runs have nothing in common to be scored on.
    """
    found = _runs_named(project, words) if words else list(list_runs(project.runs))
    if found and not words:
        check_any_has_figures("this workspace", found)
    return compare_found(found, where=where, on_common=on_common, all_named=bool(words))


def compare_shown(
    project: Project, uri: str, words: Sequence[str], *, where: str | None = None, on_common: bool = False
) -> list[Comparison]:
    """Compare what words mean as an MLflow store shows it: no run directory is read.

    The tables are the same, but for what is measured on forecasts, origin by origin: those are not read.

    Raises:
        ConfigError: The conditions cannot be read, or a common ground is asked for.
        StoreError: The store does not answer, or a word means nothing there.
    """
    if on_common:
        mend = "Leave one of the two out: run directories have the forecasts."
        raise ConfigError("scores forecasts again, which --from-mlflow does not read.", key="--on common", mend=mend)
    found = find_shown(project, uri, words)
    if where is not None:
        found = choose_runs(found, where)
    return [_without_differences(block) for block in build_leaderboard(found)]


def _without_differences(block: Block) -> Comparison:
    rows = [row for row in block.rows if row.run]
    return Comparison(block, rows[0].label, (), (*block.notes, *((_NOT_READ,) if len(rows) > 1 else ())))


def compare_found(
    runs: Sequence[StoredRun], *, where: str | None = None, on_common: bool = False, all_named: bool = True
) -> list[Comparison]:
    """Compare runs that were found.

    Args:
        runs: Of any kind.
        where: As of :func:`compare_runs`.
        on_common: The same.
        all_named: Whether somebody asked for each of them. If not, those whose forecasts were taken out are passed over
            where forecasts are needed.
    """
    found = list(runs) if where is None else choose_runs(runs, where)
    if on_common:
        found = [run for run in found if all_named or FORECASTS not in taken_out(run.path)]
        grounds = find_common_ground(found)
        return [_compare(ground.block, ground.losses, ground.horizon, ground.notes) for ground in grounds]
    return [_compare(block, stored_losses, _horizon(block)) for block in build_leaderboard(found)]


def _compare(block: Block, losses: Losses, horizon: int, notes: tuple[str, ...] = ()) -> Comparison:
    rows = [row for row in block.rows if row.run is not None]
    first = rows[0]
    pruned = [row for row in rows if _is_pruned(row)]
    measurable = [row for row in rows[1:] if row not in pruned and first not in pruned]
    others = [row for row in measurable if folds_of(row) & folds_of(first)]
    if pruned:
        named = ", ".join(row.label for row in pruned[:3]) + (f" and {len(pruned) - 3} more" if len(pruned) > 3 else "")
        why = "without a difference, for the forecasts of its runs were taken out to save room"
        notes = (*notes, f"{why}: {named} (seqexp rerun makes them again)")
    measured = [measure_difference(first, row, losses, horizon) for row in others]
    adjusted = holm([1.0 if math.isnan(p) else p for *_, p, _ in measured])
    differences = (
        Difference(row.label, mean, interval, seeds, p if math.isnan(p) else p_value, origins)
        for row, p_value, (mean, interval, seeds, p, origins) in zip(others, adjusted, measured, strict=True)
    )
    return Comparison(block, first.label, tuple(differences), (*block.notes, *notes))


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


def what_changed(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return what :func:`changed_keys` finds between the runs of rows.

    Not the fold, nor the seed where a row has several: a row stands for all of them, and its run is one that was best.
    """
    pooled = (FOLD, "seed") if any(row.seeds > 1 for row in rows) else (FOLD,)
    return [(key, values) for key, values in changed_keys([row.run for row in rows if row.run]) if key not in pooled]


def changed_keys(runs: Sequence[StoredRun]) -> list[tuple[str, list[str]]]:
    """Return every key in which specs differ, with the value of each; what the data and versions were, too."""
    flat = []
    for run in runs:
        known = {key: as_written(value) for key, value in told_keys(run.spec).items()}
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


def told_keys(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a spec by dotted key, but for those that change no result."""
    return {key: value for key, value in leaves(spec) if not key.startswith(_UNTOLD)}


def runs_meant(project: Project, word: str) -> list[StoredRun]:
    """Return the runs that a word means: a run, the runs of a sweep, or those of an experiment.

    Raises:
        StoreError: It means none.
    """
    several = _several_runs(project, word)
    return [_one_run(project, word)] if several is None else several


def _runs_named(project: Project, words: Sequence[str]) -> list[StoredRun]:
    """Return the runs that words mean, each once; several attempts at one run that were named stand apart."""
    found: dict[Path, StoredRun] = {}
    named: dict[Path, str] = {}
    for word in words:
        several = _several_runs(project, word)
        if several is None:
            run = _one_run(project, word)
            check_has_figures(run)
            several = [run]
            if is_attempt(word, run):
                named[run.path] = word
        else:
            check_any_has_figures(word, several)
        found |= {run.path: run for run in several}
    return set_apart(list(found.values()), named)


def _several_runs(project: Project, word: str) -> list[StoredRun] | None:
    """Return the runs of an experiment or a sweep; None where a word means neither."""
    if (project.runs / word).is_dir() and not (project.runs / word / "record.json").exists():
        return [run for run in list_runs(project.runs) if run.record.name == word]
    for folder in list_sweeps(project.sweeps):
        plan = read_plan(folder)
        if len(word) > 3 and plan["key"].startswith(word):
            found = (find_standing(project.runs, point["spec"]["name"], point["run_key"]) for point in plan["points"])
            return [run for run in found if run is not None]
    return None


def _one_run(project: Project, word: str) -> StoredRun:
    try:
        return find_run(word, project.runs)
    except StoreError as error:
        mend = "Name a run, a sweep or an experiment; seqexp list runs shows what there is."
        raise StoreError(error.problems[0].message, mend=mend) from None
