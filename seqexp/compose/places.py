"""Where a config reads from and is shown: paths count from the file that states them, and addresses lead somewhere."""

from __future__ import annotations

from pathlib import Path

from seqexp.compose.groups import Origins, Tree
from seqexp.compose.origin import Origin
from seqexp.compose.tree import get_value
from seqexp.errors import Problem
from seqexp.spec.tracking_uri import problem_of_uri

_URI = "tracking.uri"
_SQLITE = "sqlite:///"


def anchor_paths(tree: Tree, origins: Origins) -> None:
    """Make relative paths absolute: they count from the file that states them, else from the working directory."""
    path = get_value(tree, "data.path")
    if isinstance(path, str) and path != "???":
        tree["data"]["path"] = str(_anchored(path, origins.get("data.path")))
    uri = get_value(tree, _URI)
    if isinstance(uri, str) and uri.startswith(_SQLITE):
        tree["tracking"]["uri"] = f"{_SQLITE}{_anchored(uri[len(_SQLITE) :], origins.get(_URI))}"


def without_store(tree: Tree, origins: Origins) -> list[Problem]:
    """Return a problem where MLflow has no store at the address asked for.

    Not where a record states it, whose run is repeated: nobody can mend that any more.
    """
    uri, origin = get_value(tree, _URI), origins.get(_URI)
    is_asked_for = get_value(tree, "tracking.mlflow") is not False and (origin is None or origin.kind != "record")
    problem = problem_of_uri(uri, _URI) if isinstance(uri, str) and uri and is_asked_for else None
    return [] if problem is None else [problem]


def _anchored(path: str, origin: Origin | None) -> Path:
    folder = origin.folder if origin else Path.cwd()
    return (folder / Path(path).expanduser()).resolve()
