"""Repeat every finished run of a sweep, and say of each whether it came out the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from seqexp.compose.composer import Composed
from seqexp.compose.groups import GROUPS
from seqexp.compose.origin import Origin, Setting
from seqexp.data.dataset import prepare_dataset
from seqexp.errors import ConfigError, Problem
from seqexp.fingerprint import hash_values, short_key
from seqexp.spec.execution import ExecutionSpec
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.identity import program_key_of, run_key_of
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import check_environment
from seqexp.workflows.rerunning.find_original import find_originals
from seqexp.workflows.rerunning.options import RerunOptions
from seqexp.workflows.rerunning.recorded_data import Chosen, DataChoice, choose_data
from seqexp.workflows.rerunning.rerun import Rerun, judged
from seqexp.workflows.rerunning.respecify import recorded_spec
from seqexp.workflows.rerunning.verdict import Outcome
from seqexp.workflows.running.again import Again
from seqexp.workflows.running.keep import tracking_of
from seqexp.workflows.running.kept_data import plan_snapshot
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.plan import Plan
from seqexp.workflows.sweeping.points import Point
from seqexp.workflows.sweeping.sweep import SweepResult, run_sweep

_WORDS: dict[Outcome, str] = {
    "bitwise": "bitwise",
    "tolerance": "within tolerance",
    "drifted": "drifted",
    "failed": "failed",
}


@dataclass(frozen=True)
class RerunPlan(Plan):
    """A sweep that repeats the runs of another. Its key is its own: the plan of the other stays as it was frozen."""

    rerun_of: str = ""

    @property
    def key(self) -> str:
        """The fingerprint of the sweep that is repeated, and that this repeats it."""
        return short_key(["rerun", self.rerun_of])

    def as_values(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {**super().as_values(), "rerun_of": self.rerun_of}


@dataclass(frozen=True)
class _Source:
    """The data of one point: what is read, what it is called, how many rows it has."""

    chosen: Chosen
    fingerprint: str
    rows: int
    snapshot: dict[str, str]


@dataclass
class RerunSweepResult:
    """What came of repeating a sweep.

    Attributes:
        name: The sweep's.
        key: The key of the sweep that was repeated.
        reruns: One for each of its runs that finished and was repeated so far.
        left_out: How many of its runs have no sound result: they did not finish, or are damaged.
        sweep: What came of the runs, as of those of any sweep.
    """

    name: str = ""
    key: str = ""
    reruns: list[Rerun] = field(default_factory=list)
    left_out: int = 0
    sweep: SweepResult = field(default_factory=SweepResult)

    @property
    def is_reproduced(self) -> bool:
        """Whether every run came out the same."""
        return all(done.verdict.is_reproduced for done in self.reruns)

    @property
    def total(self) -> str:
        """How many came out how: ``20 of 20 bitwise``."""
        counts = Counter(done.verdict.outcome for done in self.reruns)
        total = len(self.reruns)
        told = [f"{counts[outcome]} of {total} {word}" for outcome, word in _WORDS.items() if counts[outcome]]
        left_out = f"; {self.left_out} left out, without a sound result" if self.left_out else ""
        return ", ".join(told) + left_out

    def as_values(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "status": "FINISHED" if self.is_reproduced else "FAILED",
            "name": self.name,
            "rerun_of": self.key,
            "total": self.total,
            "left_out": self.left_out,
            "mlflow_warning": "\n".join(self.sweep.warnings) or None,
            "reruns": [done.as_values() for done in self.reruns],
        }


def rerun_sweep(
    project: Project,
    word: str,
    overrides: Sequence[str] = (),
    options: RerunOptions | None = None,
    *,
    reporter: Reporter | None = None,
    result: RerunSweepResult | None = None,
) -> RerunSweepResult:
    """Run every finished run of a sweep again, where the sweep was executed or as overrides say.

    Args:
        project: Where the sweep is recorded.
        word: The sweep.
        overrides: Keys of ``execution``.
        options: How they are repeated.
        reporter: Hears of every epoch.
        result: Filled and returned; for who wants to see what there is when it is interrupted.

    Raises:
        SeqexpError: There is no such sweep, or a run of it cannot be repeated; nothing is recorded.
    """
    options = options or RerunOptions()
    project.load_code()
    plan, originals = find_originals(project, word)
    execution = _execution(project, originals[0], overrides)
    result = result or RerunSweepResult()
    result.name, result.key = plan["name"], plan["key"]
    result.left_out = len(plan["points"]) - len(originals)
    sources: dict[str, _Source] = {}
    chosen: dict[str, tuple[StoredRun, Chosen]] = {}
    points = []
    for before in originals:
        check_environment(tracking_of(before))
        point, source = _point(before, options.data, sources)
        points.append(point)
        chosen[before.path.name] = before, source.chosen
    question = f"Do the runs of the sweep {plan['name']} {plan['key']} come out the same?"
    again = RerunPlan(plan["name"], question, execution, points, rerun_of=plan["key"])
    try:
        run_sweep(project, again, SweepOptions(force=True), reporter=reporter, result=result.sweep)
    finally:
        ended = [outcome for outcome in result.sweep.outcomes if outcome.stored.record.status != "KILLED"]
        for outcome in ended:
            before, used = chosen[outcome.stored.record.rerun_of]
            result.reruns.append(judged(before, outcome, used, options.tolerance))
    return result


def _execution(project: Project, first: StoredRun, overrides: Sequence[str]) -> ExecutionSpec:
    """Return how the runs are executed: as that of the sweep's first run says, with overrides on top.

    But for the time limit: here and now a run may take longer, and that changes nothing in what comes out.
    """
    request = project.request_one(overrides)
    others = [setting for setting in request if setting.key.partition(".")[0] != "execution"]
    if others:
        message = "the runs of a sweep are repeated as they were recorded."
        mend = "Name one of the runs, without --sweep."
        raise ConfigError([Problem(message, setting.key, mend, str(setting.origin)) for setting in others])
    recorded = recorded_spec(first).as_tree()["execution"] | {"timeout": None}
    if any(setting.key in GROUPS for setting in request):
        recorded = {}
    below = [Setting(f"execution.{key}", value, Origin("record", first.path.name)) for key, value in recorded.items()]
    return project.execution([*below, *request])


def _point(before: StoredRun, data: DataChoice, sources: dict[str, _Source]) -> tuple[Point, _Source]:
    spec = recorded_spec(before)
    tree = spec.as_tree()
    needs = {key: tree[key] for key in ("data", "timesteps", "output_length", "evaluation", "training")}
    needs |= {"contract": tree["topology"]["contract"], "known_ahead": spec.known_ahead}
    identity = hash_values([needs, before.record.data.get("fingerprint"), str(before.path.parent.parent)])
    if identity not in sources:  # most runs of a sweep read the same
        chosen = choose_data(before, spec, spec, data)
        dataset = prepare_dataset(spec, series=Again(kept=chosen.kept).read(spec))
        series = dataset.series
        sources[identity] = _Source(chosen, series.fingerprint, len(series), plan_snapshot(spec, dataset))
    source = sources[identity]
    point = Point(
        label=before.path.name,
        composed=Composed(spec, {}),
        run_key=run_key_of(spec, source.fingerprint),
        program_key=program_key_of(spec, source.rows),
        fingerprint=source.fingerprint,
        snapshot=source.snapshot,
        again=Again(before.path.name, source.chosen.kept),
    )
    return point, source
