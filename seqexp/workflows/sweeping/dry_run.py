"""What a sweep would do, without doing it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from statistics import median

from seqexp.store.find_runs import list_runs
from seqexp.workflows.project import Project
from seqexp.workflows.sweeping.earlier import SweepOptions, find_earlier
from seqexp.workflows.sweeping.plan import Plan
from seqexp.workflows.sweeping.points import Point


@dataclass(frozen=True)
class Outlook:
    """What a sweep would do.

    Attributes:
        done: Points that were run before.
        failed: Points that failed before, and are run again only with ``--retry-failed``.
        to_do: Points that would be run.
        programs: Compiled programs that these need.
        seconds: About how long it would take, judged by earlier runs; None where there are none like it.
    """

    plan: Plan
    done: tuple[Point, ...]
    failed: tuple[Point, ...]
    to_do: tuple[Point, ...]
    programs: int
    seconds: float | None

    def as_values(self) -> dict[str, object]:
        """Return what ``--json`` prints: every point by its label, and in ``runs`` with its key and state."""
        states = {"done": self.done, "failed": self.failed, "to_do": self.to_do}
        state_of = {point.run_key: state for state, points in states.items() for point in points}
        return {
            "status": "PLANNED",
            "name": self.plan.name,
            "sweep_key": self.plan.key,
            **{state: [point.label for point in points] for state, points in states.items()},
            "runs": [
                {
                    "run_key": point.run_key,
                    "title": point.title,
                    "point": point.label,
                    "state": state_of[point.run_key],
                }
                for point in self.plan.points
            ],
            "skipped": [{"point": point.label, "reason": point.reason} for point in self.plan.left_out],
            "search": self.plan.search.as_values() if self.plan.search else None,
            "programs": self.programs,
            "seconds": self.seconds,
        }


def look_ahead(project: Project, plan: Plan, options: SweepOptions) -> Outlook:
    """Hold a plan against what is there already; what a search would choose is not known before."""
    done: list[Point] = []
    failed: list[Point] = []
    to_do: list[Point] = []
    for point in plan.points:
        earlier = find_earlier(project.runs, point, options)
        if earlier is None:
            to_do.append(point)
        elif earlier.record.status == "FINISHED":
            done.append(point)
        else:
            failed.append(point)
    programs = len({point.program_key for point in to_do})
    return Outlook(plan, tuple(done), tuple(failed), tuple(to_do), programs, _seconds(project, plan, to_do))


def _seconds(project: Project, plan: Plan, to_do: list[Point]) -> float | None:
    by_topology: dict[str, list[float]] = {}
    for run in list_runs(project.runs):
        fit, timings = run.record.fit, run.record.timings
        if fit.get("epochs") and "fit" in timings:
            kind = run.record.title.split()[0]
            by_topology.setdefault(kind, []).append(timings["fit"] / fit["epochs"])
    if not by_topology:
        return None
    usual = median(seconds for found in by_topology.values() for seconds in found)
    total = 0.0
    for point in to_do:
        found = by_topology.get(point.spec.topology.name, [usual])
        total += median(found) * point.spec.training.epochs
    execution = plan.execution
    workers = 1 if execution.executor == "inline" else execution.workers or os.cpu_count() or 1
    return round(total / min(workers, max(len(to_do), 1)), 1)
