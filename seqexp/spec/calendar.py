"""The words for what a calendar tells of a stamp, and the columns that they become.

What goes round (the hour, the month) becomes a sine and a cosine, so that 23 o'clock lies beside midnight; what is so
or not so (a weekend, a holiday) becomes 1 or 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seqexp.errors import Problem, suggest

CYCLES = ("minute", "hour", "dayofweek", "dayofmonth", "dayofyear", "weekofyear", "month", "quarter")
FLAGS = ("weekend",)
_HOLIDAY = re.compile(r"holiday:[A-Z]{2}(-[A-Za-z0-9]+)?")


def calendar_columns(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns that calendar words become.

    >>> calendar_columns(["hour", "weekend", "holiday:DE"])
    ('hour_sin', 'hour_cos', 'weekend', 'holiday_DE')
    """
    names: list[str] = []
    for word in words:
        names += [f"{word}_sin", f"{word}_cos"] if word in CYCLES else [word.replace(":", "_")]
    return tuple(names)


def problems_of_calendar(words: Sequence[str]) -> list[Problem]:
    """Return what is wrong with a list of calendar words."""
    problems = []
    for word in words:
        if word in CYCLES or word in FLAGS or _HOLIDAY.fullmatch(word):
            continue
        if word.startswith("holiday"):
            mend = "Write the country's two letters, and a region where there is one: holiday:DE, holiday:DE-BY."
        else:
            mend = suggest(word, [*CYCLES, *FLAGS, "holiday:DE"])
        problems.append(Problem(f"a calendar has no {word!r}.", "calendar", mend))
    if len(set(words)) < len(words):
        problems.append(Problem("a word stands twice.", "calendar"))
    return problems
