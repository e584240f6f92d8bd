"""Did a run come out the same? Figures and weights of two attempts held against each other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seqexp.store.run_dir import StoredRun
from seqexp.workflows.rerunning.differences import Difference, not_held

TOLERANCE = 1e-4
Outcome = Literal["bitwise", "tolerance", "drifted", "failed"]
_SHARES = ("skill", "r2")  # their unit is 1: near 0 their own size says nothing of a difference
_OF_SERIES = re.compile(r"(val/)?series/")  # over all steps
_NO_FIGURES = {"epoch", "seconds", "time"}  # of a history


@dataclass(frozen=True)
class Change:
    """One figure of the run that was repeated, and of the one that repeats it; None where there is none.

    Attributes:
        name: ``val/mae``, ``step/mae of step 3``, ``val/loss of epoch 2``.
        relative: Their difference in units of the larger; infinite where one of the two is not there.
    """

    name: str
    before: float | None
    after: float | None

    @property
    def relative(self) -> float:
        """Their difference in units of the larger; of shares, whose unit is 1, in units of that at least."""
        if self.before is None or self.after is None or not math.isfinite(self.before - self.after):
            return math.inf
        size = max(abs(self.before), abs(self.after), 1.0 if self.name.split(" ")[0].endswith(_SHARES) else 0.0)
        return abs(self.before - self.after) / size if size else 0.0


@dataclass(frozen=True)
class Verdict:
    """What came of repeating a run.

    Attributes:
        outcome: ``bitwise``: the weights and every figure are equal to the last bit. ``tolerance``: no figure differs
            by more than the tolerance. ``drifted``: one does. ``failed``: the repetition came to no result.
        figures: How many were held against each other.
        changes: Those that differ, the largest difference first.
        differences: What else differs.
        notes: What a reader has to know besides.
        reason: Why it failed.
    """

    outcome: Outcome
    figures: int = 0
    changes: tuple[Change, ...] = ()
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_reproduced(self) -> bool:
        """Whether the run came out the same."""
        return self.outcome in ("bitwise", "tolerance")

    @property
    def causes(self) -> list[Difference]:
        """What may be why figures differ."""
        return [found for found in self.differences if found.can_matter]

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        if self.outcome == "failed":
            return f"failed: {self.reason}"
        if self.outcome == "bitwise":
            return f"reproduced bitwise: the weights and all {self.figures:,} figures are equal to the last bit"
        if self.outcome == "tolerance":
            return f"reproduced within tolerance: {self._largest}"
        if self.causes:
            return f"drifted because {'; '.join(cause.text for cause in self.causes)}: {self._largest}"
        return f"drifted, and nothing that the record holds has changed: {self._largest}"

    @property
    def _largest(self) -> str:
        if not self.changes:
            return f"all {self.figures:,} figures are equal to the last bit"
        change = self.changes[0]
        if math.isinf(change.relative):
            return f"{change.name} was {_shown(change.before)} and is {_shown(change.after)}"
        return (
            f"{change.name} differs most, by {change.relative:.2g} relative "
            f"({_shown(change.before)} -> {_shown(change.after)})"
        )

    def as_values(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        largest = self.changes[0] if self.changes else None
        return {
            "verdict": self.outcome,
            "text": self.text,
            "figures": self.figures,
            "largest": _values(largest) if largest else None,
            "changes": [_values(change) for change in self.changes if " of " not in change.name],
            "differs": [asdict(found) for found in self.differences],
            "notes": list(self.notes),
        }


def judge(
    before: StoredRun,
    after: StoredRun,
    differences: Sequence[Difference],
    *,
    tolerance: float = TOLERANCE,
    notes: Sequence[str] = (),
) -> Verdict:
    """Hold the run that repeats against the one that it repeats.

    Raises:
        StoreError: Figures of one of them cannot be read.
    """
    absent = not_held(before)
    told = (*notes, *([f"the record does not hold {', '.join(absent)}"] if absent else []))
    if after.record.status != "FINISHED":
        reason = f"{after.record.error.get('reason', '')}: {after.record.error.get('message', '')}"
        return Verdict("failed", differences=tuple(differences), notes=told, reason=reason)
    old, new = dict(_figures(before)), dict(_figures(after))
    pairs = [Change(name, value, new.get(name)) for name, value in old.items()]  # figures that are new are no drift
    changes = sorted((pair for pair in pairs if pair.before != pair.after), key=lambda pair: -pair.relative)
    weights = [run.record.fit.get("final_hash") for run in (before, after)]
    outcome: Outcome = "drifted"
    if not changes and weights[0] is not None and weights[0] == weights[1]:
        outcome = "bitwise"
    elif not changes or changes[0].relative <= tolerance:
        outcome = "tolerance"
        if weights[0] is not None:
            told += ("the weights differ" if weights[0] != weights[1] else "the weights are equal to the last bit",)
    return Verdict(outcome, len(pairs), tuple(changes), tuple(differences), told)


def _figures(run: StoredRun) -> Iterator[tuple[str, float | None]]:
    yield from run.record.metrics.items()
    yield from run.record.baselines.items()
    for name, values in run.steps.items():
        for step, value in enumerate(values, start=1):
            yield name if _OF_SERIES.match(name) else f"{name} of step {step}", value
    for row in run.history:
        for name, value in row.items():
            if name not in _NO_FIGURES and math.isfinite(value):
                yield f"{name} of epoch {row['epoch']:.0f}", value


def _shown(value: float | None) -> str:
    return "not there" if value is None else f"{value:.6g}"


def _values(change: Change) -> dict[str, Any]:
    relative = change.relative if math.isfinite(change.relative) else None
    return {**asdict(change), "relative": relative}
