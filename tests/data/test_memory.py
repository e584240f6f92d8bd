"""Memory is that of the series: nothing is made for every window, and the series is not copied again and again."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.dataset import prepare_dataset
from seqexp.data.table import read_table, release_tables
from seqexp.data.transform import Transform
from seqexp.spec.experiment import ExperimentSpec

Compose = Callable[..., ExperimentSpec]
WORDS = ["data=table", "data.targets=[c0]", "data.features=all", "topology=many_to_one", "timesteps=512"]
MEASURE = """
import resource, sys
from pathlib import Path
from seqexp.cli.main import main
try:
    main()
finally:
    if sys.platform == "linux":  # where ru_maxrss is at least the size of the process that started this one
        peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak, file=sys.stderr)
"""


def _write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    pd.DataFrame({f"c{n}": rng.normal(size=rows).astype(np.float32) for n in range(8)}).to_parquet(path)


def test_a_series_is_read_scaled_and_cut_in_a_few_times_its_size(compose: Compose, tmp_path: Path) -> None:
    rows = 400_000
    size = rows * 8 * 4
    _write(tmp_path / "big.parquet", rows)
    spec = compose(*WORDS, f"data.path={tmp_path / 'big.parquet'}")
    tracemalloc.start()
    dataset = prepare_dataset(spec)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert dataset.inputs_TF.dtype == np.float32
    assert most < 4 * size
    assert held < 2 * size  # the scaled inputs, the targets twice, the starts


def test_a_series_without_features_holds_on_to_none(compose: Compose) -> None:
    assert prepare_dataset(compose("data=sine")).series.features_TF.nbytes == 0


def test_features_that_are_the_targets_are_scaled_once(compose: Compose) -> None:
    dataset = prepare_dataset(compose("data=sine"))
    assert dataset.inputs_TF is dataset.targets_TK


def test_no_engine_has_to_copy_the_series(compose: Compose) -> None:
    from seqexp.training.compiled_engine import _padded

    dataset = prepare_dataset(compose("data=sine"))
    for values in (dataset.inputs_TF, dataset.targets_TK):
        tensor = _padded(values)
        assert np.shares_memory(np.from_dlpack(tensor), values)
        assert len(tensor) > len(values)


def test_a_series_without_transform_is_not_copied_to_undo_it() -> None:
    values_TK, forecast_WNK = np.ones((100_000, 1), np.float32), np.ones((1, 2, 1))
    tracemalloc.start()
    assert Transform().invert(forecast_WNK, np.array([7]), values_TK, "future") is forecast_WNK
    assert tracemalloc.get_traced_memory()[1] < values_TK.nbytes
    tracemalloc.stop()


def test_large_tables_are_let_go_and_others_kept(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "big.parquet", 1000)
    spec = compose(*WORDS, f"data.path={tmp_path / 'big.parquet'}").data
    first = read_table(spec)
    release_tables()
    assert read_table(spec) is first
    monkeypatch.setattr("seqexp.data.table._MOST_KEPT", 1000)
    release_tables()
    assert read_table(spec) is not first


@pytest.mark.slow
def test_ten_million_rows_train_within_two_gigabytes(tmp_path: Path) -> None:
    _write(tmp_path / "big.parquet", 10_000_000)
    words = [
        *WORDS,
        "data.path=big.parquet",
        "training.epochs=1",
        "training.stride=2000",
        "evaluation.origins.every=2000",
    ]
    command = [sys.executable, "-c", MEASURE, "run", *words]
    cold = {**os.environ, "SEQEXP_COMPILE_CACHE": "off"}  # to compile takes 150 MB
    ended = subprocess.run(command, cwd=tmp_path, env=cold, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stderr.split()[-1]) < 1.95e9
