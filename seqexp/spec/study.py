"""A study: a question, what is held fixed, and what is swept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, Strict

from seqexp.spec.base import Frozen

Grid = dict[str, Any]


class StudySpec(Frozen):
    """One file of ``experiments/``.

    ``set`` holds overrides; ``sweep`` one grid (the product of its axes) or a list of grids. The rest is for people:
    the question, the command that answers it, what was expected and what came out.
    """

    question: str
    command: str | None = None
    set: Grid = Field(default_factory=dict)
    sweep: Grid | Annotated[list[Grid], Strict(False)] = Field(default_factory=dict)
    expected: str | None = None
    measured: str | None = None

    @property
    def grids(self) -> list[Grid]:
        """The grids, one or many; a study without a sweep is one run."""
        return [self.sweep] if isinstance(self.sweep, dict) else list(self.sweep) or [{}]
