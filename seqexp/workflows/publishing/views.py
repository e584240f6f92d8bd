"""What the page of an experiment opens with in the MLflow UI: its runs by validation, beside what was varied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqexp.spec.settings import DEFAULT_SELECT
from seqexp.store.mlflow_view import RunsView

PARENT = "mlflow.parentRunId"


def view_of_run(spec: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> RunsView | None:
    """Return the view that a run asks for; None for a run of a sweep, which has asked already, and knows its axes.

    Args:
        spec: The resolved config.
        tags: Of its MLflow run.
    """
    if PARENT in (tags or {}):
        return None
    return RunsView(spec["evaluation"].get("select", DEFAULT_SELECT))


def view_of_sweep(select: str | None, axes: Mapping[str, Any]) -> RunsView:
    """Return the view that a sweep asks for.

    Args:
        select: The figure of validation that its runs are ranked by.
        axes: The swept keys with what they take.
    """
    return RunsView(select or DEFAULT_SELECT, tuple(sorted(axes)))
