"""The run, or the runs of a sweep, that are to be repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from seqexp.errors import StoreError, suggest
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import MANIFEST, RECORD, STEPS, StoredRun, damaged_files, published_as, read_run
from seqexp.store.sweep_dir import list_sweeps, read_plan
from seqexp.workflows.project import Project

_MLFLOW_ID = re.compile(r"[0-9a-f]{32}")
_LEAST = 4  # characters of a sweep's key


def find_original(project: Project, word: str) -> StoredRun:
    """Return the finished run that a word means: a run key or its beginning, a directory, or an MLflow run id.

    Of several attempts it is the one that stands for the run (:attr:`RunRecord.standing`): what drifted once is not
    what the next is held against. An attempt named in full is itself.

    Raises:
        StoreError: There is none, there are several, it did not finish, or its figures are damaged.
    """
    folder = Path(word).expanduser()
    if (folder / RECORD).is_file():
        return _sound(_finished([read_run(folder)], word))
    if _MLFLOW_ID.fullmatch(word):
        shown = [run for run in list_runs(project.runs) if word in published_as(run.path).values()]
        return _sound(_finished(shown, word))
    folders = [path for path in sorted(project.runs.glob("[!.]*/*")) if path.name.startswith(word) and path.is_dir()]
    exact = [path for path in folders if path.name == word]
    runs = list(_readable(exact or folders))
    keys = {run.record.run_key for run in runs}
    if len(keys) > 1:
        message = f"{len(keys)} runs begin with {word!r}: {', '.join(sorted(keys)[:6])}."
        raise StoreError(message, mend="Give more of the key.")
    return _sound(_finished(runs, word))


def find_originals(project: Project, word: str) -> tuple[dict[str, Any], list[StoredRun]]:
    """Return the plan of a sweep, and those of its runs that finished.

    Args:
        project: Where it is recorded.
        word: The sweep's key or the beginning of it, the name of its directory, or its name: then it is the last.

    Raises:
        StoreError: There is no such sweep, or none of its runs finished.
    """
    plans = [read_plan(folder) for folder in list_sweeps(project.sweeps)]
    named = [plan for plan in plans if f"{plan['name']}-{plan['key']}" == word]
    if len(word) >= _LEAST:
        named = named or [plan for plan in plans if plan["key"].startswith(word)]
    named = named or [plan for plan in plans if plan["name"] == word and not plan.get("rerun_of")][-1:]
    if not named:
        known = dict.fromkeys(name for plan in plans for name in (plan["name"], plan["key"]))
        mend = f"{suggest(word, known)} seqexp sweep makes one; make demo makes eight_topologies."
        raise StoreError(f"There is no sweep {word!r} in {project.sweeps}.", mend=mend)
    if len({plan["key"] for plan in named}) > 1:
        keys = ", ".join(plan["key"] for plan in named[:6])
        raise StoreError(f"{len(named)} sweeps begin with {word!r}: {keys}.", mend="Give more of the key.")
    plan = named[0]
    found = []
    for point in plan["points"]:
        folders = sorted((project.runs / point["spec"]["name"]).glob(f"{point['run_key']}-*"))
        with suppress(StoreError):
            found.append(_sound(_finished(list(_readable(folders)), point["run_key"])))
    if not found:
        message = f"None of the {len(plan['points'])} runs of the sweep {plan['name']} {plan['key']} has finished."
        raise StoreError(message, mend="Run the sweep first.")
    return plan, found


def _readable(folders: list[Path]) -> Iterator[StoredRun]:
    """Yield the runs of directories; if none of them can be read, say why."""
    errors, runs = [], []
    for folder in folders:
        if folder.name.rpartition("-")[2].isdigit():  # else a copy that somebody made beside them
            try:
                runs.append(read_run(folder))
            except StoreError as error:
                errors.append(error)
    if errors and not runs:
        raise StoreError(errors[0].problems[0].message, mend="Choose another attempt, or run it again with --force.")
    yield from runs


def _finished(runs: list[StoredRun], word: str) -> StoredRun:
    if not runs:
        raise StoreError(f"There is no run {word!r}.", mend="seqexp list runs shows what there is.")
    finished = [run for run in runs if run.record.status == "FINISHED"]
    if not finished:
        last = max(runs, key=lambda run: run.record.attempt)
        reason = last.record.error.get("message", "")
        message = f"The run {last.path.name} has no result to be held against: {last.record.status}, {reason}"
        raise StoreError(message, mend="Choose a finished run, or run it again: seqexp run ... --force.")
    return max(finished, key=lambda run: run.record.standing)


def _sound(run: StoredRun) -> StoredRun:
    damaged = {RECORD, STEPS, MANIFEST} & set(damaged_files(run.path))
    if damaged:
        names = ", ".join(sorted(damaged))
        message = f"The run {run.path.name} is damaged: {names} differs from the manifest, or is not there."
        raise StoreError(message, mend="Its figures cannot be trusted. Choose another attempt.")
    return run
