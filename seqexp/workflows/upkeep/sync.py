"""Show in MLflow what is recorded and not shown yet: a server was away, or a store was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import StoreAway, StoreError
from seqexp.spec.settings import TrackingSpec
from seqexp.store.find_runs import find_finished, find_last, list_runs
from seqexp.store.local_store import may_hold
from seqexp.store.run_dir import StoredRun, note_published, published_as
from seqexp.store.sweep_dir import is_owned, list_sweeps, read_plan
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import tracking_uri
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.views import PARENT
from seqexp.workflows.running.keep import is_asked_for, keep_wanted, tracking_of
from seqexp.workflows.running.requests import RunOutcome
from seqexp.workflows.sweeping.publish_sweep import FrozenPlan, SweepPublisher, log_best_models, sweep_tag


@dataclass(frozen=True)
class Sent:
    """Something that is shown now and was not before."""

    title: str
    uri: str


def sync(project: Project) -> Iterator[Sent]:
    """Show every run and every sweep that its store does not show yet; what it shows is left alone.

    Runs nest under the first sweep that planned them. What was recorded with ``tracking.mlflow: false`` stays unshown.

    Raises:
        StoreAway: A store did not take what it misses; the others were sent theirs first.
        StoreError: A sweep cannot be read.
    """
    publishers: dict[str, Publisher] = {}
    away: dict[str, StoreError] = {}  # stores that cannot be reached: each is tried once
    under_way: set[str] = set()  # runs of sweeps that a process is at: it shows them itself
    for folder in list_sweeps(project.sweeps):
        plan = read_plan(folder)
        if is_owned(folder):
            under_way.update(point["run_key"] for point in plan["points"])
        else:
            yield from _sync_sweep(project, folder, plan, publishers, away)
    for run in list_runs(project.runs):
        tracking = tracking_of(run)
        publisher = _publisher(project, tracking, publishers)
        wanted = tracking.mlflow and run.record.run_key not in under_way and publisher.uri not in away
        if wanted and not _is_shown(run.path, publisher.uri):
            takes_out = not is_asked_for(run)
            with_forecasts = tracking.keep.forecasts != "none" or not takes_out
            with _noted(away, publisher.uri):
                publisher.publish(run, with_model=tracking.log_model in (None, "all"), with_forecasts=with_forecasts)
                if takes_out:
                    keep_wanted(run, tracking.keep, is_best=True)
                yield Sent(run.record.title, publisher.uri)
    if away:
        raise StoreAway(problem for error in away.values() for problem in error.problems)


@contextmanager
def _noted(away: dict[str, StoreError], uri: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        away[uri] = error


def _sync_sweep(
    project: Project,
    folder: Path,
    plan: FrozenPlan,
    publishers: dict[str, Publisher],
    away: dict[str, StoreError],
) -> Iterator[Sent]:
    runs = list(_runs_of(project, plan))
    tracked = [(run, tracking) for run in runs if (tracking := tracking_of(run)).mlflow]
    if not tracked:
        return
    publisher = _publisher(project, tracked[0][1], publishers)
    is_whole = _is_shown(folder, publisher.uri) and all(_is_shown(run.path, publisher.uri) for run, _ in tracked)
    if publisher.uri not in away and not is_whole:
        with _noted(away, publisher.uri):
            yield from _send_sweep(folder, plan, publisher, tracked, len(runs))


def _send_sweep(
    folder: Path, plan: FrozenPlan, publisher: Publisher, tracked: Sequence[tuple[StoredRun, TrackingSpec]], n_runs: int
) -> Iterator[Sent]:
    sweep = SweepPublisher(plan, publisher)
    outcomes = []
    for run, tracking in tracked:
        was_shown = _is_shown(run.path, publisher.uri)
        tags = {**sweep_tag(plan), PARENT: sweep.open()}
        run_id = publisher.publish(run, with_model=tracking.log_model == "all", tags=tags)
        outcomes.append(RunOutcome(run, was_shown, run_id))
        if not was_shown:
            yield Sent(run.record.title, publisher.uri)
    status = _status(plan, outcomes, n_runs)
    if status != "KILLED":
        wanting = [run for run, tracking in tracked if tracking.log_model in (None, "best")]
        log_best_models(publisher, wanting, plan["select"])
    sweep.close(outcomes, status, plan["select"])
    note_published(folder, publisher.uri, sweep.open())
    yield Sent(f"sweep {plan['name']} {plan['key']}", publisher.uri)


def _status(plan: FrozenPlan, outcomes: Sequence[RunOutcome], n_runs: int) -> str:
    if any(outcome.has_failed and outcome.stored.record.status == "FAILED" for outcome in outcomes):
        return "FAILED"
    wanted = plan["search"]["trials"] * len(plan["search"]["repeated"]) if plan["search"] else len(plan["points"])
    whole = n_runs >= wanted and not any(outcome.has_failed for outcome in outcomes)
    return "FINISHED" if whole else "KILLED"


def _runs_of(project: Project, plan: FrozenPlan) -> Iterator[StoredRun]:
    for point in plan["points"]:
        place = (project.runs, point["spec"]["name"], point["run_key"])
        if run := find_finished(*place) or find_last(*place):
            yield run


def _publisher(project: Project, tracking: TrackingSpec, publishers: dict[str, Publisher]) -> Publisher:
    uri = tracking_uri(tracking, project.workspace)
    return publishers.setdefault(uri, Publisher(uri, project.workspace))


def _is_shown(folder: Path, uri: str) -> bool:
    known = published_as(folder).get(uri)
    return known is not None and may_hold(uri, known)
