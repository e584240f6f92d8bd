"""What compare prints: tables on a screen, or the same as text for a page, a paper or a program."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.text import Text

from seqexp.cli.fold_table import fold_table, print_folds
from seqexp.cli.reports import block_table, print_block
from seqexp.cli.screen import make_table, print_json, progress, results
from seqexp.cli.table_formats import Format, TextTable, as_csv, as_latex, as_markdown
from seqexp.errors import ConfigError
from seqexp.workflows.reading.compare import Comparison, as_values, what_changed
from seqexp.workflows.reading.leaderboard import Row
from seqexp.workflows.reading.row_differences import Difference

_NOTHING = "No finished runs to compare. Make some: seqexp sweep topology=vector_output,encoder_decoder"
_OF_P = "p: Diebold and Mariano over the origins, adjusted for the number of rows (Holm)."
_SCALED = ("val/scaled/mae", "val/scaled/mse", "test/scaled/mae", "test/scaled/mse")  # with evaluation.scaled
_METRICS = ("val/mae", "val/skill", "test/mae", "test/rmse", "test/mase", "test/skill")


def chosen_format(named: Format | None, json: bool) -> Format:
    """Return the format that ``--format`` and ``--json`` ask for.

    Raises:
        ConfigError: They ask for different ones.
    """
    if json and named not in (None, Format.json):
        raise ConfigError(f"--json and --format {named} contradict each other.", mend="Leave one of them out.")
    return Format.json if json else named or Format.table


def print_comparisons(comparisons: Sequence[Comparison], form: Format = Format.table) -> None:
    """Print blocks, what was changed between two rows, and which differences are more than chance."""
    if form is Format.json:
        print_json(as_values(comparisons))
    elif form is Format.csv:
        print(_csv(comparisons), end="")
        for note in (note for comparison in comparisons for note in comparison.notes):
            progress().print(Text(note), soft_wrap=True)  # a program reads the rest
    elif not comparisons:
        (results() if form is Format.table else progress()).print(_NOTHING)
    elif form is Format.table:
        for comparison in comparisons:
            _print_tables(comparison)
    else:
        write = as_markdown if form is Format.markdown else as_latex
        tables = (table for comparison in comparisons for table in _tables(comparison))
        print("\n".join(map(write, tables)), end="")


def _print_tables(comparison: Comparison) -> None:
    console = results()
    print_block(comparison.block, budget=True)
    for note in comparison.notes:
        console.print(Text(note), soft_wrap=True)
    console.print()
    print_folds(comparison.block)
    for table in _further_tables(comparison):
        console.print(make_table(table.columns, table.rows))
        for note in table.notes:
            console.print(note)
        console.print()


def _tables(comparison: Comparison) -> Iterator[TextTable]:
    yield replace(block_table(comparison.block), notes=comparison.notes)
    if comparison.block.folds:
        yield fold_table(comparison.block)
    yield from _further_tables(comparison)


def _further_tables(comparison: Comparison) -> Iterator[TextTable]:
    """Yield what was changed, where there are two rows, and the differences from the first."""
    rows = [row for row in comparison.block.rows if row.run]
    if len(rows) == 2 and (changes := what_changed(rows)):  # between two attempts at one run there may be none
        yield TextTable(("changed", *(row.label for row in rows)), [(key, *values) for key, values in changes])
    if comparison.differences:
        columns = (f"test {comparison.measure} beside the first", "", "95% over seeds", "seeds", "origins", "p", "")
        yield TextTable(columns, [_cells(found) for found in comparison.differences], notes=(_OF_P,))


def _cells(found: Difference) -> tuple[str, ...]:
    reach = f"{found.interval[0]:+.3g} to {found.interval[1]:+.3g}" if found.interval else ""
    p_value = "<0.001" if found.p_value < 0.001 else "-" if math.isnan(found.p_value) else f"{found.p_value:.2g}"
    return found.label, f"{found.mean:+.4g}", reach, str(found.seeds), str(found.origins), p_value, found.verdict


def _csv(comparisons: Sequence[Comparison]) -> str:
    """Return one table of all blocks: a line for each row, with its deviations, its cost and its difference."""
    known = {name for found in comparisons for row in found.block.rows for name in row.metrics}
    asked = [name for name in _SCALED if name in known]
    metrics = list(dict.fromkeys([*(found.block.select for found in comparisons), *_METRICS, *asked]))
    columns = ["block", "rank", "label", "seeds", "runs"]
    columns += [heading for name in metrics for heading in (name, f"{name} sd")]
    columns += ["test/mae 95% low", "test/mae 95% high", "best_epoch", "epochs", "windows", "weights", "fit seconds"]
    columns += ["difference", "difference 95% low", "difference 95% high", "common seeds", "common origins", "p"]
    lines = [
        [comparison.block.title, *_csv_cells(row, metrics), *_csv_difference(comparison, row)]
        for comparison in comparisons
        for row in comparison.block.rows
    ]
    return as_csv(columns, lines)


def _csv_cells(row: Row, metrics: Sequence[str]) -> list[object]:
    cells: list[object] = [row.rank, row.label, row.seeds or None, " ".join(run.path.name for run in row.runs)]
    for name in metrics:
        cells += [row.metrics.get(name), row.spread.get(name)]
    cells += row.interval or (None, None)
    cost = row.budget
    return cells + ([cost.best_epoch, cost.epochs, cost.windows, cost.weights, cost.seconds] if cost else [None] * 5)


def _csv_difference(comparison: Comparison, row: Row) -> list[object]:
    found = next((found for found in comparison.differences if row.run and found.label == row.label), None)
    if found is None:
        return [None] * 6
    p_value = None if math.isnan(found.p_value) else found.p_value
    return [found.mean, *(found.interval or (None, None)), found.seeds, found.origins, p_value]
