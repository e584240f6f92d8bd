"""The language of ``--where``: conditions on what a run was told and how it did, joined by ``and``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from seqexp.errors import ConfigError

ABSENT = object()  # in place of the value of a key that a run does not have
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_WORD = r"\"[^\"]*\"|'[^']*'|[^\s=!<>\"']+"
_CONDITION = re.compile(rf"\s*(?P<key>{_WORD})\s*(?P<operator>!=|<=|>=|=|<|>)\s*(?P<value>{_WORD})\s*")
_AND = re.compile(r"and\b", re.IGNORECASE)
_FORM = "Write key, operator (= != < <= > >=) and value, joined by and: 'topology=encoder_decoder and timesteps>=14'."


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        key: What it is about.
        operator: One of ``= != < <= > >=``.
        value: What the key is held against, as it was written.
    """

    key: str
    operator: str
    value: str

    @property
    def orders(self) -> bool:
        """Whether it asks for less or more, which only numbers are."""
        return self.operator not in ("=", "!=")

    def holds(self, value: object) -> bool:
        """Return whether a value meets it: numbers by what they count, others by how YAML writes them.

        What is no number is never less or more; a key that a run does not have differs from every value.

        >>> at_least = Condition("timesteps", ">=", "14")
        >>> at_least.holds(14), at_least.holds(7), at_least.holds("14 days"), at_least.holds(ABSENT)
        (True, False, False, False)
        >>> Condition("optimizer.learning_rate", "=", "1e-3").holds(0.001)
        True
        >>> Condition("training.shuffle", "=", "true").holds(True), Condition("data.path", "!=", "null").holds(None)
        (True, False)
        """
        wanted = number_in(self.value)
        if wanted is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
            return _OPERATORS[self.operator](value, wanted)
        if self.orders:
            return False
        same = value is not ABSENT and as_written(value) == self.value
        return same if self.operator == "=" else not same

    def __str__(self) -> str:
        return f"{self.key}{self.operator}{self.value}"


def parse_where(text: str) -> tuple[Condition, ...]:
    """Read conditions; a key or value with blanks stands in quotes.

    >>> [str(found) for found in parse_where("topology=encoder_decoder and timesteps >= 14 and data='my table'")]
    ['topology=encoder_decoder', 'timesteps>=14', 'data=my table']
    >>> parse_where("timesteps==14")
    Traceback (most recent call last):
    seqexp.errors.ConfigError: --where: 'timesteps==14' cannot be read: a condition is expected at 'timesteps==14'.
      Write key, operator (= != < <= > >=) and value, joined by and: 'topology=encoder_decoder and timesteps>=14'.

    Raises:
        ConfigError: It cannot be read, or asks whether something is less or more than what is no number.
    """
    found, rest = [], text
    while True:
        match = _CONDITION.match(rest)
        if match is None:
            raise _unreadable(text, "a condition", rest)
        condition = Condition(*(_bare(match[name]) for name in ("key", "operator", "value")))
        if condition.orders and number_in(condition.value) is None:
            message = f"{condition} compares numbers, and {condition.value!r} is none."
            raise ConfigError(message, key="--where", mend="Give a number, or use = or !=.")
        found.append(condition)
        rest = rest[match.end() :]
        if not rest:
            return tuple(found)
        joined = _AND.match(rest)
        if joined is None:
            raise _unreadable(text, "and", rest)
        rest = rest[joined.end() :]


def number_in(text: str) -> float | None:
    """Return the number that a text is, or None.

    >>> number_in("1e-3"), number_in("14"), number_in("nan"), number_in("week")
    (0.001, 14.0, None, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def as_written(value: object) -> str:
    """Return a value as YAML writes it.

    >>> as_written(True), as_written(None), as_written("lstm"), as_written(0.5)
    ('true', 'null', 'lstm', '0.5')
    """
    return {"True": "true", "False": "false", "None": "null"}.get(str(value), str(value))


def _bare(word: str) -> str:
    return word[1:-1] if word[0] in "\"'" else word


def _unreadable(text: str, expected: str, rest: str) -> ConfigError:
    place = f"at {rest.strip()!r}" if rest.strip() else "at its end"
    return ConfigError(f"{text!r} cannot be read: {expected} is expected {place}.", key="--where", mend=_FORM)
