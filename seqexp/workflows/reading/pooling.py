"""The folds of a backtest as one result: which runs belong together, and what their figures are over all folds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqexp.fingerprint import hash_values
from seqexp.store.run_dir import StoredRun

_SPLITS = {"val": "validation", "test": "test"}
_BY_FOLD = ("mae", "rmse")  # figures of test that are kept for each fold
_BASELINE_MAE = re.compile(r"baseline/[^/]+/mae")


@dataclass(frozen=True)
class Pooled:
    """What one experiment came to, of a backtest over its folds.

    Attributes:
        runs: One for each seed. That of a backtest is the run of its last fold, its record with the figures of all.
        folds: The folds that every seed has; none where it is no backtest of several runs.
    """

    runs: tuple[StoredRun, ...]
    folds: tuple[int, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether no fold is missing."""
        return not self.folds or len(self.folds) == backtest_of(self.runs[0])["folds"]

    @property
    def extent(self) -> str:
        """How many folds and seeds there are, in words; empty for one run."""
        words = []
        if self.folds:
            folds = backtest_of(self.runs[0])["folds"]
            some = "" if self.is_complete else f"{len(self.folds)} of "
            words.append(f"{some}{folds} fold{'s' if folds > 1 else ''}")
        if len(self.runs) > 1:
            words.append(f"{len(self.runs)} seeds")
        return ", ".join(words)


def backtest_of(run: StoredRun) -> dict[str, Any]:
    """Return how the folds of a run are cut; empty without a backtest."""
    evaluation = run.spec["evaluation"]
    return dict(evaluation["backtest"]) if evaluation.get("mode") == "backtest" else {}


def fold_of(run: StoredRun) -> int | None:
    """Return the fold that a run is for; None where it is not one of several."""
    return backtest_of(run).get("fold")


def is_trained_once(run: StoredRun) -> bool:
    """Whether a run is one model that is scored on every fold of a backtest."""
    return backtest_of(run).get("refit") == "never"


def experiment_of(run: StoredRun) -> str:
    """Return the fingerprint of what runs have in common that differ in their seed or fold alone."""
    spec = {key: value for key, value in run.spec.items() if key not in {"seed", "name", "tracking", "execution"}}
    unsaid = {"select"} if backtest_of(run) else {"select", "mode", "backtest"}
    evaluation = {key: value for key, value in run.spec["evaluation"].items() if key not in unsaid}
    if backtest_of(run):
        evaluation["backtest"] = {key: value for key, value in backtest_of(run).items() if key != "fold"}
    return hash_values({**spec, "evaluation": evaluation})


def sets_of_folds(runs: Iterable[StoredRun]) -> dict[Path, str]:
    """Return for every run of a fold what it has in common with the runs that were scored on the same folds.

    A fold may be missing; that two experiments have the same folds is told by those that both have. A run that was
    trained once has all of them, and belongs to those whose first fold it would be.
    """
    runs = list(runs)
    tasks: dict[str, dict[int, str]] = {}
    members: dict[str, list[StoredRun]] = {}
    for run in runs:
        if (fold := fold_of(run)) is not None:
            where = hash_values([_cut(run), experiment_of(run), run.record.data["fingerprint"]])
            tasks.setdefault(where, {})[fold] = run.record.data["task"]
            members.setdefault(where, []).append(run)
    known: list[dict[int, str]] = []  # fold -> what it forecasts, of each set
    places: dict[str, list[int]] = {}  # how folds are cut -> the sets that are cut so
    names: dict[Path, str] = {}
    for where in sorted(tasks, key=lambda where: -len(tasks[where])):  # the most complete first: it knows most
        alike = places.setdefault(_cut(members[where][0]), [])
        place = next((place for place in alike if _agree(known[place], tasks[where])), len(known))
        if place == len(known):
            known.append({})
            alike.append(place)
        known[place].update(tasks[where])
        names |= {run.path: f"backtest {place}" for run in members[where]}
    firsts = {_ground_of(run): names[run.path] for of_one in members.values() for run in of_one if fold_of(run) == 0}
    once = (run for run in runs if is_trained_once(run))
    return names | {run.path: firsts[_ground_of(run)] for run in once if _ground_of(run) in firsts}


def _ground_of(run: StoredRun) -> str:
    """Return what a first fold has in common with a run that was trained once: the data, the validation, the windows.

    Of such a run, these are the windows of its first fold.
    """
    spec, data = run.spec, run.record.data
    (first, *_) = data["folds"]
    places = [data["bounds"]["validation"], data["windows"]["validation"], first["steps"], first["windows"]]
    asked = [spec["data"].get("lead", 0), spec["evaluation"].get("origins")]
    return hash_values([_cut(run), data["fingerprint"], places, asked])


