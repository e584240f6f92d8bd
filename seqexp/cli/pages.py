"""Print where the MLflow UI shows the runs of a workspace."""

from __future__ import annotations

from itertools import islice

from seqexp.cli.screen import progress, results
from seqexp.errors import StoreError
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.pages import Page, find_pages

_MOST_LISTED = 10  # experiments; the UI lists all


def print_pages(project: Project, uri: str, address: str, says: str, ends: str = "") -> None:
    """Print the page of the experiment that was run last, and those of the others.

    Args:
        project: Whose runs they are.
        uri: The store.
        address: Of the server that shows it.
        says: What stands before the first page.
        ends: What stands behind it.
    """
    pages: list[Page] = []
    try:
        pages += islice(find_pages(project, uri), _MOST_LISTED)
    except StoreError as error:
        progress().print(f"[yellow]Warning:[/] {error}", soft_wrap=True)
    first, others = pages[:1], pages[1:]
    path = first[0].path if first else ""
    results().print(f"{says} [bold]{address}{path}[/]{ends and '   ' + ends}", soft_wrap=True)
    width = max((len(other.experiment) for other in others), default=0)
    for other in others:
        results().print(f"  {other.experiment:{width}}  {address}{other.path}", soft_wrap=True)
