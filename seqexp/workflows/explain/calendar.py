"""The part of a script that makes columns of stamps; those of seqexp/data/calendar.py, written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqexp.workflows.explain.code import comment, stacked, text

# What counts from 0, and how many of it go round.
_TURNS = {
    "minute": ("stamps.minute", 60),
    "hour": ("stamps.hour + stamps.minute / 60", 24),
    "dayofweek": ("stamps.day_of_week", 7),
    "dayofmonth": ("stamps.day - 1", 31),
    "dayofyear": ("stamps.day_of_year - 1", 366),
    "weekofyear": ('stamps.isocalendar().week.to_numpy("float64") - 1', 53),
    "month": ("stamps.month - 1", 12),
    "quarter": ("stamps.quarter - 1", 4),
}


def calendar_block(words: Sequence[str]) -> str:
    """Return the code that adds the columns of calendar words to ``series``."""
    return stacked(list(_lines(words)))


def _lines(words: Sequence[str]) -> Iterator[str]:
    yield comment(
        "Of the calendar, known ahead whatever the series does. What goes round becomes a sine and a cosine, so that "
        "its end lies beside its beginning."
    )
    yield "stamps = series.index"
    for word in words:
        if word == "weekend":
            yield 'series["weekend"] = np.where(stamps.day_of_week >= 5, 1.0, 0.0)'
        else:
            counted, turn = _TURNS[word]
            bracketed = f"({counted})" if " " in counted else counted
            yield f"angle = 2 * np.pi * {bracketed} / {turn}"
            yield f"series[{text(word + '_sin')}], series[{text(word + '_cos')}] = np.sin(angle), np.cos(angle)"
