"""What every side of the sweep's benchmark does: the same series, grid and windows. It needs NumPy alone."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOPOLOGIES, TIMESTEPS, OUTPUT_LENGTHS = ("vector_output", "encoder_decoder"), (24, 48), (6, 12)
UNITS, BATCH = 32, 32
Array = np.ndarray[Any, np.dtype[Any]]


def grid(seeds: int) -> list[tuple[str, int, int, int]]:
    """Topology, timesteps, output length and seed of every run."""
    return list(itertools.product(TOPOLOGIES, TIMESTEPS, OUTPUT_LENGTHS, range(seeds)))


def make_series() -> Array:
    """5,000 points: two waves and noise."""
    steps = np.arange(5000)
    noise = np.random.default_rng(5).normal(scale=0.2, size=len(steps))
    return np.sin(2 * np.pi * steps / 24) + 0.5 * np.sin(2 * np.pi * steps / 168) + noise


def windows(folder: Path, timesteps: int, length: int) -> dict[str, tuple[Array, Array]]:
    """The windows of each split, scaled with the training split: inputs (W, T, 1) and targets (W, N)."""
    series = np.loadtxt(folder / "series.csv", skiprows=1)
    bounds = {"train": (0, 3500), "validation": (3500, 4250), "test": (4250, 5000)}
    train = series[:3500]
    scaled = ((series - train.mean()) / train.std()).astype("float32")
    found = {}
    for split, (start, stop) in bounds.items():
        first = np.arange(max(start, timesteps), stop - length + 1)
        inputs = scaled[first[:, None] - timesteps + np.arange(timesteps)][..., None]
        found[split] = inputs, scaled[first[:, None] + np.arange(length)]
    return found


def told() -> tuple[Path, int, list[tuple[str, int, int, int]]]:
    """The folder, the number of epochs and the runs that the command line names."""
    folder, epochs, runs = sys.argv[1:4]
    return Path(folder), int(epochs), [tuple(run) for run in json.loads(runs)]