def _cut(run: StoredRun) -> str:
    """Return what is forecast and where the folds of a run lie, whichever of them it is for."""
    spec, data, backtest = run.spec, run.record.data, backtest_of(run)
    start, stop = data["folds"][0]["steps"]
    ends = stop + (backtest["folds"] - 1 - (backtest["fold"] or 0)) * (stop - start)
    alignment = spec["topology"]["contract"]["alignment"]
    forecast = [spec["data"]["name"], data["targets"], spec["output_length"], alignment]
    return hash_values([forecast, backtest["folds"], stop - start, ends])


def _agree(one: Mapping[int, str], other: Mapping[int, str]) -> bool:
    return all(one[fold] == other[fold] for fold in one.keys() & other.keys())


def pool(runs: Sequence[StoredRun]) -> Pooled:
    """Pool the runs of one experiment over its folds, seed by seed, on the folds that all seeds have."""
    if fold_of(runs[0]) is None:
        return Pooled(tuple(runs))
    by_seed: dict[int, dict[int, StoredRun]] = {}
    for run in runs:
        by_seed.setdefault(run.spec["seed"], {})[fold_of(run) or 0] = run
    most = max(by_seed.values(), key=len)
    shared = [fold for fold in sorted(most) if all(fold in folds for folds in by_seed.values())]
    if not shared:  # seeds without a fold in common say nothing together
        by_seed, shared = {most[min(most)].spec["seed"]: most}, sorted(most)
    return Pooled(tuple(_pool_folds([folds[fold] for fold in shared]) for folds in by_seed.values()), tuple(shared))


def _pool_folds(runs: Sequence[StoredRun]) -> StoredRun:
    """Return the run of the last fold with the figures of all in its record."""
    last = runs[-1].record
    windows = {split: sum(run.record.data["windows"][split] for run in runs) for split in last.data["windows"]}
    metrics = pool_figures([run.record.metrics for run in runs], _weights(runs))
    baselines = pool_figures([run.record.baselines for run in runs], _weights(runs))
    for run in runs:
        known, naive = run.record.metrics, run.record.baselines
        fold = f"fold/{fold_of(run)}"
        metrics |= {f"test/{fold}/{name}": known[f"test/{name}"] for name in _BY_FOLD if f"test/{name}" in known}
        of_test = (name for name in naive if _BASELINE_MAE.fullmatch(name))
        baselines |= {f"{name.removesuffix('/mae')}/{fold}/mae": naive[name] for name in of_test}
    metrics |= _skills(metrics, baselines)
    data = {**last.data, "windows": windows, "folds": [fold for run in runs for fold in run.record.data["folds"]]}
    return replace(runs[-1], record=replace(last, metrics=metrics, baselines=baselines, data=data))


def _weights(runs: Sequence[StoredRun]) -> dict[str, list[float]]:
    return {name: [run.record.data["windows"].get(split, 0) for run in runs] for name, split in _SPLITS.items()}


def pool_figures(figures: Sequence[Mapping[str, float]], weights: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the figures of all folds together, of those that every fold has.

    They are means weighted by the windows of each fold; RMSE is the root of the mean of the squares, as over all
    windows at once.

    Args:
        figures: Name -> value, of each fold: ``val/...`` of validation, others of test.
        weights: ``val`` and ``test`` -> windows of each fold.

    >>> pool_figures([{"test/mae": 1.0, "test/rmse": 1.0}, {"test/mae": 4.0, "test/rmse": 7.0}], {"test": [1, 1]})
    {'test/mae': 2.5, 'test/rmse': 5.0}
    """
    pooled = {}
    for name in figures[0]:
        if not all(name in known for known in figures):
            continue
        by_window = weights["val" if name.startswith("val/") else "test"]
        values = [known[name] for known in figures]
        is_root = "rmse" in name.split("/")
        mean = sum(w * (value**2 if is_root else value) for w, value in zip(by_window, values, strict=True))
        mean /= sum(by_window) or 1
        pooled[name] = math.sqrt(mean) if is_root else mean
    return pooled


def _skills(metrics: Mapping[str, float], baselines: Mapping[str, float]) -> dict[str, float]:
    """Return the skill of pooled errors, against the best of the pooled baselines."""
    skills = {}
    for split, prefix in (("val", "val/"), ("test", "")):
        own = [name for name in baselines if name.startswith(prefix)]
        naive = [baselines[name] for name in own if _BASELINE_MAE.fullmatch(name.removeprefix(prefix))]
        best = min(naive, default=0.0)
        if best > 0 and f"{split}/mae" in metrics:
            skills[f"{split}/skill"] = 1 - metrics[f"{split}/mae"] / best
    return skills
