"""How the rows of a backtest did in each fold: whether one is ahead throughout, or made by one stretch of time."""

from __future__ import annotations

from rich.measure import Measurement
from rich.text import Text

from seqexp.cli.screen import make_table, number, results
from seqexp.cli.table_formats import TextTable
from seqexp.workflows.reading.leaderboard import Block


def fold_table(block: Block) -> TextTable:
    """Return the test MAE of each row in each fold, below the first and the last step of its test stretch."""
    ends = [[word, *(_day(fold[end]) for fold in block.folds)] for word, end in (("from", "first"), ("to", "last"))]
    rows = [[row.label, *("" if mae is None else number(mae) for mae in block.by_fold(row))] for row in block.rows]
    return TextTable(
        columns=["test MAE", *(f"fold {fold['fold']}" for fold in block.folds)],
        rows=[*ends, *(row for row in rows if any(row[1:]))],
        numbers=1,
    )


def print_folds(block: Block) -> None:
    """Print the table, where there are folds; on a narrow terminal as several, each with some of them."""
    if not block.folds:
        return
    console, whole = results(), fold_table(block)
    dim = {"from", "to", *(row.label for row in block.rows if row.run is None)}
    first, total = 1, len(whole.columns)
    while first < total:
        for stop in range(total, first, -1):
            shown = [0, *range(first, stop)]
            rows = [[Text(row[place], style="dim" if row[0] in dim else "") for place in shown] for row in whole.rows]
            table = make_table([whole.columns[place] for place in shown], rows, numbers=1, whole=len(shown))
            if Measurement.get(console, console.options.update(width=1000), table).maximum <= console.width:
                break
        console.print(table)
        console.print()
        first = stop


def _day(stamp: str) -> str:
    return stamp.removesuffix(" 00:00:00")
