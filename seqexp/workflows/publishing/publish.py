"""Show a recorded run in MLflow. The run directory is the truth; this can be repeated at any time."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.compose.tree import leaves
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import TrackingSpec
from seqexp.store.environment import installed_requirements
from seqexp.store.local_store import may_hold
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.projection import LoggedModel, Point, Projection
from seqexp.store.run_dir import (
    FIGURE,
    FORECASTS,
    HISTORY,
    MODEL,
    RECORD,
    REQUIREMENTS,
    SPEC,
    STEPS,
    StoredRun,
    note_published,
    published_as,
)
from seqexp.workflows.identity import title_of
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.summary import is_beside, metric_name, summary_tags
from seqexp.workflows.publishing.views import view_of_run
from seqexp.workflows.user_code import PLUGINS

LOADER = "seqexp.workflows.serving"
_MOST_SERIES = 50  # with a chart each; steps.json has them all
_HISTORY_ONLY = {"epoch", "time"}


def tracking_uri(tracking: TrackingSpec, workspace: Path) -> str:
    """Return where runs are shown: the config (an override, then seqexp.yaml), the environment, or the workspace."""
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace / 'mlflow.db'}"


def default_tracking_uri(project: Project) -> str:
    """Return where a project's runs are shown when no override says otherwise."""
    return tracking_uri(TrackingSpec(uri=asked_tracking_uri(project)), project.workspace)


def asked_tracking_uri(project: Project) -> str | None:
    """Return where a project's seqexp.yaml says that runs are shown; None where it does not say."""
    return next((str(s.value) for s in reversed(project.defaults) if s.key == "tracking.uri"), None)


def workspace_tag(workspace: Path) -> str:
    """Return what tells the runs of one workspace from those of others in the same store."""
    return hashlib.sha256(str(workspace).encode()).hexdigest()[:12]


@dataclass
class Shown:
    """What MLflow shows already of a run that is not published yet: its id there, and so many of its epochs."""

    run_id: str = ""
    epochs: int = 0


class Publisher:
    """Shows runs in one MLflow store, which is opened when the first run is sent."""

    def __init__(self, uri: str, workspace: Path) -> None:
        self.uri = uri
        self.workspace = workspace
        self._store: MlflowStore | None = None

    @property
    def store(self) -> MlflowStore:
        """The store, opened.

        Raises:
            StoreError: It cannot be opened or reached.
        """
        if self._store is None:
            self._store = MlflowStore(self.uri, self.workspace / "mlartifacts")
        return self._store

    def open_run(self, spec: ExperimentSpec, run_key: str, began: float, tags: dict[str, str]) -> str:
        """Show a run as running, and return its MLflow run id."""
        tree = spec.as_tree()
        return self.store.open_run(
            spec.name,
            f"{title_of(spec)} {run_key[:6]}",
            started=_ms(began),
            params=_params(tree),
            tags={
                "run_key": run_key,
                "workspace": workspace_tag(self.workspace),
                **tags,
                **_description(tree),
            },
            view=view_of_run(tree, tags),
        )

    def add_epochs(self, run_id: str, rows: Sequence[Mapping[str, float]]) -> None:
        """Show more epochs of a run that is running."""
        self.store.add_points(run_id, list(_epoch_points(rows)))

    def publish(
        self,
        run: StoredRun,
        *,
        with_model: bool,
        with_forecasts: bool = True,
        tags: dict[str, str] | None = None,
        shown: Shown | None = None,
    ) -> str:
        """Show a run and return its MLflow run id; one that is shown already is left alone.

        Args:
            run: What to show.
            with_model: Whether its model is logged too.
            with_forecasts: Whether its forecasts are sent.
            tags: Besides those that a run has by itself.
            shown: What was shown of it while it trained.

        Raises:
            StoreError: The store cannot be reached; the run directory is complete all the same.
        """
        if (known := published_as(run.path).get(self.uri)) and may_hold(self.uri, known):
            return known
        with _model_of(run, with_model) as model:
            sent = _projection(run, self.workspace, model, tags or {}, shown or Shown())
            if not with_forecasts:
                sent.files.pop(run.path / FORECASTS, None)
            run_id = self.store.publish(sent)
        note_published(run.path, self.uri, run_id)
        return run_id

    def add_model(self, run: StoredRun) -> None:
        """Log the model of a run that was published without it."""
        with _model_of(run, True) as model:
            if model is not None:
                self.store.add_model(run.record.name, published_as(run.path)[self.uri], model)

    def add_forecasts(self, run: StoredRun) -> None:
        """Send the forecasts of a run that was published without them, if it still has them."""
        if (run.path / FORECASTS).is_file():
            self.store.add_file(published_as(run.path)[self.uri], run.path / FORECASTS)


