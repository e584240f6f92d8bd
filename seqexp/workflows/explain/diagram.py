"""A drawing of a chain of layers in text: inputs at the bottom, outputs on top, one column a step.

Of long sequences the steps are drawn at which something begins or ends; dots stand for those between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from seqexp.workflows.explain.notes import RECURRENT, inner_name, shape_text
from seqexp.workflows.explain.scope import Step, Subject

_CELL = 7  # characters from one step to the next
_LETTERS = {"LSTM": "L", "GRU": "G", "SimpleRNN": "R", "RNN": "R", "Dense": "D", "RepeatVector": "v"}


@dataclass(frozen=True)
class _Level:
    """What one layer gives: steps ``first`` to ``last`` (inclusive) of an axis of time, or a vector at ``last``."""

    label: str
    shape: tuple[int, ...]
    axis: int
    first: int
    last: int
    letter: str
    is_vector: bool = False
    arrow: str = ""  # between neighbouring steps, where a layer walks along them
    walked: tuple[int, int] | None = None  # the steps that are drawn, where more are walked than given
    empty_from: int = 0  # steps from here on are padded


def draw(subject: Subject) -> str:
    """Return the drawing, without a line end."""
    levels = _levels(subject)
    keys = _drawn_steps(levels)
    columns = _columns(levels, keys)
    width = max(len(level.label) for level in levels) + 2
    rows = [_row(level, columns, keys) for level in levels]
    edge = max(map(len, rows)) + 3
    lines = [f"{levels[0].label:<{width}}{rows[0]:<{edge}}{shape_text(levels[0].shape)}"]
    for below, level, row in zip(levels, levels[1:], rows[1:], strict=False):
        lines.append(" " * width + _joint(below, level, columns, keys))
        lines.append(f"{level.label:<{width}}{row:<{edge}}{shape_text(level.shape)}")
    lines.append(" " * width + _joint(levels[-1], levels[-1], columns, keys))
    lines.append(f"{'outputs':<{width}}{_outputs(levels[-1], columns, keys)}")
    return "\n".join(line.rstrip() for line in reversed(lines))


def _levels(subject: Subject) -> list[_Level]:
    spec = subject.spec
    start = (spec.timesteps, spec.data.n_features)
    levels = [_Level("inputs", start, 0, 1, spec.timesteps, "x")]
    for step in subject.chain:
        levels.append(_next(levels[-1], step))
    return levels


def _next(below: _Level, step: Step) -> _Level:
    name = step.part.name
    label = f"{name}({inner_name(step.part.args)})" if inner_name(step.part.args) else name
    letter = _LETTERS.get(inner_name(step.part.args) or name, "·")
    both_ways = name == "Bidirectional"
    arrow = ("◀▶" if both_ways else "─▶") if name in RECURRENT or both_ways else ""
    is_vector = len(step.after) != 2
    axis, first, last, empty = below.axis, below.first, below.last, below.empty_from
    walked = None
    if is_vector and not below.is_vector:
        walked = (first, last) if arrow else None
        first = last
    elif not is_vector:
        given = step.after[0]
        if below.is_vector:
            axis, first, last, empty = axis + 1, 1, given, 0
        elif name == "ZeroPadding1D":
            before, after = _padding(step)
            if before:  # the axis begins anew: steps before the first have no number
                axis, first, last = axis + 1, 1, given
            else:
                empty, last = last + 1, last + after
        elif name == "Lambda" and step.part.args.get("function") == "first_steps":
            last = first + given - 1
        elif given <= last - first + 1:
            first = last - given + 1
        else:
            axis, first, last, empty = axis + 1, 1, given, 0
    return _Level(label, step.after, axis, first, last, letter, is_vector, arrow, walked, empty)


def _padding(step: Step) -> tuple[int, int]:
    given = step.part.args.get("padding", 1)
    return (int(given[0]), int(given[1])) if isinstance(given, (list, tuple)) else (int(given), int(given))


def _drawn_steps(levels: Sequence[_Level]) -> dict[int, list[int]]:
    """Return, for each axis, the steps that are drawn: all where they are few."""
    found: dict[int, set[int]] = {}
    for level in levels:
        steps = found.setdefault(level.axis, set())
        steps |= {level.first, level.last}
        if not steps or level.first + 1 < level.last:
            steps.add(level.first + 1)
        if level.empty_from:
            steps |= {level.empty_from - 1, level.empty_from}
    whole = {axis: range(min(steps), max(steps) + 1) for axis, steps in found.items()}
    return {axis: list(whole[axis]) if len(whole[axis]) <= 5 else sorted(steps) for axis, steps in found.items()}


def _columns(levels: Sequence[_Level], keys: dict[int, list[int]]) -> dict[int, int]:
    """Return the column in which each axis begins: where the vector or sequence stood from which it is made."""
    start = {levels[0].axis: 0}
    for below, level in pairwise(levels):
        if level.axis not in start:
            begins = below.last if below.is_vector else below.first
            start[level.axis] = start[below.axis] + keys[below.axis].index(begins)
    return start


def _places(level: _Level, columns: dict[int, int], keys: dict[int, list[int]]) -> list[tuple[int, int]]:
    """Return step and character of all that is drawn of a level."""
    first, last = level.walked or (level.first, level.last)
    steps = [step for step in keys[level.axis] if first <= step <= last]
    return [(step, _CELL * (columns[level.axis] + keys[level.axis].index(step))) for step in steps]


def _row(level: _Level, columns: dict[int, int], keys: dict[int, list[int]]) -> str:
    places = _places(level, columns, keys)
    line = [" "] * (places[-1][1] + _CELL)
    for (step, place), (following, _) in zip(places, [*places[1:], (0, 0)], strict=False):
        is_empty = bool(level.empty_from) and step >= level.empty_from and level.label.startswith("ZeroPadding")
        _put(line, place, "0" if is_empty else level.letter)
        if following:
            is_gap = following > step + 1
            if level.arrow:
                _put(line, place + 2, ("·" if is_gap else level.arrow[0]) * 3 + level.arrow[1])
            elif is_gap:
                _put(line, place + 2, "...")
    return "".join(line).rstrip() if level.letter != "x" else _numbered("x", level, places)


def _numbered(letter: str, level: _Level, places: Sequence[tuple[int, int]]) -> str:
    line = [" "] * (places[-1][1] + _CELL)
    for (step, place), (following, _) in zip(places, [*places[1:], (0, 0)], strict=False):
        number = f"{letter}{step - level.first + 1}"
        _put(line, place, number)
        if following > step + 1:
            _put(line, place + len(number) + 1, "...")
    return "".join(line).rstrip()


def _outputs(level: _Level, columns: dict[int, int], keys: dict[int, list[int]]) -> str:
    places = _places(level, columns, keys)
    if level.walked:
        places = places[-1:]
    return _numbered("y", level, places)


def _joint(below: _Level, level: _Level, columns: dict[int, int], keys: dict[int, list[int]]) -> str:
    """Return the line between two levels: straight up, or one to many, or many to one."""
    starts = [place for step, place in _places(below, columns, keys) if below.first <= step <= below.last]
    ends = [place for _, place in _places(level, columns, keys)]
    line = [" "] * (max([*starts, *ends]) + 1)
    if level.axis != below.axis and below.is_vector and len(ends) > 1:
        _put(line, ends[0], "├" + "─" * (ends[-1] - ends[0] - 1) + "┐")
        for place in ends[1:-1]:
            _put(line, place, "┬")
    elif level.is_vector and not below.is_vector and not level.arrow and len(starts) > 1:
        _put(line, starts[0], "└" + "─" * (starts[-1] - starts[0] - 1) + "┤")
        for place in starts[1:-1]:
            _put(line, place, "┴")
    else:
        for place in sorted(set(starts) & set(ends)):
            _put(line, place, "│")
    return "".join(line)


def _put(line: list[str], place: int, mark: str) -> None:
    line.extend(" " * (place + len(mark) - len(line)))
    line[place : place + len(mark)] = mark
