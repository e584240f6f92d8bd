"""What sweep --dry-run prints: what would be run, and of many points the first and the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seqexp.cli.reports import print_left_out
from seqexp.cli.screen import make_table, results
from seqexp.workflows.identity import title_of

if TYPE_CHECKING:
    from seqexp.workflows.sweeping.dry_run import Outlook
    from seqexp.workflows.sweeping.points import Point
    from seqexp.workflows.sweeping.search import SearchPlan

_MOST = 12  # points of one state that are shown, all of them
_FIRST, _LAST = 6, 3  # of more


def print_outlook(outlook: Outlook) -> None:
    """Print what a sweep would do."""
    console = results()
    if outlook.plan.search:
        _print_search(outlook.plan.search)
        return
    states = [("to do", outlook.to_do), ("done", outlook.done), ("failed", outlook.failed)]
    rows = [row for state, points in states for row in _rows(state, points)]
    console.print(make_table(("", "run", "experiment", "point"), rows, whole=2))
    console.print()
    if any(len(points) > _MOST for _, points in states):
        console.print("--json names every point.\n")
    print_left_out(outlook.plan.left_out)
    words = [f"{len(outlook.to_do)} to do", f"{len(outlook.done)} done", f"{len(outlook.plan.left_out)} left out"]
    if outlook.failed:
        words.insert(2, f"{len(outlook.failed)} failed before (--retry-failed runs them again)")
    programs = f"{outlook.programs} program{'' if outlook.programs == 1 else 's'} to compile"
    about = "" if outlook.seconds is None else f"; about {outlook.seconds:,.0f} s of training, judged by earlier runs"
    console.print(f"{', '.join(words)}; {programs}{about}.")


def _rows(state: str, points: Sequence[Point]) -> Iterator[tuple[str, str, str, str]]:
    whole = len(points) <= _MOST
    for place, point in enumerate(points):
        if whole or place < _FIRST or place >= len(points) - _LAST:
            yield state, point.run_key, title_of(point.spec), point.label
        elif place == _FIRST:
            yield state, "...", f"and {len(points) - _FIRST - _LAST:,} more", "..."


def _print_search(search: SearchPlan) -> None:
    """Print what a search would choose from."""
    console, execution = results(), search.execution
    axes = search.as_values()["axes"]
    rows = [(key, ", ".join(map(str, axis)) if isinstance(axis, list) else axis) for key, axis in axes.items()]
    console.print(make_table(("chosen by Optuna", "from"), rows, whole=1))
    console.print()
    seeds = f" of {search.repeats} seeds each" if search.repeats > 1 else ""
    how = f"sampler {execution.sampler}, seed {execution.search_seed}, pruning {execution.pruning}"
    console.print(
        f"Up to {execution.trials} trials{seeds}, the lowest {search.example.spec.evaluation.select} sought; {how}."
    )
