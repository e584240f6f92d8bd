"""A run that is known to MLflow alone: found there, fetched, and looked over before anything is believed.

Its files go to ``runs/.fetched/<MLflow run id>/<run key>-<attempt>``: a place of its own, for none of them is a run of
this workspace.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from seqexp.errors import StoreError
from seqexp.store.mlflow_runs import MOST_BYTES, MlflowRuns
from seqexp.store.projection import ShownRun
from seqexp.store.run_dir import HISTORY, RECORD, REQUIREMENTS, SPEC, STEPS, StoredRun, read_run
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import asked_tracking_uri, default_tracking_uri
from seqexp.workflows.rerunning.look_over import look_over, look_over_yaml
from seqexp.workflows.user_code import PLUGINS

OPTION = "--from-mlflow"
FOLDER = ".fetched"
_ID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"([0-9a-f]{4,12})(-\d{1,6})?")
_PLUGIN = re.compile(rf"{PLUGINS}/[A-Za-z0-9_-]+\.py")


def fetch_original(project: Project, word: str, uri: str) -> StoredRun:
    """Fetch the record, the single steps, the history and the own code of a run that a tracking store shows.

    Args:
        project: Where its files go. Its runs are shown where those of the workspace are, not where the record says.
        word: An MLflow run id, a run key, or the beginning of one.
        uri: The store; empty for that of the workspace.

    Raises:
        StoreError: The store does not answer, has no such run, or what it has of it cannot be used.
    """
    uri = uri or default_tracking_uri(project)
    store = MlflowRuns(uri, key=OPTION)
    shown = _find(store, word)
    stored = _fetch(store, shown, project.runs / FOLDER)
    spec = stored.spec
    spec = {**spec, "tracking": {**spec.get("tracking", {}), "uri": asked_tracking_uri(project)}}
    return replace(stored, record=replace(stored.record, spec=spec))


def _find(store: MlflowRuns, word: str) -> ShownRun:
    if _ID.fullmatch(word):
        found = store.get(word)
        if found is None:
            raise StoreError(f"MLflow at {store.uri} has no run {word}.", key=OPTION, mend="Is it another store?")
        return _usable(store, found)
    key = _KEY.fullmatch(word)
    if key is None:
        message = f"expected an MLflow run id or a run key (at least 4 of its 12 characters), got {word!r}."
        raise StoreError(message, key="RUN", mend="Both stand on the page of the run in MLflow.")
    shown = [run for run in store.with_tag("run_key", key[1]) if not key[2] or run.tags.get("attempt") == key[2][1:]]
    if not shown:
        message = f"MLflow at {store.uri} has no run whose key begins with {word!r}."
        raise StoreError(message, key=OPTION, mend="Is it another store? An MLflow run id names a run, too.")
    if len(keys := {run.tags["run_key"] for run in shown}) > 1:
        message = f"{len(keys)} runs at {store.uri} begin with {word!r}: {', '.join(sorted(keys)[:6])}."
        raise StoreError(message, key=OPTION, mend="Give more of the key, or the MLflow run id.")
    finished = [run for run in shown if run.status == "FINISHED"]
    firsts = [run for run in finished if "rerun_of" not in run.tags]
    return _usable(store, max(firsts or finished or shown, key=lambda run: run.started))


def _usable(store: MlflowRuns, run: ShownRun) -> ShownRun:
    """Return a run that may be fetched.

    Raises:
        StoreError: It was deleted, is none of seqexp's, is a sweep, or has no result.
    """
    name = f"the MLflow run {run.run_id}"
    if run.is_deleted:
        raise StoreError(f"{name} was deleted at {store.uri}.", key=OPTION, mend="Restore it in MLflow first.")
    if run.tags.get("seqexp.kind") == "sweep":
        raise StoreError(f"{name} is a sweep.", key=OPTION, mend="Name one of the runs below it.")
    if "run_key" not in run.tags:
        raise StoreError(f"{name} was not recorded by seqexp: it has no tag run_key.", key=OPTION)
    if run.status != "FINISHED":
        reason = run.tags.get("error", "")
        message = f"{name} has no result to be held against: {run.status}{f', {reason}' if reason else ''}."
        raise StoreError(message, key=OPTION, mend="Choose a finished run.")
    return run


def _fetch(store: MlflowRuns, run: ShownRun, home: Path) -> StoredRun:
    """Fetch beside the place and rename: what was fetched before is replaced, and never half there."""
    with _unfinished(home, run.run_id) as folder:
        content = folder / "run"
        store.fetch(run, _names(store, run), content)
        try:
            record = look_over(content)
            if not record.spec:  # of schema 1: it stands beside the record
                store.fetch(run, [SPEC], content)
                look_over_yaml(content / SPEC)
        except StoreError as error:
            raise StoreError([replace(error.problems[0], key=OPTION)]) from None
        if record.run_key != run.tags["run_key"]:
            message = f"the record of the MLflow run {run.run_id} is of {record.run_key}, its tag of another run."
            raise StoreError(message, key=OPTION)
        content.rename(folder / record.folder_name)
        place = home / run.run_id
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
    return read_run(place / record.folder_name)


@contextmanager
def _unfinished(home: Path, run_id: str) -> Iterator[Path]:
    folder = home / f".{run_id}-{os.getpid()}"
    try:
        (folder / "run").mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _names(store: MlflowRuns, run: ShownRun) -> list[str]:
    """Return the artifacts to fetch, of those that a run may have.

    Raises:
        StoreError: The record or the history is not among them, or one is too large to be what it is called.
    """
    there = store.files(run)
    if missing := [name for name in (RECORD, HISTORY) if name not in there]:
        message = f"the MLflow run {run.run_id} lacks the artifacts {', '.join(missing)}."
        mend = "The artifacts may lie on the machine that recorded it: name the server that gives them out."
        raise StoreError(message, key=OPTION, mend=mend)
    there |= store.files(run, PLUGINS)
    names = [name for name in there if name in (RECORD, STEPS, HISTORY, REQUIREMENTS) or _PLUGIN.fullmatch(name)]
    if large := [name for name in names if there[name] > MOST_BYTES]:
        raise StoreError(f"{large[0]} of the MLflow run {run.run_id} has {there[large[0]]:,} bytes.", key=OPTION)
    return names


def origin_of(stored: StoredRun) -> str:
    """Return by what a rerun names the run that it repeats: the MLflow run id of one that was fetched, else its name.

    The name of a fetched one may be that of its rerun, which is a first attempt here.
    """
    home = stored.path.parent
    return home.name if home.parent.name == FOLDER else stored.path.name
