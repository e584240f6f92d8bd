"""What compare prints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from seqexp.cli.reports import print_block
from seqexp.cli.screen import make_table, results
from seqexp.workflows.compare import Comparison, Difference, changed_keys


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Print blocks, what was changed between two rows, and which differences are more than chance."""
    console = results()
    if not comparisons:
        console.print("No finished runs to compare. Make some: seqexp sweep topology=vector_output,encoder_decoder")
    for comparison in comparisons:
        print_block(comparison.block, budget=True)
        for note in comparison.notes:
            console.print(Text(note), soft_wrap=True)
        console.print()
        rows = [row for row in comparison.block.rows if row.run]
        if len(rows) == 2:
            changes = changed_keys([row.run for row in rows if row.run])
            cells = [(key, *values) for key, values in changes]
            console.print(make_table(("changed", *(row.label for row in rows)), cells))
            console.print()
        if comparison.differences:
            columns = ("test MAE beside the first", "", "95% over seeds", "seeds", "origins", "p", "")
            console.print(make_table(columns, map(_cells, comparison.differences)))
            console.print("p: Diebold and Mariano over the origins, adjusted for the number of rows (Holm).\n")


def _cells(found: Difference) -> tuple[object, ...]:
    reach = f"{found.interval[0]:+.3g} to {found.interval[1]:+.3g}" if found.interval else ""
    p_value = "<0.001" if found.p_value < 0.001 else "-" if math.isnan(found.p_value) else f"{found.p_value:.2g}"
    return found.label, f"{found.mean:+.4g}", reach, found.seeds, found.origins, p_value, found.verdict
