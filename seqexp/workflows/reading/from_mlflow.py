"""Runs as an MLflow store shows them, for who has not their directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqexp.errors import StoreError, suggest
from seqexp.store.mlflow_runs import MlflowRuns
from seqexp.store.projection import ShownRun
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import default_tracking_uri
from seqexp.workflows.publishing.summary import has_summary, run_of_record, run_of_summary
from seqexp.workflows.reading.attempts import check_any_has_figures, check_has_figures, set_apart

_RECORD = "record.json"
_LEAST = 4  # characters of a key that stand for it


def find_shown(project: Project, uri: str, words: Sequence[str] = ()) -> list[StoredRun]:
    """Return the runs that words mean in a store, of none all: experiments, sweeps, runs, or MLflow run ids.

    Args:
        project: Whose store is read where none is named.
        uri: The store; empty for that of the project's workspace.
        words: The name of an experiment; the key of a sweep or run, or the first characters of it.

    Raises:
        StoreError: The store is not there, does not answer, or shows nothing that a word means; or a word means one
            run that has no figures.
    """
    store = MlflowRuns(uri or default_tracking_uri(project), key="--from-mlflow")
    shown = store.published()
    found = _named(store, words, shown) if words else [_run_of(store, run) for run in shown]
    return sorted(found, key=lambda run: (run.record.started, run.record.attempt))


def _named(store: MlflowRuns, words: Sequence[str], shown: Sequence[ShownRun]) -> list[StoredRun]:
    """Return the runs that words mean, each once; several attempts at one run that were named stand apart."""
    read: dict[str, StoredRun] = {}
    named: dict[Path, str] = {}
    for word in words:
        several = _several_runs(word, shown)
        meant = several or _by_key(word, shown, store.uri)
        read |= {run.run_id: _run_of(store, run) for run in meant if run.run_id not in read}
        if several:
            check_any_has_figures(word, [read[run.run_id] for run in meant])
        else:
            attempts = [read[run.run_id] for run in meant]
            check_has_figures(max(attempts, key=lambda run: run.record.standing))
            named |= {run.path: word for run in attempts if len(attempts) == 1}
    return set_apart(list(read.values()), named)


def _run_of(store: MlflowRuns, shown: ShownRun) -> StoredRun:
    """Read a run back; of one that an earlier release has published, the record is fetched."""
    return run_of_summary(shown) if has_summary(shown) else run_of_record(shown, store.read_text(shown, _RECORD))


def _several_runs(word: str, shown: Sequence[ShownRun]) -> list[ShownRun]:
    """Return the runs of an experiment or a sweep; none where a word means neither."""
    return [run for run in shown if run.experiment == word] or [
        run for run in shown if len(word) >= _LEAST and any(tag.startswith(f"sweep.{word}") for tag in run.tags)
    ]


def _by_key(word: str, shown: Sequence[ShownRun], uri: str) -> list[ShownRun]:
    """Return what a word names: an MLflow run id, or a run key or its beginning, with or without an attempt."""
    if by_id := [run for run in shown if run.run_id == word]:
        return by_id
    key, _, attempt = word.partition("-")
    found = [run for run in shown if len(key) >= _LEAST and run.tags["run_key"].startswith(key)]
    keys = {run.tags["run_key"] for run in found}
    if len(keys) > 1:
        message = f"{len(keys)} runs begin with {key!r}: {', '.join(sorted(keys)[:6])}."
        raise StoreError(message, mend="Give more of the key.")
    found = [run for run in found if not attempt or run.tags["attempt"] == attempt]  # of several the last one counts
    if not found:
        mend = suggest(word, dict.fromkeys(run.experiment for run in shown))
        raise StoreError(f"The MLflow store {uri} shows nothing called {word!r}.", mend=mend)
    return found
