"""Is everything here that seqexp needs, and is what was recorded still whole?"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqexp.data.snapshot import check_copy
from seqexp.errors import DataError, SeqexpError, StoreError
from seqexp.spec.catalogue import load_catalogue
from seqexp.store.attempts import run_folders
from seqexp.store.environment import package_versions
from seqexp.store.find_runs import list_runs
from seqexp.store.local_store import local_path
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.run_dir import RECORD, damaged_files, read_run
from seqexp.store.snapshots import list_snapshots
from seqexp.training.compile_cache import VARIABLE, cache_folder, prepare_cache
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.publishing.address import default_tracking_uri
from seqexp.workflows.running.checkpoints import list_checkpoints


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    text: str
    is_well: bool = True


def examine(
    workspace: str | Path | None = None, config_dir: str | Path | None = None, *, runs: bool = False
) -> Iterator[Finding]:
    """Yield what there is to know about versions, machine, workspace and store.

    Args:
        workspace: Where to look; by default as on the command line.
        config_dir: A folder with config groups of the user's.
        runs: Hold every file of every run against its manifest too.
    """
    yield from _installation()
    try:
        project = open_project(workspace, config_dir)
    except SeqexpError as error:
        yield Finding("workspace", str(error), is_well=False)
        return
    yield Finding("workspace", str(project.workspace))
    if not os.access(project.workspace, os.W_OK):
        yield Finding("workspace", "cannot be written to", is_well=False)
    yield Finding("config", ", ".join(str(folder) for folder in project.groups.folders))
    yield _store(project)
    yield _cache()
    yield from _runs(project.runs, thorough=runs)


def _installation() -> Iterator[Finding]:
    versions = package_versions()
    for name, version in versions.items():
        yield Finding(name, version)
    for name in ("tensorflow", "keras", "mlflow", "hydra-core"):
        if name not in versions:
            yield Finding(name, "is not installed", is_well=False)
    described = load_catalogue()["keras"]
    if versions.get("keras") != described:
        yield Finding(
            "catalogue", f"was made from Keras {described}; arguments new in {versions.get('keras')} are not known"
        )
    yield Finding("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores")


def _store(project: Project) -> Finding:
    uri = default_tracking_uri(project)
    if (path := local_path(uri)) is not None and not path.exists():
        return Finding("MLflow store", f"{uri} (made by the first run)")
    try:
        MlflowStore(uri, project.workspace / "mlartifacts")
    except StoreError as error:
        return Finding("MLflow store", str(error), is_well=False)
    return Finding("MLflow store", uri)


def _cache() -> Finding:
    folder = cache_folder()
    if folder is None:
        return Finding("compiled programs", f"are not kept ({VARIABLE} is off)")
    if prepare_cache() is None:
        return Finding(
            "compiled programs",
            f"{folder} cannot be written to, has a blank or no room; name another in {VARIABLE}",
            is_well=False,
        )
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Finding("compiled programs", f"{size / 1e6:.0f} MB in {folder}")


def _runs(runs: Path, *, thorough: bool) -> Iterator[Finding]:
    if runs.exists() and not runs.is_dir():
        yield Finding("runs", f"{runs} is a file, and runs are written into a folder of that name", is_well=False)
        return
    found = list(list_runs(runs))
    ended = [run.record.status for run in found]
    counts = ", ".join(
        f"{ended.count(status)} {status}" for status in ("FINISHED", "FAILED", "KILLED") if status in ended
    )
    yield Finding("runs", f"{len(found)}{f' ({counts})' if counts else ''} in {runs}")
    for folder in sorted(runs.glob("[!.]*/.*-*")):
        yield Finding("half-written", f"{folder} (a run that goes on, or was killed; the same run clears it away)")
    for path in list_checkpoints(runs):
        yield Finding("checkpoint", f"{path} (of a run that was stopped, or goes on; the same run uses it)")
    for folder in run_folders(runs):
        try:
            read_run(folder)
        except StoreError as error:
            yield Finding("damaged", str(error), is_well=False)
            continue
        if thorough and (names := damaged_files(folder)):
            yield Finding("damaged", f"{folder}: {', '.join(names)}; seqexp rerun makes it again", is_well=False)
    if thorough:
        yield from _copies(runs)
        yield Finding("checked", f"every file of {len(list(runs.glob(f'[!.]*/*/{RECORD}')))} runs against its manifest")


def _copies(runs: Path) -> Iterator[Finding]:
    """Hold every copy of data against its name, which is the hash of its content."""
    copies = list_snapshots(runs)
    for path in copies:
        try:
            check_copy(path)
        except DataError as error:
            (problem,) = error.problems
            yield Finding("damaged", f"{problem.message} {problem.mend}", is_well=False)
    if copies:
        size = sum(path.stat().st_size for path in copies)
        yield Finding("copies of data", f"{len(copies)}, {size / 1e6:.1f} MB in {copies[0].parent}")
