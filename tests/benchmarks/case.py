"""What every side of the benchmark trains: the same data, shapes and windows. It needs NumPy alone.

Axis letters: T steps, F features, W windows, L timesteps, N output steps.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FEATURES = 8
VALIDATION = 500
TOPOLOGIES = ("encoder_decoder", "vector_output", "many_to_many")
SHAPES = ((24, 12, 32, 32), (48, 12, 32, 32), (24, 12, 64, 256), (168, 24, 128, 64))

Array = np.ndarray[Any, np.dtype[Any]]
Report = Callable[..., None]


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    topology: str
    timesteps: int
    output_length: int
    units: int
    batch: int
    windows: int
    epochs: int
    seed: int = 0

    @property
    def rows(self) -> tuple[int, int]:
        """Rows of the training and of the validation split."""
        return self.timesteps + self.windows + self.output_length - 1, VALIDATION + self.output_length - 1


def make_case(topology: str, shape: tuple[int, int, int, int], windows: int, epochs: int) -> Case:
    timesteps, output_length, units, batch = shape
    if topology == "many_to_many":
        output_length = timesteps
    return Case(topology, timesteps, output_length, units, batch, windows, epochs)


def make_series(case: Case) -> Array:
    """Waves of several periods under noise, ``(T, F)`` float32, mean about 0 and deviation about 1."""
    rng = np.random.default_rng(3)
    steps_T = np.arange(sum(case.rows) + case.output_length)
    periods_F = np.array([12, 24, 36, 60, 90, 168, 250, 400])
    waves_TF = np.sin(2 * np.pi * steps_T[:, None] / periods_F + np.arange(FEATURES))
    mixed_TF = 1.2 * waves_TF @ rng.normal(size=(FEATURES, FEATURES)) / np.sqrt(FEATURES)
    return (mixed_TF + rng.normal(scale=0.3, size=mixed_TF.shape)).astype(np.float32)


def cut_windows(case: Case, series_TF: Array) -> tuple[Array, Array, Array, Array]:
    """Training and validation windows in memory, as most scripts hold them: ``(W, L, F)`` and ``(W, N, 1)`` of each."""

    def cut(first: int, n: int) -> tuple[Array, Array]:
        starts_W = first + np.arange(n)
        inputs_WLF = series_TF[starts_W[:, None] + np.arange(case.timesteps)]
        steps_WN = starts_W[:, None] + case.timesteps + np.arange(case.output_length)
        return inputs_WLF, series_TF[steps_WN, :1]

    return *cut(0, case.windows), *cut(case.windows + case.output_length - 1, VALIDATION)


def talk(train: Callable[[Case, Report], dict[str, Any]]) -> None:
    """Train the cases that come on stdin, and hold still after every epoch until told to go on.

    So the sides take turns: an epoch of each, then the next, and a busy minute of the machine meets all of them.
    """
    words = sys.stdin

    def report(**values: Any) -> None:
        print("epoch", json.dumps(values), flush=True)
        words.readline()

    print("ready {}", flush=True)
    while line := words.readline():
        began = time.perf_counter()
        ended = train(Case(**json.loads(line)), report)
        print("end", json.dumps({**ended, "wall": time.perf_counter() - began}), flush=True)


HERE = Path(__file__).parent
