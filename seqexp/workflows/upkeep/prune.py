"""Keep the disk in bounds: take models and forecasts out of old runs that are not among the best.

What somebody relies on stays whatever its figures are: registered models, runs with tags of the user's own, and those
that a refit names as its parent. So does what MLflow is to show and was never sent, as with ``tracking.keep``: there is
no other copy.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import ConfigError
from seqexp.spec.settings import DEFAULT_SELECT
from seqexp.spec.tracking_uri import problem_of_uri
from seqexp.store.find_runs import list_runs
from seqexp.store.local_store import local_path, may_hold
from seqexp.store.model_registry import ModelRegistry
from seqexp.store.pruning import large_files, remove_attempt, size_of, take_out
from seqexp.store.run_dir import StoredRun, damaged_files, published_as
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import default_tracking_uri, tracking_uri
from seqexp.workflows.running.again import REFIT_OF
from seqexp.workflows.running.keep import tracking_of

_AGE = re.compile(r"(\d+)([dhw])")
_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Pruned:
    """What goes of one run: these files, or with ``names`` empty all of it.

    Attributes:
        run: Which.
        names: Of the files.
        size: Their bytes.
        is_unsent: They would go, and stay: MLflow was never sent the run.
    """

    run: StoredRun
    names: tuple[str, ...]
    size: int
    is_unsent: bool = False


def prune(
    project: Project, *, keep: str, older_than: str, attempts: bool = False, dry_run: bool = False
) -> Iterator[Pruned]:
    """Prune the runs of a workspace, and yield what went, or would, and what stays because it was never sent.

    Args:
        project: Whose runs.
        keep: ``best:3``: so many of each experiment stay, by the validation figure that it is ranked by.
        older_than: ``90d``, ``12h`` or ``8w``: what ended later stays.
        attempts: Remove whole run directories, not only models and forecasts.
        dry_run: Change nothing.

    Raises:
        ConfigError: One of the two cannot be read.
        StoreError: The registry does not answer, and so nobody knows what is registered.
    """
    count, ended_before = _count(keep), time.time() - _age(older_than)
    runs = list(list_runs(project.runs))
    kept = {run.path for run in _best(runs, count)} | _relied_on(project, runs)
    for run in runs:
        if run.path in kept or run.record.ended > ended_before or damaged_files(run.path):
            continue  # what is damaged is for doctor and a person to look at
        names = () if attempts else tuple(large_files(run.path))
        if not attempts and not names:
            continue
        found = Pruned(run, names, size_of(run.path, names or None), is_unsent=_is_unsent(project, run))
        if not dry_run and not found.is_unsent:
            if attempts:
                remove_attempt(run.path)
            else:
                take_out(run.path, names, why="seqexp prune")
        yield found


def _is_unsent(project: Project, run: StoredRun) -> bool:
    """Whether a run was to be shown in MLflow, and no store has it; not where MLflow could never have such a store."""
    tracking = tracking_of(run)
    if not tracking.mlflow or problem_of_uri(tracking_uri(tracking, project.workspace), "tracking.uri"):
        return False
    return not any(may_hold(uri, run_id) for uri, run_id in published_as(run.path).items())


def _best(runs: list[StoredRun], count: int) -> Iterator[StoredRun]:
    """Yield the best of each experiment and figure: what minimises it on validation, and of each run the attempt that
    stands for it.

    A model that was trained on every row has no figure and stays, for it is in use.
    """
    groups: dict[tuple[str, str, str], dict[str, StoredRun]] = {}
    for run in runs:
        if run.record.status != "FINISHED":
            continue
        select = str(run.spec["evaluation"].get("select", DEFAULT_SELECT))
        if not run.record.metrics:
            yield run
        elif select in run.record.metrics:
            # Errors of different tasks do not compare: each has its best.
            group = (run.record.name, select, str(run.record.data.get("task", "")))
            members = groups.setdefault(group, {})
            members[run.record.run_key] = max(
                members.get(run.record.run_key, run), run, key=lambda one: one.record.standing
            )
    for (_, select, _), members in groups.items():
        yield from sorted(members.values(), key=lambda run: run.record.metrics[select])[:count]


def _relied_on(project: Project, runs: list[StoredRun]) -> set[Path]:
    registered = _registered(project, runs)
    parents = {run.record.fit.get(REFIT_OF) for run in runs}
    return {
        run.path
        for run in runs
        if run.path.name in parents
        or run.spec.get("tracking", {}).get("tags")
        or (run.record.run_key, str(run.record.attempt)) in registered
    }


def _registered(project: Project, runs: list[StoredRun]) -> set[tuple[str, str]]:
    """Return what is registered in every store that shows a run of this workspace."""
    stores = {default_tracking_uri(project)} | {uri for run in runs for uri in published_as(run.path)}
    there = [uri for uri in sorted(stores) if (path := local_path(uri)) is None or path.is_file()]
    return {registered for uri in there for registered in ModelRegistry(uri).runs()}


def _count(keep: str) -> int:
    word, _, number = keep.partition(":")
    if word != "best" or not number.isdigit():
        raise ConfigError(f"expected best:NUMBER, got {keep!r}.", key="--keep", mend="For example best:3.")
    return int(number)


def _age(text: str) -> int:
    found = _AGE.fullmatch(text)
    if found is None:
        message = f"expected a number of hours, days or weeks, got {text!r}."
        raise ConfigError(message, key="--older-than", mend="For example 90d, 12h or 8w.")
    return int(found[1]) * _SECONDS[found[2]]
