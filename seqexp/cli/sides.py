"""What compare prints of experiments that may not be run yet."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from seqexp.cli.comparisons import print_comparisons
from seqexp.cli.screen import make_table, number, print_json, progress, results, share
from seqexp.cli.table_formats import Format, TextTable, as_csv, as_latex, as_markdown
from seqexp.workflows.checking.side_by_side import Side, differing_keys, figures
from seqexp.workflows.checking.side_by_side import as_values as values_of_sides
from seqexp.workflows.reading.compare import Comparison, as_values


def print_sides(sides: Sequence[Side], comparisons: Sequence[Comparison], form: Format = Format.table) -> None:
    """Print in which keys experiments differ, with the figures of those that were run; then what these have in common.

    As CSV there is the first table alone.
    """
    table = _table(sides)
    if form is Format.json:
        print_json({**values_of_sides(sides), **as_values(comparisons)})
    elif form is Format.csv:
        print(as_csv(table.columns, table.rows), end="")
        for note in table.notes:
            progress().print(Text(note), soft_wrap=True)  # a program reads the rest
    elif form is Format.table:
        console = results()
        console.print(make_table(table.columns, table.rows, whole=1))
        for note in table.notes:
            console.print(Text(note), soft_wrap=True)
        console.print()
    else:
        print((as_markdown if form is Format.markdown else as_latex)(table))
    if comparisons and form not in (Format.json, Format.csv):
        print_comparisons(comparisons, form)


def _table(sides: Sequence[Side]) -> TextTable:
    rows: list[list[str]] = [["runs", *(side.progress for side in sides)]]
    rows += [[key, *values] for key, values in differing_keys(sides)]
    rows += [[f"{name} of the best", *(_cell(name, cell) for cell in cells)] for name, cells in figures(sides)]
    return TextTable(
        columns=["", *(side.word for side in sides)],
        rows=rows,
        notes=[f"{side.word}: {side.note}" for side in sides if side.note],
    )


def _cell(name: str, cell: float | str | None) -> str:
    if isinstance(cell, str):
        return cell
    return (share if name.endswith("/skill") else number)(cell)
