"""The part of a script that makes columns of stamps; those of seqexp/data/calendar.py, written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqexp.workflows.explain.code import call, comment, stacked, statement, text

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


def calendar_block(words: Sequence[str], zone: str | None) -> str:
    """Return the code that adds the columns of calendar words to ``series``, whose stamps lie in a zone or in none."""
    return stacked(list(_lines(words, zone)))


def _lines(words: Sequence[str], zone: str | None) -> Iterator[str]:
    yield comment(
        "Of the calendar, known ahead whatever the series does. What goes round becomes a sine and a cosine, so that "
        "its end lies beside its beginning."
    )
    yield "stamps = series.index"
    for word in words:
        if word.startswith("holiday"):
            yield from _holiday_lines(word, zone)
        elif word == "weekend":
            yield 'series["weekend"] = np.where(stamps.day_of_week >= 5, 1.0, 0.0)'
        else:
            counted, turn = _TURNS[word]
            bracketed = f"({counted})" if " " in counted else counted
            yield f"angle = 2 * np.pi * {bracketed} / {turn}"
            yield f"series[{text(word + '_sin')}], series[{text(word + '_cos')}] = np.sin(angle), np.cos(angle)"


def _holiday_lines(word: str, zone: str | None) -> Iterator[str]:
    country, _, region = word.partition(":")[2].partition("-")
    named = {"subdiv": text(region)} if region else {}
    years = "range(stamps.min().year, stamps.max().year + 1)"
    yield statement("free = ", call("holidays.country_holidays", text(country), **named, years=years))
    days = "stamps.tz_localize(None).normalize()" if zone else "stamps.normalize()"
    column = text(word.replace(":", "_"))
    yield f"series[{column}] = np.where({days}.isin(pd.to_datetime(list(free))), 1.0, 0.0)"