def _projection(
    run: StoredRun, workspace: Path, model: LoggedModel | None, tags: dict[str, str], shown: Shown
) -> Projection:
    record, spec = run.record, run.spec
    git = record.environment.get("git", {})
    extra = _description(spec)
    if "task" in record.data:
        extra["task"] = record.data["task"]  # runs compare where it is the same
    if "refit_of" in record.fit:
        extra["refit_of"] = record.fit["refit_of"]
    if record.rerun_of:
        extra["rerun_of"] = record.rerun_of
    if record.error:
        extra |= {"error": record.error["message"][:4000], "error_reason": record.error["reason"]}
    if "engine" in record.fit:
        without = record.fit["engine"] == "compiled" and not record.fit["xla"]
        extra["engine"] = f"{record.fit['engine']}{' without XLA' if without else ''}"
    extra |= {f"diagnostic.{word}": sentence for word, sentence in record.diagnostics.items()}
    if git:
        extra |= {"git_commit": git["commit"], "mlflow.source.git.commit": git["commit"]}
    files = {
        RECORD: "",
        STEPS: "",
        SPEC: "",
        HISTORY: "",
        FORECASTS: "",
        REQUIREMENTS: "",
        "error.txt": "",
        FIGURE: "figures",
    }
    return Projection(
        experiment=record.name,
        run_name=f"{record.title} {record.run_key[:6]}-{record.attempt}",
        identity={
            "run_key": record.run_key,
            "attempt": str(record.attempt),
            "workspace": workspace_tag(workspace),
        },
        status=record.status,
        started=_ms(record.started),
        ended=_ms(record.ended),
        params=_params(spec),
        points=list(_points(run, shown.epochs)),
        tags={**tags, **extra, **summary_tags(run)},
        note=_note(run, spec),
        files={path: folder for name, folder in files.items() if (path := run.path / name).is_file()}
        | dict.fromkeys(sorted((run.path / PLUGINS).glob("*.py")), PLUGINS),
        model=model,
        run_id=shown.run_id,
        view=view_of_run(spec, tags),
    )


def _params(spec: Mapping[str, Any]) -> dict[str, str]:
    shown = ((key, value) for key, value in leaves(dict(spec)) if not key.startswith(("tracking", "execution")))
    return {_plain_key(key): str(value) for key, value in shown}


def _description(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags by which runs are told apart in a table."""
    tags = {"topology": spec["topology"]["name"], "data": spec["data"]["name"], "mlflow.source.name": "seqexp"}
    fold = spec["evaluation"].get("backtest", {}).get("fold")
    tags |= {} if fold is None else {"fold": str(fold)}
    return {**spec["tracking"]["tags"], **tags}


def _epoch_points(rows: Iterable[Mapping[str, float]]) -> Iterator[Point]:
    for row in rows:
        for name, value in row.items():
            if name not in _HISTORY_ONLY and math.isfinite(value):
                yield Point(name, value, int(row["epoch"]), _ms(row["time"]))


def _points(run: StoredRun, shown_epochs: int) -> Iterator[Point]:
    yield from _epoch_points(row for row in run.history if row["epoch"] > shown_epochs)
    ended = _ms(run.record.ended)
    beside = {name: value for name, value in run.record.baselines.items() if is_beside(name)}
    for name, value in {**run.record.metrics, **beside}.items():
        yield Point(metric_name(name), value, 0, ended)
    crowded = "series/" if len(run.record.data.get("series", [])) > _MOST_SERIES else "\0"
    for name, values in run.steps.items():
        if crowded in name or not name.endswith(("/mae", "/accuracy")) or name.startswith("val/step/baseline"):
            continue  # a point costs MLflow 0.2 ms, and there are many steps and baselines: steps.json has them all
        for step, known in enumerate(values, start=1):
            if known is not None:
                yield Point(metric_name(name), known, step, ended)
    for stage, seconds in run.record.timings.items():
        yield Point(f"seconds/{stage}", seconds, 0, ended)


@contextmanager
def _model_of(run: StoredRun, wanted: bool) -> Iterator[LoggedModel | None]:
    if not wanted or not (run.path / MODEL).is_file():
        yield None
        return
    with gathered_model(run) as model:
        yield model


@contextmanager
def gathered_model(run: StoredRun) -> Iterator[LoggedModel]:
    """Gather what a model needs to be loaded anywhere: the network, and the spec and record with the scaling."""
    spec, data = run.spec, run.record.data
    rows = spec["timesteps"] + sum(data.get("transform", ()))
    inputs: dict[str, tuple[int, ...]] = {"past": (-1, rows, len(data["features"]))}
    if data.get("ahead"):
        inputs["ahead"] = (-1, spec["output_length"], len(data["ahead"]))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        folder.mkdir()
        for name in (MODEL, SPEC, RECORD):
            shutil.copy(run.path / name, folder)
        if (run.path / PLUGINS).is_dir():
            shutil.copytree(run.path / PLUGINS, folder / PLUGINS)
        yield LoggedModel(
            name=spec["topology"]["name"],
            folder=folder,
            loader_module=LOADER,
            inputs=inputs,
            output_shape=(-1, spec["output_length"], len(data["targets"])),
            requirements=installed_requirements(("seqexp", "tensorflow", "keras", "numpy")),
        )


def _note(run: StoredRun, spec: dict[str, Any]) -> str:
    """Return the note of a run: what it is, what came out, and how to get it again."""
    record = run.record
    lines = [f"**{record.title}** on `{spec['data']['name']}`, {record.status}", ""]
    if record.error:
        lines += [f"{record.error['reason']}: {record.error['message']}", ""]
    if record.metrics:
        rows = {
            "model": {
                name.partition("/")[2]: value for name, value in record.metrics.items() if name.startswith("test/")
            }
        }
        for name, value in record.baselines.items():
            if name.startswith("baseline/"):
                _, baseline, metric = name.split("/", 2)
                rows.setdefault(baseline, {})[metric] = value
        names = [name for name in ("mae", "rmse", "mase", "skill") if any(name in row for row in rows.values())]
        lines += ["| test | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
        for row, values in rows.items():
            cells = (f"{values[name]:.5g}" if name in values else "" for name in names)
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {word.replace('_', ' ')}: {sentence}" for word, sentence in record.diagnostics.items())]
    lines += ["", f"Run directory: `runs/{record.name}/{record.folder_name}`"]
    return "\n".join(lines)


def _plain_key(key: str) -> str:
    return key.replace("[", ".").replace("]", "")


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
