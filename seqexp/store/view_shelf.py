"""The views of ours among the tags of an experiment: put there once each, found again, and led to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from seqexp.store.mlflow_view import COLUMNS, OURS, RunsView
from seqexp.store.outage import suppress_of_store
from seqexp.store.store_writer import StoreWriter

TAG = "mlflow.sharedViewState."
_MOST_VIEWS = 10  # of ours in an experiment: the page saves no more than 40, and they are for people


class ViewShelf:
    """Puts views into experiments, each once."""

    def __init__(self, writer: StoreWriter) -> None:
        """Take what writes to the store."""
        self._writer = writer
        self._refused: set[tuple[str, str]] = set()

    def put(self, experiment_id: str, tags: Mapping[str, str], view: RunsView) -> str | None:
        """Put a view into an experiment, unless one there shows all of it; a store that refuses does no harm.

        Args:
            experiment_id: Of the experiment.
            tags: All that it has.
            view: What to show.

        Returns:
            The id of the view that shows it, or of our last where there are enough; None where the store refused.
        """
        there = _views(tags)
        if view.id in there or (experiment_id, view.id) in self._refused:
            return view.id if view.id in there else None
        covering = next((key for key, value in there.items() if _covers(value, view.state())), None)
        if covering is not None or len(there) >= _MOST_VIEWS:
            return covering or _last(tags)
        with suppress_of_store():
            self._writer.tag_experiment(experiment_id, TAG + view.id, view.tag_value(int(time.time() * 1000)))
            return view.id
        self._refused.add((experiment_id, view.id))
        return None

    def page_of(self, experiment: str, view: RunsView) -> str | None:
        """Return where the UI shows an experiment, from the address of its server on; None where there is none.

        Args:
            experiment: Its name.
            view: What an experiment gets that has no view of ours; one that has several opens with the last.
        """
        found = self._writer.experiment(experiment)
        if found is None or found.is_deleted:
            return None
        return page_of(found.experiment_id, _last(found.tags) or self.put(found.experiment_id, found.tags, view))


def page_of(experiment_id: str, view_id: str | None) -> str:
    """Return where the UI shows the runs of an experiment, from the address of its server on.

    >>> page_of("1", "seqexp-ab12")
    '/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=seqexp-ab12'
    """
    asked = {"workflowType": "machine_learning"} | ({} if view_id is None else {"viewStateShareKey": view_id})
    return f"/#/experiments/{experiment_id}/runs?{urlencode(asked)}"


def _last(tags: Mapping[str, str]) -> str | None:
    there = _views(tags)
    return max(there, key=lambda key: there[key].get("createdAt", 0)) if there else None


def _views(tags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return our views among the tags of an experiment: their ids, and what they hold."""
    return {key.removeprefix(TAG): _held(value) for key, value in tags.items() if key.startswith(TAG + OURS)}


def _held(value: str) -> dict[str, Any]:
    """Return what a tag holds; nothing where somebody changed it, whose it is from then on."""
    try:
        held = json.loads(value)
        as_ours = isinstance(held["createdAt"], int) and all(isinstance(name, str) for name in held["selectedColumns"])
    except (ValueError, TypeError, KeyError):
        return {}
    return dict(held) if as_ours else {}


def _covers(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a view differs from a wanted one at most in that it has more columns."""
    same = all(held.get(key) == value for key, value in wanted.items() if key not in COLUMNS)
    return same and set(held.get("selectedColumns", ())) >= set(wanted["selectedColumns"])
