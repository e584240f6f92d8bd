"""How a topology ties together input length, output length and where the targets lie.

T is ``timesteps``, N is ``output_length``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seqexp.spec.base import Frozen

Alignment = Literal["future", "next", "same"]


class Contract(Frozen):
    """The lengths that a topology can take.

    Attributes:
        timesteps: ``any``, or the one T that it reads.
        output_length: ``any``, the one N that it gives, ``timesteps`` (N = T) or ``<= timesteps`` (N <= T).
        alignment: Where the N targets lie. ``future``: the N steps after the input. ``next``: each of the last N
            input steps is answered with the step after it. ``same``: the last N input steps themselves, labelled.
    """

    timesteps: Literal["any"] | Annotated[int, Field(ge=1)] = "any"
    output_length: Literal["any", "timesteps", "<= timesteps"] | Annotated[int, Field(ge=1)] = "any"
    alignment: Alignment = "future"

    def fixed_lengths(self, timesteps: int) -> dict[str, int]:
        """Return the lengths that leave no choice, given the T that would be used otherwise."""
        fixed = {}
        if isinstance(self.timesteps, int):
            fixed["timesteps"] = timesteps = self.timesteps
        if isinstance(self.output_length, int):
            fixed["output_length"] = self.output_length
        elif self.output_length == "timesteps":
            fixed["output_length"] = timesteps
        return fixed

    def broken_by(self, timesteps: int, output_length: int) -> str:
        """Return why the two lengths do not fit, or an empty text."""
        if isinstance(self.timesteps, int) and timesteps != self.timesteps:
            return f"it reads {self.timesteps} step(s), not timesteps={timesteps}"
        if isinstance(self.output_length, int) and output_length != self.output_length:
            return f"it gives {self.output_length} step(s), not output_length={output_length}"
        given = f"output_length={output_length}"
        if self.output_length == "timesteps" and output_length != timesteps:
            return f"it gives one output for every input step, so {given} must equal timesteps={timesteps}"
        if self.output_length == "<= timesteps" and output_length > timesteps:
            return f"it keeps the last outputs of its input, so {given} must be at most timesteps={timesteps}"
        if self.alignment != "future" and output_length > timesteps:
            return f"with alignment {self.alignment}, {given} must be at most timesteps={timesteps}"
        return ""


def target_offset(alignment: Alignment, timesteps: int, output_length: int, lead: int = 0) -> int:
    """Return how many steps after the first input step the first target lies.

    ``lead`` is the number of steps between the input and the first target, 0 but with alignment ``future``.

    >>> [target_offset(a, timesteps=5, output_length=2) for a in ("future", "next", "same")]
    [5, 4, 3]
    """
    return {
        "future": timesteps + lead,
        "next": timesteps - output_length + 1,
        "same": timesteps - output_length,
    }[alignment]
