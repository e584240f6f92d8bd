"""``make bench-sweep``: a sweep, whole processes from start to end, beside the ways people run such sweeps.

Imports, data, training, scoring and, for seqexp, run directories and MLflow are in the time. The sides run one after
another, each round in another order, and the median of the rounds is told: of the seconds by the clock, and of the
seconds that the cores computed. What MLflow costs is a few hundredths, less than two runs of one side differ by: it is
told as the mean of the rounds with its standard error, of each round the warm side beside the same without MLflow. All
of it is in the process that hears of the runs and records them, whose own processor time differs less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median, stdev

import numpy as np
from sweep_case import OUTPUT_LENGTHS, TIMESTEPS, TOPOLOGIES, grid, make_series

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parents[1] / "experiments" / "engine" / "sweep.md"
NAMES = {
    "once": "a Keras script, started for each run",
    "loop": "the same in a loop in one process",
    "tuner": "KerasTuner's grid search",
    "torch": "PyTorch, two processes on a core each",
    "cold": "seqexp, nothing compiled before",
    "warm": "seqexp, its programs in the cache",
    "unshown": "the same without MLflow",
    "one": "seqexp, one worker, nothing compiled before",
}


class Bench:
    """The sides, each a function that runs the whole sweep."""

    def __init__(self, epochs: int, seeds: int, torch: str | None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="seqexp-bench-"))
        self.epochs, self.seeds, self.torch = epochs, seeds, torch
        self.driver = float("nan")  # seconds of a core that the last sweep took besides its workers
        np.savetxt(self.folder / "series.csv", make_series(), fmt="%.9g", header="y", comments="")
        self.sides: dict[str, Callable[[], None]] = {
            "once": lambda: [self._script("sweep_keras.py", [run]) for run in grid(seeds)] and None,
            "loop": lambda: self._script("sweep_keras.py", grid(seeds)),
            "cold": lambda: self._seqexp(tempfile.mkdtemp(dir=self.folder)),
            "warm": lambda: self._seqexp(str(self.folder / "cache")),
            "unshown": lambda: self._seqexp(str(self.folder / "cache"), "tracking=none"),
            "one": lambda: self._seqexp(tempfile.mkdtemp(dir=self.folder), "execution.workers=1"),
        }
        if find_spec("keras_tuner"):
            self.sides["tuner"] = lambda: self._script("sweep_tuner.py", grid(seeds))
        if torch:
            self.sides["torch"] = self._two_of_torch
        self._seqexp(str(self.folder / "cache"))  # fills the cache of the warm side

    def _words(self, script: str, runs: list[tuple[str, int, int, int]]) -> list[str]:
        return [str(HERE / script), str(self.folder), str(self.epochs), json.dumps(runs)]

    def _script(self, script: str, runs: list[tuple[str, int, int, int]]) -> None:
        subprocess.run([sys.executable, *self._words(script, runs)], check=True, stdout=subprocess.DEVNULL)

    def _two_of_torch(self) -> None:
        halves = [(str(core), self._words("sweep_torch.py", grid(self.seeds)[core::2])) for core in range(2)]
        started = [
            subprocess.Popen([str(self.torch), *words, core], stdout=subprocess.DEVNULL) for core, words in halves
        ]
        if any(process.wait() for process in started):
            raise SystemExit("PyTorch failed")

    def _seqexp(self, cache: str, *words: str) -> None:
        workspace = tempfile.mkdtemp(dir=self.folder)
        axes = {
            "topology": TOPOLOGIES,
            "timesteps": TIMESTEPS,
            "output_length": OUTPUT_LENGTHS,
            "seed": range(self.seeds),
        }
        swept = [f"{key}={','.join(map(str, values))}" for key, values in axes.items()]
        data = ["data=table", f"data.path={self.folder / 'series.csv'}", "data.targets=y", "data.season=24"]
        command = [str(Path(sys.executable).with_name("seqexp")), "sweep", *swept, *data]
        command += [f"training.epochs={self.epochs}", "--workspace", workspace, *words]
        environment = {**os.environ, "SEQEXP_COMPILE_CACHE": cache}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, **quiet) as process:
            while process.poll() is None:
                self.driver = _own(process.pid)
                time.sleep(0.02)
        if process.returncode:
            raise SystemExit("seqexp failed")


def _own(pid: int) -> float:
    """Return the seconds of a core that a process computed without its children; NaN where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _computed() -> float:
    """Return the seconds that all processes which were started and have ended computed on any core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _part(with_it: list[float], without: list[float]) -> str:
    """Return by how much a side takes longer than another, as the mean of the rounds and its standard error."""
    parts = [100 * (one / other - 1) for one, other in zip(with_it, without, strict=True)]
    return f"{_mean(parts)} %"


def _mean(values: list[float]) -> str:
    return f"{mean(values):.2f} +- {stdev(values) / len(values) ** 0.5:.2f}"


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--torch", help="a Python with PyTorch and NumPy; without one that side is left out")
    options.add_argument("--epochs", type=int, nargs="*", default=[10])
    options.add_argument("--seeds", type=int, default=2, help="2 make 16 runs, 4 make 32")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--sides", nargs="*", choices=list(NAMES), help="only these")
    options.add_argument("--save", type=Path, default=RESULTS)
    given = options.parse_args()
    lines = []
    for epochs in given.epochs:
        bench = Bench(epochs, given.seeds, given.torch)
        names = [name for name in NAMES if name in bench.sides and (not given.sides or name in given.sides)]
        seconds: dict[str, list[float]] = {name: [] for name in names}
        computed: dict[str, list[float]] = {name: [] for name in names}
        drivers: dict[str, list[float]] = {name: [] for name in names}
        for number in range(given.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                began, before = time.perf_counter(), _computed()
                bench.sides[name]()
                seconds[name].append(time.perf_counter() - began)
                computed[name].append(_computed() - before)
                drivers[name].append(bench.driver)
                print(f"{epochs} epochs, {NAMES[name]}: {seconds[name][-1]:.1f} s", flush=True)
        shutil.rmtree(bench.folder, ignore_errors=True)
        lines += [
            "",
            f"| {len(grid(given.seeds))} runs of {epochs} epochs | seconds | seqexp cold = 1 | seconds of a core |",
            "|---|---|---|---|",
        ]
        cold = median(seconds.get("cold", [float("nan")]))
        for name in names:
            of_cold = median(seconds[name]) / cold
            lines += [f"| {NAMES[name]} | {median(seconds[name]):.1f} | {of_cold:.2f} | {median(computed[name]):.1f} |"]
        if {"warm", "unshown"} <= set(names) and given.rounds > 1:
            more = [with_it - without for with_it, without in zip(drivers["warm"], drivers["unshown"], strict=True)]
            lines += [
                "",
                f"MLflow's part, {given.rounds} rounds: {_part(seconds['warm'], seconds['unshown'])} by the clock,",
                f"{_part(computed['warm'], computed['unshown'])} of all that the cores computed,",
                f"{_mean(more)} s of a core in the process that records the runs.",
            ]
    text = "\n".join(lines[1:])
    print(text)
    given.save.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
