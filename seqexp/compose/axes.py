"""What a sweep varies: lists of values, and intervals that a search draws from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Interval:
    """Everything from ``low`` to ``high``, both ends included.

    Attributes:
        low: A whole number, where ``high`` is one too and only whole numbers are meant.
        high: Larger than ``low``.
        log: Whether the logarithm is spread evenly; then ``low`` is positive.
    """

    low: float
    high: float
    log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.low}..{self.high}"


Axis = list[Any] | Interval
Axes = dict[str, Axis]
