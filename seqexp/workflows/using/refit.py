"""Train a recorded run once more on every row, for the model that goes into use.

What was held back to choose and to measure is read, too, for as many epochs as were best. No figure is claimed of such
a model: nothing is left that it has not seen. What to expect of it, the figures of its parent say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqexp.data.dataset import prepare_dataset, read_data
from seqexp.data.series import Series
from seqexp.errors import DataError, StoreError
from seqexp.spec.data import SplitSpec
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import DEFAULT_SELECT, SELECTED, EvaluationSpec
from seqexp.store.claim import claim
from seqexp.store.find_runs import find_finished
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.identity import run_key_of
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import tracking_uri
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.rerunning.recorded_data import DataChoice, choose_data
from seqexp.workflows.running.again import REFIT_OF, Again
from seqexp.workflows.running.compute import compute_run
from seqexp.workflows.running.kept_data import keeping_data, plan_snapshot
from seqexp.workflows.running.record import record_run
from seqexp.workflows.running.requests import RunOutcome, not_sent
from seqexp.workflows.stored_spec import spec_of

if TYPE_CHECKING:
    from seqexp.training.watch import EpochEvent


def refit(
    project: Project,
    parent: StoredRun,
    *,
    current_data: bool = False,
    force: bool = False,
    tell: Callable[[EpochEvent], None] | None = None,
) -> RunOutcome:
    """Train the spec of a run on every row, and record it as a run of its own that names its parent.

    Args:
        project: Where it is recorded.
        parent: A finished run.
        current_data: Read the data as they are now; else they must be those that the parent was trained on.
        force: Train it again even if it was before.
        tell: Hears of every epoch.

    Raises:
        StoreError: The parent did not finish.
        DataError: The data have changed, or are no longer there.
    """
    if parent.record.status != "FINISHED":
        message = f"the run {parent.path.name} is {parent.record.status}: it has no best epoch."
        raise StoreError(message, key="RUN", mend="Choose a finished run.")
    recorded = spec_of(parent, project.load_code)
    spec = spec_on_all(recorded, int(parent.record.fit["best_epoch"]))
    series = _data_of(parent, recorded, spec, current=current_data)
    dataset = prepare_dataset(spec, series=series)
    fingerprint = series.fingerprint
    if not current_data and fingerprint != parent.record.data["fingerprint"]:
        message = f"the data of {spec.data.name} are not those that {parent.path.name} was trained on, and there is"
        message += " no copy of those."
        raise DataError(message, key="--data", mend="--data current trains on what is there now.")
    run_key, name = run_key_of(spec, fingerprint), parent.path.name
    with claim(project.runs, spec.name, run_key, on_wait=lambda: None):
        done = find_finished(project.runs, spec.name, run_key)
        if done is not None and not force and done.record.fit.get(REFIT_OF) == name:
            return _shown(project, spec, done, was_done=True)
        as_refit = Again(refit_of=name, radius=parent.record.data.get("radius"))
        started = time.time()
        with keeping_data(project.runs, plan_snapshot(spec, dataset), lambda: series):
            computed = compute_run(spec, tell or (lambda event: None), dataset)
            stored = record_run(project.runs, spec, run_key, started, computed, as_refit)
    return _shown(project, spec, stored, was_done=False)


def _data_of(parent: StoredRun, recorded: ExperimentSpec, spec: ExperimentSpec, *, current: bool) -> Series:
    """Read the data as they are, or the copy that was kept where they have changed and are not asked for."""
    choice = DataChoice.current if current else DataChoice.auto
    chosen = choose_data(parent, recorded, spec, choice)
    return read_data(spec) if chosen.kept is None else chosen.kept.read()


def spec_on_all(spec: ExperimentSpec, epochs: int) -> ExperimentSpec:
    """Return the experiment that trains on every row for so many epochs, and scores nothing."""
    select = spec.evaluation.select  # of a user's own scores there is none where nothing is scored
    still = {"epochs": epochs, "early_stopping": None, "refit": None}
    return spec.model_copy(
        update={
            "data": spec.data.model_copy(update={"split": SplitSpec(train=1.0, validation=0, test=0)}),
            "training": spec.training.model_copy(update=still),
            "evaluation": EvaluationSpec(select=select if select in SELECTED else DEFAULT_SELECT),
        }
    )


def _shown(project: Project, spec: ExperimentSpec, stored: StoredRun, *, was_done: bool) -> RunOutcome:
    if not spec.tracking.mlflow:
        return RunOutcome(stored, was_done)
    publisher = Publisher(tracking_uri(spec.tracking, project.workspace), project.workspace)
    try:
        run_id = publisher.publish(stored, with_model=spec.tracking.log_model in (None, "all"))
        return RunOutcome(stored, was_done, run_id)
    except StoreError as error:
        return RunOutcome(stored, was_done, None, not_sent(error))
