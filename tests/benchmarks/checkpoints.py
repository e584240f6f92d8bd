"""What checkpoints cost: ``python tests/benchmarks/checkpoints.py`` trains a small LSTM without and with them by turns.

It prints CPU and wall milliseconds an epoch, the least of several trainings: what else the machine does only adds.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from seqexp.training.start import start_tensorflow

EPOCHS, TURNS = 60, 9
WORDS = ["data=household_power", "topology=vector_output", f"training.epochs={EPOCHS}"]


def main() -> None:
    """Train and print."""
    start_tensorflow(1)
    from seqexp.data.dataset import prepare_dataset
    from seqexp.models.build import build_model
    from seqexp.training.checkpoint import Checkpoint
    from seqexp.training.fit import fit_model, set_seed
    from seqexp.workflows.project import open_project
    from seqexp.workflows.running.train_and_score import arrays_of

    spec = open_project().compose_one(WORDS).spec
    dataset = prepare_dataset(spec)
    arrays = arrays_of(dataset)
    weights = 0

    def train(every: int) -> tuple[float, float, int]:
        nonlocal weights
        set_seed(spec.seed)
        model = build_model(spec).model
        weights = model.count_params()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "checkpoint.npz"
            checkpoint = Checkpoint(path, every=every, last=EPOCHS, made_by={}) if every else None
            began, used = time.perf_counter(), time.process_time()
            fit_model(
                model,
                arrays,
                spec.training,
                spec.optimizer,
                seed=spec.seed,
                on_epoch=lambda event: None,
                checkpoint=checkpoint,
            )
            wall, cpu = time.perf_counter() - began, time.process_time() - used
            return 1000 * wall / EPOCHS, 1000 * cpu / EPOCHS, path.stat().st_size if every else 0

    train(0)  # compiles
    found = {every: [] for every in (0, 5, 1)}
    for _ in range(TURNS):
        for every, taken in found.items():
            taken.append(train(every))
    print(f"{weights:,} weights, {len(arrays.train_W):,} windows an epoch, the least of {TURNS} trainings")
    for every, taken in found.items():
        wall, cpu, size = (min(values) for values in zip(*taken, strict=True))
        name = f"every {every}" if every else "none"
        print(f"{name:8} {cpu:6.2f} ms of CPU an epoch, {wall:6.2f} ms on the clock, a file of {size:,} bytes")


if __name__ == "__main__":
    main()
