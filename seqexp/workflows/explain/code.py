"""Expressions of Python as text, laid out as ruff lays them out: on one line, or one argument a line.

What is on one line and fits, and what ends in a comma and stands one a line, ruff leaves as it is.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120


@dataclass(frozen=True)
class Group:
    """A call, a list, a tuple or a dict: ``head``, the items between commas, ``tail``."""

    head: str
    items: tuple[tuple[str, Code], ...]  # what stands before an item (``units=``), and the item
    tail: str

    def flat(self) -> str:
        """Return it on one line."""
        inside = ", ".join(f"{before}{flat(item)}" for before, item in self.items)
        alone = "," if self.head == "(" and len(self.items) == 1 else ""  # a tuple of one
        return f"{self.head}{inside}{alone}{self.tail}"


Code = str | Group  # a text is code already: a name, a number


def flat(code: Code) -> str:
    """Return an expression on one line."""
    return code if isinstance(code, str) else code.flat()


def call(name: str, *positional: Code, **keywords: Code) -> Group:
    """Return a call.

    >>> flat(call("layers.LSTM", "32", return_sequences="True"))
    'layers.LSTM(32, return_sequences=True)'
    """
    named = [(f"{key}=", value) for key, value in keywords.items()]
    return Group(f"{name}(", (*(("", value) for value in positional), *named), ")")


def listed(items: Iterable[Code]) -> Group:
    """Return a list."""
    return Group("[", tuple(("", item) for item in items), "]")


def tupled(items: Iterable[Code]) -> Group:
    """Return a tuple."""
    return Group("(", tuple(("", item) for item in items), ")")


def mapped(items: Mapping[str, Code]) -> Group:
    """Return a dict with texts for keys."""
    return Group("{", tuple((f"{text(key)}: ", item) for key, item in items.items()), "}")


def text(value: str) -> str:
    """Return a text as a literal, in the quotes that ruff chooses: double ones, unless single ones need fewer escapes.

    >>> print(text("sales"), text('5" pipe'), text("it's"))
    "sales" '5" pipe' "it's"
    """
    quote = "'" if value.count('"') > value.count("'") else '"'
    escaped = "".join(char if char in "'\"" else repr(char)[1:-1] for char in value)
    return quote + escaped.replace(quote, f"\\{quote}") + quote


def value(given: Any) -> Code:
    """Return a plain value: a number, a text, true, false, nothing, or a tuple of such."""
    if isinstance(given, str):
        return text(given)
    if isinstance(given, (list, tuple)):
        return tupled(value(item) for item in given)
    return repr(given)


def statement(before: str, code: Code, *, indent: int = 0, after: str = "") -> str:
    """Return a line, or several if it is too long: ``before`` (``x = ``), the expression, ``after``."""
    space = " " * indent
    one_line = f"{space}{before}{flat(code)}{after}"
    if isinstance(code, str) or len(one_line) <= WIDTH or not code.items:
        return one_line
    inner = [statement(name, item, indent=indent + 4, after=",") for name, item in code.items]
    return "\n".join([f"{space}{before}{code.head}", *inner, f"{space}{code.tail}{after}"])


def comment(words: str, *, indent: int = 0) -> str:
    """Return a comment, folded; an empty text for nothing."""
    start = f"{' ' * indent}# "
    return textwrap.fill(words, WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False)


def indented(blocks: Iterable[str], indent: int = 4) -> list[str]:
    """Return lines, or blocks of them, moved to the right; comments are folded anew."""
    moved = []
    for block in blocks:
        lines = block.split("\n")
        if all(line.startswith("# ") for line in lines):
            moved.append(comment(" ".join(line[2:] for line in lines), indent=indent))
        else:
            moved.append(textwrap.indent(block, " " * indent))
    return moved


def stacked(lines: Sequence[str]) -> str:
    """Return lines one under the other, without the empty ones."""
    return "\n".join(line for line in lines if line)
