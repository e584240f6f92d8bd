"""Where the MLflow UI shows the experiments of a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import StoreError
from seqexp.store.mlflow_view import RunsView
from seqexp.store.run_dir import read_run
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.views import view_of_run


@dataclass(frozen=True)
class Page:
    """The page of an experiment: its name, and what follows the address of the server."""

    experiment: str
    path: str


def find_pages(project: Project, uri: str) -> Iterator[Page]:
    """Yield the pages of the experiments that a store shows of a workspace, the one that was run last first.

    Raises:
        StoreError: The store cannot be opened or reached.
    """
    homes = sorted(_folders(project.runs), key=_changed, reverse=True)
    store = Publisher(uri, project.workspace).store if homes else None
    for home in homes:
        if store is not None and (path := store.page_of(home.name, _view_of(home))) is not None:
            yield Page(home.name, path)


def _view_of(home: Path) -> RunsView:
    """Return the view that the last run of an experiment asks for."""
    with suppress(StoreError, KeyError, ValueError):  # it is damaged: the others are shown all the same
        return view_of_run(read_run(max(_folders(home), key=_changed)).spec) or RunsView()
    return RunsView()


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return [folder for folder in parent.iterdir() if folder.is_dir() and not folder.name.startswith(".")]


def _changed(folder: Path) -> float:
    return folder.stat().st_mtime
