"""The last training on train and validation together: what it sees, and what its figures rest on."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from seqexp.data.dataset import prepare_dataset
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import open_project
from seqexp.workflows.running.requests import request_run

WORDS = ["data=sine", "data.source.sine.length=300", "timesteps=6", "output_length=2", "topology=vector_output"]
FAST = ["topology.units=4", "training.epochs=3", "tracking=none"]


def _run(tmp_path: Path, *words: str) -> StoredRun:
    project = open_project(tmp_path)
    return request_run(project, project.compose_one([*WORDS, *FAST, *words])).stored


def test_it_changes_the_test_figures_and_no_validation_figure(tmp_path: Path) -> None:
    once, again = _run(tmp_path), _run(tmp_path, "training.refit=train+validation")
    assert again.record.status == "FINISHED", again.record.error
    for name, value in once.record.metrics.items():
        if name.startswith("val/"):
            assert again.record.metrics[name] == value
    assert again.record.metrics["test/mae"] != once.record.metrics["test/mae"]
    assert again.record.fit["best_epoch"] == once.record.fit["best_epoch"]
    assert again.record.fit["refit_windows"] == 255 - 6 - 1  # targets from step 6 up to 254


def test_the_model_that_is_kept_is_the_one_that_was_tested(tmp_path: Path) -> None:
    run = _run(tmp_path, "training.refit=train+validation")
    dataset = prepare_dataset(open_project(tmp_path).compose_one([*WORDS, *FAST]).spec)
    steps = dataset.starts["test"][:, None] + np.arange(6)
    model = keras.saving.load_model(run.path / "model.keras")
    given = dataset.target_scaler.inverse(model.predict(dataset.inputs_TF[steps], verbose=0))
    np.testing.assert_allclose(given, run.forecasts["forecast"], rtol=1e-4)


def test_no_window_of_it_reaches_into_the_test_split(tmp_path: Path) -> None:
    dataset = prepare_dataset(
        open_project(tmp_path).compose_one([*WORDS, "training.refit=train+validation", "evaluation.conformal={}"]).spec
    )
    assert dataset.refit_W is not None
    last = dataset.refit_W.max() + 6 + 2
    assert last == dataset.bounds.validation[1] == dataset.bounds.calibration[0]
    assert len(dataset.refit_W) > len(dataset.starts["train"]) + len(dataset.starts["validation"])  # those between, too
