"""Show a recorded run in MLflow. The run directory is the truth; this can be repeated at any time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.environment import installed_requirements
from seqexp.store.local_store import local_path, may_hold
from seqexp.store.mlflow_store import MlflowStore
from seqexp.store.projection import LoggedModel, Projection
from seqexp.store.run_dir import FORECASTS, MODEL, RECORD, SPEC, StoredRun, note_published, published_as
from seqexp.workflows.identity import title_of
from seqexp.workflows.publishing.project_run import (
    Shown,
    epoch_points,
    milliseconds,
    project_run,
    shown_params,
    telling_tags,
    workspace_tag,
)
from seqexp.workflows.publishing.views import view_of_run
from seqexp.workflows.user_code import PLUGINS

LOADER = "seqexp.workflows.serving"


@dataclass(frozen=True)
class Sending:
    """A run that is to be shown, and how: as the arguments of :meth:`Publisher.publish` say."""

    run: StoredRun
    with_model: bool
    with_forecasts: bool
    tags: dict[str, str]
    shown: Shown


class Publisher:
    """Shows runs in one MLflow store, which is opened when the first run is sent."""

    def __init__(self, uri: str, workspace: Path, *, is_patient: bool = False) -> None:
        """Take the address of the store; with ``is_patient`` nobody waits for it to be opened."""
        self.uri = uri
        self.workspace = workspace
        self._is_patient = is_patient
        self._store: MlflowStore | None = None

    @property
    def store(self) -> MlflowStore:
        """The store, opened.

        Raises:
            StoreError: It cannot be opened or reached.
        """
        if self._store is None:
            self._store = MlflowStore(self.uri, self.workspace / "mlartifacts", is_patient=self._is_patient)
        return self._store

    @property
    def has_answered(self) -> bool:
        """Whether the store is there: on this machine, or on a server that has answered."""
        return self._store is not None or local_path(self.uri) is not None

    def open_run(self, spec: ExperimentSpec, run_key: str, began: float, tags: dict[str, str]) -> str:
        """Show a run as running, and return its MLflow run id."""
        tree = spec.as_tree()
        return self.store.open_run(
            spec.name,
            f"{title_of(spec)} {run_key[:6]}",
            started=milliseconds(began),
            params=shown_params(tree),
            tags={
                "run_key": run_key,
                "workspace": workspace_tag(self.workspace),
                **tags,
                **telling_tags(tree),
            },
            view=view_of_run(tree, tags),
        )

    def add_epochs(self, run_id: str, rows: Sequence[Mapping[str, float]]) -> None:
        """Show more epochs of a run that is running."""
        self.store.add_points(run_id, list(epoch_points(rows)))

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
        return self.publish_all([Sending(run, with_model, with_forecasts, tags or {}, shown or Shown())])[0]

    def publish_all(self, runs: Sequence[Sending]) -> list[str]:
        """Show several runs, as :meth:`publish` does each, and return their MLflow run ids."""
        run_ids = [self._known(sending.run) for sending in runs]
        missing = [number for number, run_id in enumerate(run_ids) if run_id is None]
        with ExitStack() as models:
            sent = [self._project(runs[number], models) for number in missing]
            made = self.store.publish(sent) if sent else []
        for number, run_id in zip(missing, made, strict=True):
            note_published(runs[number].run.path, self.uri, run_id)
            run_ids[number] = run_id
        return [run_id for run_id in run_ids if run_id is not None]

    def _known(self, run: StoredRun) -> str | None:
        known = published_as(run.path).get(self.uri)
        return known if known and may_hold(self.uri, known) else None

    def _project(self, sending: Sending, models: ExitStack) -> Projection:
        model = models.enter_context(_model_of(sending.run, sending.with_model))
        sent = project_run(sending.run, self.workspace, model, sending.tags, sending.shown)
        if not sending.with_forecasts:
            sent.files.pop(sending.run.path / FORECASTS, None)
        return sent

    def add_model(self, run: StoredRun) -> None:
        """Log the model of a run that was published without it."""
        with _model_of(run, True) as model:
            if model is not None:
                self.store.add_model(run.record.name, published_as(run.path)[self.uri], model)

    def add_forecasts(self, run: StoredRun) -> None:
        """Send the forecasts of a run that was published without them, if it still has them."""
        if (run.path / FORECASTS).is_file():
            self.store.add_file(published_as(run.path)[self.uri], run.path / FORECASTS)


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
            requirements=installed_requirements("mlflow", "seqexp", "tensorflow", "keras", "numpy"),
        )
