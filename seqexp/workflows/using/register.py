"""Give a recorded run a name in MLflow's model registry, and find it again by that name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from seqexp.errors import StoreError
from seqexp.spec.settings import TrackingSpec
from seqexp.spec.validate import validate_as
from seqexp.store.find_runs import find_run
from seqexp.store.model_registry import PREFIX, ModelRegistry, Version
from seqexp.store.run_dir import MODEL, RECORD, StoredRun, damaged_files, read_run
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import default_tracking_uri, tracking_uri
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.using.predict import check_has_model

_NAME = re.compile(r"[\w .-]+")
_ALIAS = re.compile(r"(?!latest$|v\d+$)[A-Za-z_][\w-]*", re.IGNORECASE)


def register(project: Project, run: StoredRun, name: str, *, alias: str | None = None) -> Version:
    """Make a run's model a version of a registered name; its model is logged first if it was not.

    Raises:
        StoreError: The run has no model or is damaged, the name or alias cannot be, or MLflow refuses.
    """
    if not _NAME.fullmatch(name):
        message = f"expected letters, digits, blanks, '-', '_' and '.', got {name!r}."
        raise StoreError(message, key="NAME", mend="For example sales.")
    if alias is not None and not _ALIAS.fullmatch(alias):
        message = f"{alias!r} cannot be an alias: a letter, then letters, digits, '-' or '_'; not latest, not v1."
        raise StoreError(message, key="--alias", mend="For example champion.")
    if run.record.status != "FINISHED":
        message = f"the run {run.path.name} is {run.record.status}."
        raise StoreError(message, key="RUN", mend="Choose a finished run.")
    check_has_model(run)
    if broken := damaged_files(run.path):
        message = f"the run {run.path.name} is damaged: {', '.join(broken)} differ from its manifest."
        raise StoreError(message, key="RUN", mend="seqexp rerun makes it again.")
    publisher = Publisher(_uri_of(project, run), project.workspace)
    run_id = publisher.publish(run, with_model=True)
    publisher.add_model(run)
    registry = ModelRegistry(publisher.uri)
    return registry.register(name, run_id, run_key=run.record.run_key, attempt=run.record.attempt, alias=alias)


def is_registered_name(word: str) -> bool:
    """Say whether a word is meant for the registry."""
    return word.startswith(PREFIX)


@contextmanager
def run_called(project: Project, word: str) -> Iterator[StoredRun]:
    """Find a run by its directory, its key, or its name in the registry.

    A registered one that is not here is downloaded for as long as the block lasts.

    Raises:
        StoreError: There is none.
    """
    if not is_registered_name(word):
        yield find_run(word, project.runs, having=MODEL)
        return
    registry = ModelRegistry(default_tracking_uri(project))
    version = registry.find(word)
    if (here := _here(project, version)) is not None:
        yield here
        return
    with TemporaryDirectory(prefix="seqexp-") as scratch:
        yield read_run(registry.download(version, Path(scratch)))


def _here(project: Project, version: Version) -> StoredRun | None:
    if not version.run_key:
        return None
    for folder in project.runs.glob(f"*/{version.run_key}-{version.attempt}"):
        if (folder / RECORD).is_file() and not damaged_files(folder):
            return read_run(folder)
    return None


def _uri_of(project: Project, run: StoredRun) -> str:
    tracking = validate_as(TrackingSpec, run.spec.get("tracking", {}))
    return tracking_uri(tracking, project.workspace) if tracking.uri else default_tracking_uri(project)
