"""What run and sweep print when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.measure import Measurement
from rich.text import Text

from seqexp.cli.fold_table import print_folds
from seqexp.cli.screen import amount, make_table, mean_count, number, progress, results, share
from seqexp.cli.table_formats import TextTable
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import SELECTED
from seqexp.store.run_dir import taken_out
from seqexp.workflows.identity import title_of
from seqexp.workflows.project import Project
from seqexp.workflows.reading.leaderboard import Block, Row, build_leaderboard
from seqexp.workflows.running.requests import RunOutcome

if TYPE_CHECKING:
    from seqexp.workflows.sweeping.points import LeftOut
    from seqexp.workflows.sweeping.sweep import SweepResult

_INTERVAL = "95% of means"
_SCALED = ("scaled MAE", "scaled MSE")  # with evaluation.scaled: as the tables of many papers have them
_LEAST_NEEDED = ("windows", "weights", "MASE", "time", "val skill", _INTERVAL, "epoch", "RMSE", *_SCALED[::-1])
_LEAST_COMPARED = ("MASE", "val skill", _INTERVAL, "windows", "weights", "time", "epoch", "RMSE", *_SCALED[::-1])
_OF_SOME = (
    "test/scaled/mae",
    "test/scaled/mse",
    "test/coverage",
    "test/interval_width",
    "test/pinball",
    "test/accuracy",
    "test/exact_match",
)
_LABEL, _LEAST_LABEL = 1, 36  # the column of labels, and how far it may be folded
_SHARES = ("skill", "coverage", "accuracy", "exact_match")
_COLUMNS = (
    "",
    "",
    "val",
    "val skill",
    "test MAE",
    _INTERVAL,
    "RMSE",
    "MASE",
    "skill",
    *_SCALED,
    "coverage",
    "width",
    "pinball",
    "accuracy",
    "exact match",
    "epoch",
    "windows",
    "weights",
    "time",
)


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
        print_folds(block)
    if record.diagnostics:
        rows = [(word.replace("_", " "), sentence) for word, sentence in record.diagnostics.items()]
        console.print(make_table(("worth a look", ""), rows, whole=1))
        console.print()
    console.print(f"Run directory  {near(outcome.stored.path)}", soft_wrap=True)
    for name, why in taken_out(outcome.stored.path).items():
        console.print(f"Taken out      {name} ({why})", soft_wrap=True)
    if outcome.mlflow_run_id:
        console.print(f"MLflow run     {outcome.mlflow_run_id}   (seqexp ui opens it)", soft_wrap=True)


def print_sweep(result: SweepResult) -> None:
    """Print the leaderboard of a sweep, what was left out, and what failed."""
    console = results()
    blocks = build_leaderboard((outcome.stored for outcome in result.outcomes), result.select)
    for block in blocks:
        print_block(block)
        for note in block.notes:
            console.print(Text(note), soft_wrap=True)
        console.print()
        print_folds(block)
    _print_signs(result)
    print_left_out(result.skipped)
    failed = [(outcome.title, outcome.stored.record.error) for outcome in result.failed]
    if failed:
        rows = [(title, error["reason"], error["message"]) for title, error in failed]
        console.print(make_table(("failed", "reason", "message"), rows))
        console.print()
        if any(outcome.was_done for outcome in result.failed):
            console.print("What failed before was not run again; --retry-failed does that.\n")
    if result.freed.runs:
        told = f"{result.freed.runs} run{'' if result.freed.runs == 1 else 's'}, {result.freed.size / 1e6:.2f} MB"
        console.print(f"Taken out, as tracking.keep says: models and forecasts of {told}.\n")
    ran = sum(not outcome.was_done for outcome in result.outcomes)
    done = sum(outcome.was_done and not outcome.has_failed for outcome in result.outcomes)
    pruned = sum(outcome.was_pruned for outcome in result.outcomes)
    words = [
        f"{ran} run{'' if ran == 1 else 's'}",
        f"{done} done before" if done else "",
        f"{pruned} ended early" if pruned else "",
        f"{len(failed)} failed" if failed else "",
    ]
    console.print(f"{', '.join(word for word in words if word)}, in {result.seconds:.0f} s. {_order(blocks)}".rstrip())


def print_left_out(left_out: Sequence[LeftOut]) -> None:
    """Print the points that are not run, once for each reason."""
    if not left_out:
        return
    reasons: dict[str, list[str]] = {}
    for point in left_out:
        reasons.setdefault(point.reason, []).append(point.label)
    rows = [
        (", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else ""), reason)
        for reason, labels in reasons.items()
    ]
    results().print(make_table(("left out", "because"), rows))
    results().print()


def _print_signs(result: SweepResult) -> None:
    """Print what is worth a look in the runs, each sign once."""
    found: dict[str, list[tuple[str, str]]] = {}
    for outcome in result.outcomes:
        for word, sentence in outcome.stored.record.diagnostics.items():
            found.setdefault(word, []).append((outcome.title, sentence))
    if not found:
        return
    total = len(result.outcomes)
    rows = [
        (word.replace("_", " "), f"{len(those)} of {total}", f"{those[0][0]}: {those[0][1]}")
        for word, those in found.items()
    ]
    results().print(make_table(("worth a look", "runs", "for example"), rows, whole=2))
    results().print()


def _order(blocks: Sequence[Block]) -> str:
    if not blocks:
        return ""
    ranked = next((block for block in blocks if block.best), None)
    if ranked:
        return f"Ordered by validation {_kind(ranked)}."
    if any(row.run and not row.is_complete for block in blocks for row in block.rows):
        return "Nothing is ranked: every row lacks a fold."
    lacking = [block.select for block in blocks if block.windows.get("validation")]
    if lacking:
        return f"Nothing is ranked: not every run has {lacking[0]}."
    return "Without a validation split nothing is ranked."


def _kind(block: Block) -> str:
    """Return the figure that orders a block as a heading names it."""
    kind = block.select.partition("/")[2]
    own = kind if block.select not in SELECTED else kind.upper()
    return {"smape": "sMAPE", "pinball": "pinball", "cross_entropy": "cross-entropy"}.get(kind, own)


def print_block(block: Block, *, budget: bool = False) -> None:
    """Print one block of the leaderboard.

    Args:
        block: What to print.
        budget: Show how many training windows were seen, and what rows cost rather than more of their figures.
    """
    console, whole = results(), block_table(block)
    console.print(Text(block.title, style="bold"), soft_wrap=True)
    styles = ["" if row.run else "dim" for row in block.rows]
    least, first = (_LEAST_COMPARED, 0) if budget else (_LEAST_NEEDED, 1)
    for dropped in range(first, len(least) + 1):  # a narrow terminal shows fewer columns, each of them whole
        shown = [place for place, name in enumerate(whole.columns) if name not in least[:dropped]]
        rows = [
            [Text(row[place], style=style) for place in shown] for row, style in zip(whole.rows, styles, strict=True)
        ]
        table = make_table([whole.columns[place] for place in shown], rows, numbers=whole.numbers, whole=len(shown))
        widest = max(len(row[_LABEL]) for row in whole.rows)
        folded = max(widest - _LEAST_LABEL, 0)  # a long label takes several lines before a figure is left out
        if Measurement.get(console, console.options.update(width=1000), table).maximum - folded <= console.width:
            break
    table.columns[_LABEL].no_wrap = False
    console.print(table)


def block_table(block: Block) -> TextTable:
    """Return all that there is to show of a block; a column that no row fills is left out."""
    rows = [_cells(row, block.select) for row in block.rows]
    names = [f"val {_kind(block)}" if name == "val" else name for name in _COLUMNS]
    filled = [place for place in range(len(names)) if place < 2 or any(row[place] not in ("", "-") for row in rows)]
    return TextTable(
        columns=[names[place] for place in filled],
        rows=[[row[place] for place in filled] for row in rows],
        numbers=2,
        title=block.title,
    )


def print_quick(spec: ExperimentSpec, metrics: dict[str, float]) -> None:
    """Print that a quick run came through."""
    console = results()
    select = spec.evaluation.select
    usual = ("val/mae", "test/mae", "val/cross_entropy", "test/cross_entropy")
    names = (select, select.replace("val/", "test/", 1)) if select in metrics else usual
    known = ", ".join(f"{name} {number(metrics[name])}" for name in names if name in metrics)
    console.print(
        f"{title_of(spec)} trains and forecasts: one epoch on a few windows gave {known}. Nothing was recorded."
    )


def print_warnings(warnings: Sequence[str]) -> None:
    """Print why MLflow does not show everything yet; an empty text is no warning."""
    for warning in filter(None, warnings):
        progress().print(Text.assemble(("Warning:", "yellow"), f" {warning}"), soft_wrap=True)


def _cells(row: Row, select: str) -> tuple[str, ...]:
    names = (select, "val/skill", "test/mae", "test/rmse", "test/mase", "test/skill", *_OF_SOME)
    values = [(share if name.endswith(_SHARES) else number)(row.metrics.get(name)) for name in names]
    if (level := row.level) is not None:
        values[names.index("test/coverage")] += f" of {level:g}"
    for place, name in enumerate(names):
        if name in {select, "test/mae"} and name in row.spread:
            values[place] += f" ±{row.spread[name]:.2g}"
    values.insert(3, f"{number(row.interval[0])} to {number(row.interval[1])}" if row.interval else "")
    if budget := row.budget:
        epochs = f"{mean_count(budget.best_epoch)}/{mean_count(budget.epochs)}"
        values += [epochs, amount(budget.windows), f"{budget.weights:,}", f"{budget.seconds:.1f} s"]
    else:
        values = ["" if value == "-" else value for value in values] + [""] * 4
    return str(row.rank or ""), row.label, *values


def near(path: Path) -> str:
    """Return a path as short as it can be said: from the working directory, where it lies below it."""
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else str(path)
