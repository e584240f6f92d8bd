"""Tables as text, for a page, a paper or a program: Markdown, LaTeX, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

_OF_LATEX = {
    "\\": r"\textbackslash{}",
    "->": r"$\to$",
    "±": r"$\pm$",
    "[": "{[}",  # which may begin an argument of the line's end before it
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_SPECIAL = re.compile("|".join(map(re.escape, _OF_LATEX)))
_MINUS = re.compile(r"(?<![\w.$-])-(?=\d)")


class Format(StrEnum):
    """How a comparison is written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are text already.

    Attributes:
        columns: Their headings.
        rows: A cell for each column.
        numbers: From this column on the cells are numbers, and stand to the right.
        title: What it shows.
        notes: What a reader has to know besides.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 99
    title: str = ""
    notes: Sequence[str] = ()


def as_markdown(table: TextTable) -> str:
    """Return a table in GitHub's Markdown.

    >>> print(as_markdown(TextTable(["", "MAE"], [["a|b_c", "1.5 ±0.1"]], numbers=1, title="7 steps")), end="")
    **7 steps**
    <BLANKLINE>
    |  | MAE |
    | --- | ---: |
    | a\\|b\\_c | 1.5 ±0.1 |
    """
    rules = ["---:" if place >= table.numbers else "---" for place in range(len(table.columns))]
    lines = [f"**{_markdown(table.title)}**", ""] if table.title else []
    cells = [[_markdown(cell) for cell in row] for row in (table.columns, *table.rows)]
    lines += [f"| {' | '.join(row)} |" for row in (cells[0], rules, *cells[1:])]
    for note in table.notes:
        lines += ["", _markdown(note)]
    return "\n".join(lines) + "\n"


def as_latex(table: TextTable) -> str:
    r"""Return a table in LaTeX, with the rules of the package booktabs.

    >>> print(as_latex(TextTable(["", "MAE"], [["a_b 14->7", "-1.5 ±0.1"]], numbers=1, title="7 & 8")), end="")
    \begin{table}
    \centering
    \caption{7 \& 8}
    \begin{tabular}{lr}
    \toprule
     & MAE \\
    \midrule
    a\_b 14$\to$7 & $-$1.5 $\pm$0.1 \\
    \bottomrule
    \end{tabular}
    \end{table}
    """
    alignment = "".join("r" if place >= table.numbers else "l" for place in range(len(table.columns)))
    head, *body = (f"{' & '.join(map(_latex, row))} \\\\" for row in (table.columns, *table.rows))
    caption = " ".join([table.title, *table.notes])
    lines = [
        r"\begin{table}",
        r"\centering",
        *([f"\\caption{{{_latex(caption)}}}"] if caption else []),
        f"\\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table for programs: floats with every digit that counts, nothing where there is no value.

    >>> as_csv(["label", "test/mae"], [["a, b", 0.1 + 0.2], ["c", None]])
    'label,test/mae\\n"a, b",0.30000000000000004\\nc,\\n'
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<\[\]])", r"\\\1", " ".join(text.split()))


def _latex(text: str) -> str:
    escaped = _SPECIAL.sub(lambda found: _OF_LATEX[found[0]], " ".join(text.split()))
    return _MINUS.sub("$-$", escaped)
