"""Runs beside each other: one block for what may be compared, ordered by validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

import numpy as np

from seqexp.spec.settings import DEFAULT_SELECT
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.attempts import latest_runs
from seqexp.workflows.reading.budget import Budget, budget_of
from seqexp.workflows.reading.labels import UNTOLD, labels_of
from seqexp.workflows.reading.pooling import Pooled, backtest_of, experiment_of, is_trained_once, pool, sets_of_folds

_RESAMPLED = 2000  # times
_NOT_RANKED = (
    "refit=never is validated before the first fold alone, and so not ranked among models that are trained for every "
    "fold; the test figures of both are of the same windows."
)
_MOST_NAMED = 7  # targets in a title


@dataclass(frozen=True)
class Row:
    """One line: a run, the runs that differ in their seed or fold alone, or a baseline.

    Attributes:
        label: What sets the runs apart from their neighbours, or the baseline's name.
        metrics: ``val/mae``, ``test/mae`` ... as far as they are known; the means over the seeds, of a backtest
            over all folds, and ``test/fold/0/mae`` ... of each.
        spread: The standard deviations over the seeds (of the sample), where there are several.
        interval: Where the mean test MAE over other seeds would lie with a chance of 95%, from three seeds on: the
            bootstrap's percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).
        rank: From 1 among the rows of its block, None for a baseline, where there is no validation, and where a fold is
            missing.
        run: The run, the best of several on validation; None for a baseline. Of a backtest that of the last fold, with
            the figures of all folds.
        runs: All that it stands for.
        seeds: How many seeds these have.
        is_complete: Whether no fold is missing.
    """

    label: str
    metrics: dict[str, float]
    spread: dict[str, float] = field(default_factory=dict)
    interval: tuple[float, float] | None = None
    rank: int | None = None
    run: StoredRun | None = None
    runs: tuple[StoredRun, ...] = ()
    seeds: int = 0
    is_complete: bool = True

    @property
    def level(self) -> float | None:
        """Which share of the truth is to lie inside its intervals; None without any."""
        if self.run is None or "test/coverage" not in self.metrics:
            return None
        conformal, levels = self.run.spec["evaluation"].get("conformal"), self.run.spec["topology"].get("quantiles")
        return float(conformal["level"]) if conformal else round(levels[-1] - levels[0], 6) if levels else None

    @property
    def budget(self) -> Budget | None:
        """What its runs cost; None for a baseline."""
        return budget_of(self.runs) if self.runs else None


@dataclass(frozen=True)
class Block:
    """Runs that forecast the same steps of the same data; only these are ranked against each other.

    Attributes:
        select: The figure of validation that orders the rows.
        shared: Whether the runs forecast more than this, and were scored again on what all of them forecast.
        folds: Of a backtest, where each fold lies: ``fold``, ``steps``, ``first``, ``last`` and ``windows``.
        trained_once: Whether one model was scored on all of them.
        lead: Steps between the last input and the first that is forecast.
        issued: From which steps forecasts are scored, where not from every one.
        notes: What a reader has to know besides.
    """

    data: str
    targets: tuple[str, ...]
    output_length: int
    alignment: str
    windows: dict[str, int]
    rows: tuple[Row, ...]
    select: str = DEFAULT_SELECT
    shared: bool = False
    folds: tuple[dict[str, Any], ...] = ()
    trained_once: bool = False
    lead: int = 0
    issued: str = ""
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> StoredRun | None:
        """The run that ranks first, of several seeds the best of them; None where there is no validation."""
        return next((row.run for row in self.rows if row.rank == 1), None)

    @property
    def title(self) -> str:
        """What the runs of the block have in common."""
        shared, counted = ("shared ", "origins") if self.shared else ("", "windows")
        steps = f"{self.output_length} {shared}step{'s' if self.output_length > 1 else ''}"
        lie = {"future": "after the input", "next": "each one step ahead", "same": "of the input itself"}[
            self.alignment
        ]
        lie += f" and a lead of {self.lead}" if self.lead else ""
        windows = " and ".join(f"{self.windows.get(split, 0)} {shared}{split}" for split in ("validation", "test"))
        if self.folds:
            once = ", trained once" if self.trained_once else ""
            windows = f"{len(self.folds)} fold{'s' if len(self.folds) > 1 else ''}{once}; {windows}"
        several = len(self.targets) > _MOST_NAMED
        targets = f"{len(self.targets)} targets" if several else ", ".join(self.targets)
        return f"{self.data}, {targets}: {steps} {lie} ({windows} {counted}{self.issued})"

    def by_fold(self, row: Row) -> list[float | None]:
        """Return the test MAE of a row in each fold; None where it has not the fold."""
        return [row.metrics.get(f"test/fold/{fold['fold']}/mae") for fold in self.folds]

    def folds_as_values(self) -> dict[str, Any]:
        """Return as plain values where the folds lie, and the test MAE of each row in each."""
        rows = [{"label": row.label, "test/mae": self.by_fold(row)} for row in self.rows]
        return {"title": self.title, "folds": list(self.folds), "rows": rows}


def build_leaderboard(runs: Iterable[StoredRun], select: str | None = None) -> list[Block]:
    """Sort finished runs into blocks, each ordered by a figure of validation, baselines in their place among the runs.

    Test figures stand beside and order nothing. Of several attempts at one run one counts.

    Args:
        runs: Of any kind.
        select: The figure of validation; None for what the runs of a block agree on.
    """
    grouped: dict[tuple[Any, ...], list[StoredRun]] = {}
    latest = latest_runs(runs)
    folds = sets_of_folds(latest)
    for run in latest:
        grouped.setdefault((*_forecast_of(run), folds.get(run.path) or _scored_on(run)), []).append(run)
    return [
        make_block(members, _select_of(members, select))
        for _, members in sorted(grouped.items(), key=lambda item: item[0][:4])
    ]


def _forecast_of(run: StoredRun) -> tuple[str, tuple[str, ...], int, str]:
    spec, targets = run.spec, run.record.data["targets"]
    return spec["data"]["name"], tuple(targets), spec["output_length"], spec["topology"]["contract"]["alignment"]


def _scored_on(run: StoredRun) -> tuple[Any, ...]:
    data = run.record.data
    windows, bounds, folds = data["windows"], tuple(data["bounds"]["test"]), backtest_of(run).get("folds", 0)
    return windows["validation"], windows["test"], bounds, data.get("task", ""), folds


def make_block(members: Sequence[StoredRun], select: str) -> Block:
    """Put runs that may be compared into one block, ordered by a figure of validation; those that lack it unranked."""
    mixed = len({is_trained_once(run) for run in members}) > 1
    if mixed:
        members = [_without_validation(run) if is_trained_once(run) else run for run in members]
    alike = _but_for_seed_and_fold(members)
    pooled = [pool(runs) for runs in alike]
    untold = (*UNTOLD, "seed") if any(len(found.runs) > 1 for found in pooled) else UNTOLD
    labels = labels_of([runs[0] for runs in alike], untold)
    told = [run for found in pooled for run in found.runs if not (mixed and is_trained_once(run))]
    ranked = all(select in run.record.metrics for run in told)

    def order(row: Row) -> tuple[bool, float, bool, str]:
        return not row.is_complete, row.metrics.get(select, float("inf")), row.run is None, row.label

    made = (_row(runs, found, label, select) for runs, found, label in zip(alike, pooled, labels, strict=True))
    rows = [
        replace(row, rank=rank if ranked and row.is_complete and select in row.metrics else None)
        for rank, row in enumerate(sorted(made, key=order), start=1)
    ]
    most = max(len(found.folds) for found in pooled)
    whole = [run for found in pooled if len(found.folds) == most for run in found.runs]
    baselines = _baseline_rows(whole)
    rows = [*(_with_skill(row, baselines) if row.is_complete else row for row in rows), *baselines]
    rows.sort(key=order)
    first, data = whole[0], whole[0].record.data
    lead, issued = first.spec["data"].get("lead", 0), _issued(first.spec["evaluation"].get("origins") or {})
    block = Block(*_forecast_of(first), data["windows"], tuple(rows), select, lead=lead, issued=issued)
    if backtest := backtest_of(first):  # all of the block have the same
        once = backtest["refit"] == "never"
        return replace(block, folds=tuple(data["folds"]), trained_once=once, notes=(_NOT_RANKED,) if mixed else ())
    return block


def _without_validation(run: StoredRun) -> StoredRun:
    """Leave out what a run knows of the validation before the first fold: that of the others is of all folds."""
    metrics = {name: value for name, value in run.record.metrics.items() if not name.startswith("val/")}
    return replace(run, record=replace(run.record, metrics=metrics))


def _issued(origins: Mapping[str, Any]) -> str:
    at, every = origins.get("at"), origins.get("every", 1)
    return (f", issued at {at}" if at else "") + (f", one every {every} steps" if every > 1 else "")


def _select_of(members: Sequence[StoredRun], wanted: str | None) -> str:
    """Return the figure that is wanted, if the runs have it: those of tokens have others than those of numbers."""
    if wanted is not None and any(wanted in run.record.metrics for run in members):
        return wanted
    asked = {run.spec["evaluation"].get("select", DEFAULT_SELECT) for run in members}
    return asked.pop() if len(asked) == 1 else DEFAULT_SELECT


def _but_for_seed_and_fold(members: Sequence[StoredRun]) -> list[list[StoredRun]]:
    """Gather the runs that differ in their seed or fold alone; an attempt that stands apart is by itself."""
    found: dict[tuple[str, str], list[StoredRun]] = {}
    for run in members:
        found.setdefault((experiment_of(run), run.called), []).append(run)
    return list(found.values())


def _row(runs: Sequence[StoredRun], pooled: Pooled, label: str, select: str) -> Row:
    by_seed = pooled.runs
    best = min(by_seed, key=lambda run: run.record.metrics.get(select, float("inf")))
    row = Row(
        f"{label} ({pooled.extent})" if pooled.extent else label,
        best.record.metrics,
        run=best,
        runs=tuple(runs),
        seeds=len(by_seed),
        is_complete=pooled.is_complete,
    )
    if len(by_seed) == 1:
        return row
    names = [name for name in best.record.metrics if all(name in run.record.metrics for run in by_seed)]
    values = {name: [run.record.metrics[name] for run in by_seed] for name in names}
    means = {name: fmean(found) for name, found in values.items()}
    spread = dict(zip(names, np.std(list(values.values()), axis=1, ddof=1).tolist(), strict=True)) if names else {}
    interval = _bootstrap(values["test/mae"]) if len(by_seed) > 2 and "test/mae" in values else None
    return replace(row, metrics=means, spread=spread, interval=interval)


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval in which 95% of the means of resampled values lie; the same for the same values."""
    random = np.random.default_rng(0)
    means = np.asarray(values)[random.integers(len(values), size=(_RESAMPLED, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _with_skill(row: Row, baselines: Sequence[Row]) -> Row:
    """Measure the skill of a row against the best baseline of its block: a run that read less had a weaker one."""
    skills = {}
    for split in ("val", "test"):
        name = f"{split}/mae" if f"{split}/mae" in row.metrics else f"{split}/cross_entropy"
        best = min((naive.metrics.get(name, 0.0) for naive in baselines), default=0.0)
        if best > 0 and name in row.metrics:
            skills[f"{split}/skill"] = 1 - row.metrics[name] / best
    return replace(row, metrics={**row.metrics, **skills})


def _baseline_rows(members: Sequence[StoredRun]) -> list[Row]:
    """Return a row for each baseline; for each of its seasons or input lengths, where the runs do not agree on one."""
    seasons = {run.record.data["season"] for run in members}
    lengths = {run.spec["timesteps"] for run in members}
    alike: dict[tuple[Any, ...], StoredRun] = {}  # of thousands of runs that agree, the last one is enough
    for run in members:
        kind = (run.record.data["season"], run.spec["timesteps"], *run.record.baselines)
        alike.pop(kind, None)
        alike[kind] = run
    found: dict[str, dict[str, float]] = {}
    for run in alike.values():
        told = {"seasonal_naive": f" {run.record.data['season']}"} if len(seasons) > 1 else {}
        told |= {"linear": f" of {run.spec['timesteps']}"} if len(lengths) > 1 else {}
        for name, value in run.record.baselines.items():
            prefix, _, rest = name.partition("baseline/")
            baseline, _, metric = rest.partition("/")
            label = baseline.replace("_", " ") + told.get(baseline, "")
            found.setdefault(label, {})[f"{prefix or 'test/'}{metric}"] = value
    return [Row(label, metrics) for label, metrics in found.items()]
