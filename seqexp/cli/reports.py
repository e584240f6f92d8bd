"""What run and sweep print when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from seqexp.cli.screen import make_table, number, progress, results, share
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.identity import title_of
from seqexp.workflows.leaderboard import Block, Row, build_leaderboard
from seqexp.workflows.project import Project
from seqexp.workflows.requests import RunOutcome

if TYPE_CHECKING:
    from seqexp.workflows.sweep import SweepResult

_COLUMNS = ("", "", "val MAE", "val skill", "test MAE", "RMSE", "MASE", "skill", "epoch", "weights", "time")


def print_run(outcome: RunOutcome, project: Project) -> None:
    """Print what came of one run: its figures beside those of the baselines, and where it lies."""
    console, record = results(), outcome.stored.record
    if outcome.was_done:
        console.print("[yellow]Already done[/]; this is the stored result. --force repeats it.\n")
    if record.status != "FINISHED":
        progress().print(
            f"[bold red]{record.status}[/] ({record.error['reason']}): {record.error['message']}", soft_wrap=True
        )
    for block in build_leaderboard([outcome.stored]):
        print_block(block)
        console.print()
    console.print(f"Run directory  {_near(outcome.stored.path)}", soft_wrap=True)
    if outcome.mlflow_run_id:
        console.print(f"MLflow run     {outcome.mlflow_run_id}   (seqexp ui opens it)", soft_wrap=True)


def print_sweep(result: SweepResult) -> None:
    """Print the leaderboard of a sweep, what was left out, and what failed."""
    console = results()
    for block in build_leaderboard(outcome.stored for outcome in result.outcomes):
        print_block(block)
        console.print()
    if result.skipped:
        console.print(make_table(("left out", "because"), [(point.label, point.reason) for point in result.skipped]))
        console.print()
    failed = [outcome.stored.record for outcome in result.outcomes if outcome.stored.record.status != "FINISHED"]
    if failed:
        rows = [(record.title, record.error["reason"], record.error["message"]) for record in failed]
        console.print(make_table(("failed", "reason", "message"), rows))
        console.print()
    done = sum(outcome.was_done for outcome in result.outcomes)
    ran = len(result.outcomes) - done
    words = [
        f"{ran} run{'' if ran == 1 else 's'}",
        f"{done} done before" if done else "",
        f"{len(failed)} failed" if failed else "",
    ]
    console.print(f"{', '.join(word for word in words if word)}, in {result.seconds:.0f} s. {_order(result)}")


def _order(result: SweepResult) -> str:
    ranked = any("val/mae" in outcome.stored.record.metrics for outcome in result.outcomes)
    return "Ordered by validation MAE." if ranked else "Without a validation split nothing is ranked."


def print_block(block: Block) -> None:
    """Print one block of the leaderboard."""
    console = results()
    console.print(Text(block.title, style="bold"), soft_wrap=True)
    console.print(make_table(_COLUMNS, [_cells(row) for row in block.rows], numbers=2))


def print_quick(spec: ExperimentSpec, metrics: dict[str, float]) -> None:
    """Print that a quick run came through."""
    console = results()
    known = ", ".join(f"{name} {number(metrics[name])}" for name in ("val/mae", "test/mae") if name in metrics)
    console.print(
        f"{title_of(spec)} trains and forecasts: one epoch on a few windows gave {known}. Nothing was recorded."
    )


def print_warnings(outcomes: Sequence[RunOutcome]) -> None:
    """Print, once each, why runs are not shown in MLflow yet."""
    for warning in dict.fromkeys(outcome.warning for outcome in outcomes if outcome.warning):
        progress().print(f"[yellow]Warning:[/] {warning}", soft_wrap=True)


def _cells(row: Row) -> tuple[object, ...]:
    style = "" if row.run else "dim"
    values = [
        (share if name.endswith("skill") else number)(row.metrics.get(name))
        for name in ("val/mae", "val/skill", "test/mae", "test/rmse", "test/mase", "test/skill")
    ]
    if row.run:
        fit, seconds = row.run.record.fit, row.run.record.timings.get("fit", 0.0)
        values += [f"{fit['best_epoch']}/{fit['epochs']}", f"{fit['weights']:,}", f"{seconds:.1f} s"]
    else:
        values = ["" if value == "-" else value for value in values] + ["", "", ""]
    return tuple(Text(str(cell), style=style) for cell in (row.rank or "", row.label, *values))


def _near(path: Path) -> str:
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else str(path)
