"""Several targets: figures for each, under names that MLflow takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from seqexp.workflows.project import Project
from seqexp.workflows.running.requests import request_run


def test_each_target_has_its_figures_in_the_record_and_in_mlflow(project: Project, workspace: Path) -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=200), "b (kW)": random.normal(10, 3, size=200)})
    table.to_csv(workspace / "t.csv", index=False)
    words = ["data=table", "data.path=t.csv", "data.targets=[a,'b (kW)']", "training.epochs=1"]
    outcome = request_run(project, project.compose_one([*words, "topology=vector_output", "topology.units=2"]))
    metrics = outcome.stored.record.metrics
    halves = [metrics["test/mae/a"], metrics["test/mae/b (kW)"]]
    assert {"test/mae/a", "test/rmse/b (kW)", "val/mae/b (kW)"} <= set(metrics)
    assert np.mean(halves) == pytest.approx(metrics["test/mae"])
    shown = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}").get_run(str(outcome.mlflow_run_id)).data.metrics
    assert shown["test/mae/a"] == metrics["test/mae/a"]
    assert shown["test/mae/b _kW_"] == metrics["test/mae/b (kW)"]
