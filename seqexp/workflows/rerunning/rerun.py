"""Repeat a recorded run, and say whether it came out the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.rerunning.differences import find_differences
from seqexp.workflows.rerunning.fetch_original import fetch_original, origin_of
from seqexp.workflows.rerunning.find_original import find_original
from seqexp.workflows.rerunning.options import RerunOptions
from seqexp.workflows.rerunning.recorded_data import Chosen, choose_data
from seqexp.workflows.rerunning.respecify import recorded_spec, respecify
from seqexp.workflows.rerunning.verdict import Verdict, judge
from seqexp.workflows.running.again import REFIT_OF, Again
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import RunOutcome, request_run


@dataclass(frozen=True)
class Rerun:
    """A run, its repetition, and whether they are the same."""

    before: StoredRun
    outcome: RunOutcome
    verdict: Verdict

    def as_values(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        after = self.outcome.stored.record
        values = {"status": after.status, "rerun_of": after.rerun_of, **self.verdict.as_values()}
        return {**values, "run": self.outcome.as_values()}


def rerun(
    project: Project,
    word: str,
    overrides: Sequence[str] = (),
    options: RerunOptions | None = None,
    *,
    reporter: Reporter | None = None,
    on_killed: Callable[[RunOutcome], None] | None = None,
) -> Rerun:
    """Run again what is recorded, as a new attempt, and hold it against the record.

    Args:
        project: Where the new attempt is recorded.
        word: The run: its key or the beginning of it, its directory, or its MLflow run id; of one that MLflow alone
            shows, its key or MLflow run id.
        overrides: What is to be another; then it is a run of another key.
        options: How it is repeated.
        reporter: Hears of every epoch.
        on_killed: Told of the record of a run that is interrupted, before the interruption goes on.

    Raises:
        SeqexpError: There is no such run, or it cannot be repeated; nothing is recorded.
    """
    options = options or RerunOptions()
    store = options.from_mlflow
    before = find_original(project, word) if store is None else fetch_original(project, word, store)
    composed = respecify(project, before, overrides)
    recorded = recorded_spec(before)
    with composed.explained():
        chosen = choose_data(
            before, recorded, composed.spec, options.data, copies=None if store is None else project.runs
        )
    again = Again(origin_of(before), chosen.kept)
    if recorded.what_affects_the_result() == composed.spec.what_affects_the_result():
        again = replace(again, refit_of=before.record.fit.get(REFIT_OF, ""), radius=before.record.data.get("radius"))
    outcome = request_run(project, composed, force=True, again=again, reporter=reporter, on_killed=on_killed)
    return judged(before, outcome, chosen, options.tolerance)


def judged(before: StoredRun, outcome: RunOutcome, chosen: Chosen, tolerance: float) -> Rerun:
    """Hold a repetition against what it repeats.

    Raises:
        StoreError: Figures of one of them cannot be read.
    """
    found = find_differences(before, outcome.stored, chosen.change)
    return Rerun(before, outcome, judge(before, outcome.stored, found, tolerance=tolerance, notes=chosen.notes))
