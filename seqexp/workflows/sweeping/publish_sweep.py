"""Show a sweep in MLflow: a parent of the runs that it trained, with its plan, its leaderboard and its best runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seqexp.store.projection import SweepProjection
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.publishing.project_run import workspace_tag
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.views import view_of_sweep
from seqexp.workflows.reading.leaderboard import Block, build_leaderboard
from seqexp.workflows.running.requests import RunOutcome

_COLUMNS = ("val/mae", "val/skill", "test/mae", "test/rmse", "test/mase", "test/skill")
FrozenPlan = Mapping[str, Any]


def sweep_tag(plan: FrozenPlan) -> dict[str, str]:
    """Return the tag by which the table of runs is filtered: every run of the sweep has it, whoever trained it."""
    return {f"sweep.{plan['key']}": plan["name"]}


def log_best_models(publisher: Publisher, runs: Iterable[StoredRun], select: str | None) -> None:
    """Log the model of the best run of each block: only when a sweep is over is known which these are.

    Args:
        publisher: Where the runs are shown already.
        runs: Those of which ``tracking.log_model`` wants it so.
        select: The figure of validation that orders them; None for what they agree on.
    """
    for block in build_leaderboard(runs, select):
        if block.best is not None:
            publisher.add_model(block.best)


class SweepPublisher:
    """Shows one sweep in one store, beside the publisher of its runs."""

    def __init__(self, plan: FrozenPlan, publisher: Publisher) -> None:
        """Take the plan as it was frozen, see :meth:`Plan.as_values`."""
        self._plan, self._publisher = plan, publisher
        self._started = int(time.time() * 1000)
        self._run_id: str | None = None

    def open(self) -> str:
        """Show it as running, if it is not yet, and return the MLflow run id of the parent."""
        if self._run_id is None:
            store = self._publisher.store
            self._run_id = store.open_sweep(self._projection())
            store.end_left_behind(self._run_id, int(time.time() * 1000))
        return self._run_id

    def close(self, outcomes: Sequence[RunOutcome], status: str, select: str | None = None) -> None:
        """Say how it ended; give every run that was there before the tag of the sweep.

        Args:
            outcomes: Every run, with its MLflow run id as far as it has one.
            status: FINISHED, FAILED or KILLED.
            select: The figure of validation that orders them; None for what they agree on.
        """
        run_id, store = self.open(), self._publisher.store
        for outcome in outcomes:
            if outcome.was_done and outcome.mlflow_run_id:
                store.set_tags(outcome.mlflow_run_id, sweep_tag(self._plan))
        blocks = build_leaderboard((outcome.stored for outcome in outcomes), select)
        shown_as = {outcome.stored.path: outcome.mlflow_run_id for outcome in outcomes}
        tags, metrics = {}, self._counts(outcomes)
        for block in blocks:
            if (best := block.best) is not None:
                name = f"best.{block.output_length}.{block.alignment}"
                tags[name] = shown_as.get(best.path) or best.record.run_key
                metrics[f"{name}/{block.select}".replace(".", "/")] = best.record.metrics[block.select]
        store.close_sweep(
            run_id,
            status,
            int(time.time() * 1000),
            metrics=metrics,
            tags={**tags, "mlflow.note.content": "\n".join(_note(self._plan, blocks))},
            texts={"plan.json": json.dumps(self._plan, indent=1)},
            table=_table(blocks),
        )

    def _projection(self) -> SweepProjection:
        return SweepProjection(
            experiment=self._plan["name"],
            run_name=f"sweep {self._plan['name']} {self._plan['key'][:6]}",
            identity={"sweep_key": self._plan["key"], "workspace": workspace_tag(self._publisher.workspace)},
            started=self._started,
            params=_axes(self._plan),
            tags={**sweep_tag(self._plan), "seqexp.kind": "sweep", "mlflow.source.name": "seqexp"},
            note=self._plan["question"],
            view=view_of_sweep(self._plan["select"], _swept(self._plan)),
        )

    def _counts(self, outcomes: Sequence[RunOutcome]) -> dict[str, float]:
        failed = sum(outcome.has_failed for outcome in outcomes)
        pruned = sum(outcome.was_pruned for outcome in outcomes)
        left_out = len(self._plan["left_out"])
        counts: dict[str, float] = {
            "runs/planned": len(self._plan["points"]),
            "runs/failed": failed,
            "runs/left_out": left_out,
        }
        return {**counts, "runs/pruned": pruned} if self._plan["search"] else counts


def _axes(plan: FrozenPlan) -> dict[str, str]:
    """Return the swept keys with the values that they took; of a search, what they are chosen from, and how."""
    if search := plan["search"]:
        how = {f"execution.{key}": str(search[key]) for key in ("search", "sampler", "search_seed", "pruning")}
        return {**how, **_swept(plan)}
    return _swept(plan)


def _swept(plan: FrozenPlan) -> dict[str, str]:
    if search := plan["search"]:
        axes = search["axes"].items()
        return {key: ",".join(map(str, axis)) if isinstance(axis, list) else axis for key, axis in axes}
    found: dict[str, dict[str, None]] = {}
    for point in [*plan["points"], *plan["left_out"]]:
        for word in point["label"].split():
            key, equals, value = word.partition("=")
            if equals:
                found.setdefault(key, {})[value] = None
    return {key: ",".join(values) for key, values in found.items()}


def _table(blocks: Sequence[Block]) -> dict[str, list[Any]]:
    """Return the leaderboard column by column; values that are not known are None."""
    spreads, columns = ("val/mae", "test/mae"), _columns(blocks)
    bounds = ("test/mae low", "test/mae high")
    names = ("block", "rank", "run", "seeds", *columns, *(f"{name} sd" for name in spreads), *bounds, "best_run_key")
    table: dict[str, list[Any]] = {name: [] for name in names}
    for block in blocks:
        for row in block.rows:
            values = [row.metrics.get(name) for name in columns]
            values += [row.spread.get(name) for name in spreads]
            values += row.interval or (None, None)
            seeds, best = (row.seeds, row.run.record.run_key) if row.run else (None, None)
            cells = [block.title, row.rank, row.label, seeds, *values, best]
            for column, cell in zip(table.values(), cells, strict=True):
                column.append(cell)
    return table


def _columns(blocks: Sequence[Block]) -> list[str]:
    """Return the figures of the leaderboard, those that order it first."""
    return list(dict.fromkeys([*(block.select for block in blocks), *_COLUMNS]))


def _note(plan: FrozenPlan, blocks: Sequence[Block]) -> Iterator[str]:
    yield plan["question"]
    for block in blocks:
        columns = _columns([block])
        yield f"\n**{block.title}**\n"
        yield "| | | " + " | ".join(columns) + " |"
        yield "|---" * (len(columns) + 2) + "|"
        for row in block.rows:
            cells = (f"{row.metrics[name]:.5g}" if name in row.metrics else "" for name in columns)
            yield f"| {row.rank or ''} | {row.label} | " + " | ".join(cells) + " |"
    if plan["left_out"]:
        yield f"\n{len(plan['left_out'])} points were left out; `plan.json` says why."
