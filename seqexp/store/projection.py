"""What MLflow is to show of runs and sweeps, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from seqexp.store.mlflow_view import RunsView


class Point(NamedTuple):
    """One value of one metric, at a step, at its own time (milliseconds since 1970)."""

    name: str
    value: float
    step: int
    time: int


@dataclass(frozen=True)
class Projection:
    """A run as MLflow shall show it.

    Attributes:
        experiment: The experiment's name.
        run_name: What the table of runs shows.
        identity: Tags that find the run again: run key, attempt, workspace.
        status: FINISHED, FAILED or KILLED.
        started: Milliseconds since 1970.
        ended: The same.
        params: Flat dotted keys.
        points: Every metric.
        tags: All other tags.
        note: Markdown.
        files: Files of the run directory -> folder among the artifacts.
        model: What makes a logged model of the run, or None.
        run_id: Of the MLflow run that showed it while it trained, or an empty text.
        view: What the experiment's page is to open with; None for what is there.
    """

    experiment: str
    run_name: str
    identity: dict[str, str]
    status: str
    started: int
    ended: int
    params: dict[str, str]
    points: Sequence[Point]
    tags: dict[str, str]
    note: str
    files: dict[Path, str] = field(default_factory=dict)
    model: LoggedModel | None = None
    run_id: str = ""
    view: RunsView | None = None


@dataclass(frozen=True)
class ShownRun:
    """A run as MLflow shows it.

    Attributes:
        run_id: Its MLflow run id.
        experiment: The experiment's name.
        status: FINISHED, FAILED, KILLED or RUNNING.
        started: Milliseconds since 1970.
        tags: All of them.
        metrics: The last value of each.
        is_deleted: Whether it lies in MLflow's trash.
    """

    run_id: str
    experiment: str
    status: str
    started: int
    tags: dict[str, str]
    metrics: dict[str, float]
    is_deleted: bool = False


@dataclass(frozen=True)
class LoggedModel:
    """The model of a run: the folder it is loaded from, and the shapes it takes and gives (-1 for the batch).

    One input is given as it is, several by their names.
    """

    name: str
    folder: Path
    loader_module: str
    inputs: dict[str, tuple[int, ...]]
    output_shape: tuple[int, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class SweepProjection:
    """A sweep as MLflow shall show it: the parent of the runs that it trained.

    Attributes:
        experiment: The experiment's name.
        run_name: What the table of runs shows.
        identity: Tags that find it again.
        started: Milliseconds since 1970.
        params: The swept keys with their values.
        tags: All other tags.
        note: Markdown.
        view: What the experiment's page is to open with.
    """

    experiment: str
    run_name: str
    identity: dict[str, str]
    started: int
    params: dict[str, str]
    tags: dict[str, str]
    note: str = ""
    view: RunsView | None = None
