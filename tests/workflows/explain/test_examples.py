"""Scripts of experiments on windows that lie in no series: tasks with known answers, files of windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

DENSE = "topology.layers=[Flatten,{{Dense:{{units:{0}}}}},{{Reshape:{{target_shape:[{1},{2}]}}}}]"
Hold = Callable[..., dict[str, dict[str, float]]]


def _windows(path: Path) -> list[str]:
    """Write 120 windows of two features, one of which never changes, and return the words that read them."""
    x = np.random.default_rng(0).normal(5, 2, (120, 6, 2))
    x[..., 1] = 3.0
    np.savez(path, x=x, y=np.stack([x[:, :3, 0].cumsum(axis=1), x[:, :3, 0] ** 2], axis=-1))
    return ["data=windows", f"data.path={path}", "data.targets=[sum,square]", "timesteps=6", "output_length=3"]


def test_tasks_and_files_of_windows_are_written_out(hold_against_runs: Hold, tmp_path: Path) -> None:
    task = ["data=addition", "data.source.addition.digits=1", "data.source.addition.examples=50"]
    cases = {
        "addition": [*task, "topology=vector_output", DENSE.format(24, 2, 12), "training.epochs=2"],
        "windows": [*_windows(tmp_path / "my.npz"), "topology=vector_output", DENSE.format(6, 3, 2)],
    }
    found = hold_against_runs(cases)
    assert {"test/accuracy", "test/exact_match", "test/cross_entropy"} < found["addition"].keys()


@pytest.mark.slow
def test_so_are_others(hold_against_runs: Hold, tmp_path: Path) -> None:
    few = ["topology.units=4", "training.epochs=2"]
    copy = ["data=copy_memory", "data.source.copy_memory.examples=200"]
    windows, conformal = _windows(tmp_path / "my.npz"), "evaluation.conformal={level: 0.6, share: 0.4}"
    cases = {
        "adding": ["data=adding", "data.source.adding.examples=200", "topology=many_to_one", "timesteps=9", *few],
        "copy": [*copy, "topology=encoder_decoder", "data.source.copy_memory.length=3", "timesteps=9", *few],
        "one_token": [*copy, "topology=many_to_one", "data.source.copy_memory.length=1", "timesteps=9", *few],
        "forwards": ["data=addition", "data.source.addition={examples: 300, digits: 2, reverse: false}", *few],
        "robust": [*windows, conformal, "data.scaler=robust", "training.stride=2", *few],
        "minmax": [*windows, "topology.head=quantiles", "data.scaler=minmax", "evaluation.origins.every=2", *few],
        "bare": [*windows, "topology.head=gaussian", "data.scaler=none", "data.split.validation=0.1", *few],
        "labels": [*windows, "topology=many_to_many_last_n", "topology.contract.alignment=same", *few],
    }
    hold_against_runs(cases)
