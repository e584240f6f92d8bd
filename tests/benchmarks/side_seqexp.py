"""The side of seqexp: what a worker does for a run, from the spec to the trained model."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from case import FEATURES, VALIDATION, Case, Report, make_series, talk

from seqexp.data.dataset import prepare_dataset
from seqexp.training.start import start_tensorflow
from seqexp.workflows.project import open_project

THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
ENGINE = sys.argv[1] if len(sys.argv) > 1 else "compiled"
start_tensorflow(THREADS)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402, F401

from seqexp.models.build import build_model  # noqa: E402
from seqexp.training.compiled_function import CompiledFunction  # noqa: E402
from seqexp.training.fit import fit_model, set_seed  # noqa: E402
from seqexp.workflows.running.train_and_score import arrays_of  # noqa: E402

FOLDER = Path(tempfile.mkdtemp(prefix="seqexp-bench-"))
inside = 0.0


def _clocked() -> None:
    """Measure what is spent in compiled programs; the rest of an epoch is seqexp's own."""
    call = CompiledFunction.__call__

    def timed(self: CompiledFunction, *arguments: Any) -> Any:
        global inside
        began = time.perf_counter()
        given = call(self, *arguments)
        given[0].numpy()
        inside += time.perf_counter() - began
        return given

    CompiledFunction.__call__ = timed  # type: ignore[method-assign]


def _overrides(case: Case) -> list[str]:
    path = FOLDER / f"{case.timesteps}-{case.output_length}-{case.windows}.csv"
    names = [f"x{n}" for n in range(FEATURES)]
    if not path.exists():
        series_TF = make_series(case)
        np.savetxt(path, series_TF, fmt="%.9g", delimiter=",", header=",".join(names), comments="")
    train, validation = case.rows
    lengths = [f"timesteps={case.timesteps}"]
    if case.topology != "many_to_many":
        lengths.append(f"output_length={case.output_length}")
    return [
        *(f"topology={case.topology}", f"topology.units={case.units}", *lengths, f"seed={case.seed}"),
        *("data=table", f"data.path={path}", "data.time=null", "data.targets=x0", "data.features=all"),
        *("data.scaler=none", "data.season=null"),
        f"data.split={{train:{train},validation:{validation},test:{case.output_length}}}",
        *(f"training.epochs={case.epochs}", f"training.batch_size={case.batch}", f"training.engine={ENGINE}"),
        "training.early_stopping=null",
    ]


def train(case: Case, report: Report) -> dict[str, Any]:
    global inside
    spec = open_project(FOLDER).compose_one(_overrides(case)).spec
    dataset = prepare_dataset(spec)
    held = 0.0

    began = time.perf_counter()
    set_seed(spec.seed)
    model = build_model(spec).model
    arrays = arrays_of(dataset)
    inside, was = 0.0, 0.0

    def on_epoch(event: Any) -> None:
        nonlocal held, was
        stopped = time.perf_counter()
        own = event.seconds - (inside - was)
        values = event.values
        report(seconds=event.seconds, own=own, loss=values["train/loss"], val=values["val/loss"])
        was = inside
        held += time.perf_counter() - stopped

    fit = fit_model(model, arrays, spec.training, spec.optimizer, seed=spec.seed, on_epoch=on_epoch)
    assert (len(dataset.starts["train"]), len(dataset.starts["validation"])) == (case.windows, VALIDATION)
    return {
        "seconds": time.perf_counter() - began - held,
        "compile": fit.compile_seconds,
        "weights": model.count_params(),
    }


if __name__ == "__main__":
    keras.utils.disable_interactive_logging()
    _clocked()
    talk(train)
