"""What the terminal shows: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from seqexp.errors import SeqexpError

_PIPED_WIDTH = 140  # a file has no edge; a table in it should not be folded


def _width(stream: Any) -> int | None:
    return None if stream.isatty() else max(_PIPED_WIDTH, shutil.get_terminal_size((0, 0)).columns)


def results() -> Console:
    """Return the console of stdout."""
    return Console(width=_width(sys.stdout), highlight=False)


def progress() -> Console:
    """Return the console of stderr."""
    return Console(stderr=True, width=_width(sys.stderr), highlight=False)


def make_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 99, whole: int = 0) -> Table:
    """Return a table; columns from the ``numbers``-th on stand to the right, the first ``whole`` are never folded."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for position, column in enumerate(columns):
        justify: JustifyMethod = "right" if position >= numbers else "left"
        table.add_column(column, justify=justify, header_style="bold", overflow="fold", no_wrap=position < whole)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else escape(str(cell)) for cell in row))
    return table


def print_error(error: SeqexpError) -> None:
    """Print every problem of an error: the key, what is wrong, where it stands, the mend."""
    console = progress()
    for problem in error.problems:
        text = Text()
        if problem.key:
            text.append(problem.key, style="bold red")
            text.append(": ")
        text.append(problem.message, style="" if problem.key else "bold red")
        console.print(text, soft_wrap=True)
        for line in (problem.where, problem.mend):
            if line:
                console.print(Text(f"  {line}", style="dim" if line == problem.where else ""), soft_wrap=True)


def print_json(values: Any) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(values, allow_nan=False))


def number(value: float | None) -> str:
    """Return a figure with four digits that count, as a table shows it.

    >>> number(342.4567), number(0.0123456), number(420.0), number(1234567.8), number(None)
    ('342.5', '0.01235', '420.0', '1,234,568', '-')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.4g}"


def share(value: float | None) -> str:
    """Return a skill or another share, with three decimals.

    >>> share(0.1752), share(-0.5)
    ('0.175', '-0.500')
    """
    return "-" if value is None else f"{value:.3f}"


def mean_count(value: float) -> str:
    """Return a mean of counts, with one decimal where it is between two.

    >>> mean_count(27.125), mean_count(60.0), mean_count(1500.25)
    ('27.1', '60', '1500.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def amount(value: float) -> str:
    """Return a count in short.

    >>> amount(840), amount(26_460), amount(1_234_567), amount(999_960)
    ('840', '26.5 k', '1.2 M', '1.0 M')
    """
    if round(value) < 1000:
        return f"{value:.0f}"
    unit, *larger = ["k", "M", "G", "T"]
    value /= 1000
    while round(value, 1) >= 1000 and larger:
        unit, *larger = larger
        value /= 1000
    return f"{value:.1f} {unit}"
