"""Where the state of a run lies until the run is over, and what must be alike for another attempt to go on from it."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import TrainingSpec
from seqexp.store.environment import describe_environment
from seqexp.store.record import RunRecord
from seqexp.training.checkpoint import Checkpoint, unfinished

FOLDER = ".checkpoints"  # in the experiment's folder; what begins with a dot is no run
_SUFFIX = ".npz"
_PACKAGES = ("seqexp", "tensorflow", "keras", "numpy")
_MACHINE = ("system", "architecture", "processor", "onednn")
_IN_VAIN = {"diverged", "pruned"}  # ends that would be come to again, or are not to be changed


@dataclass(frozen=True)
class CheckpointPlace:
    """Where a run's checkpoint lies; it can be sent to a worker.

    Attributes:
        path: The file.
        run_key: The run.
        request: Where it is given, only what was written for it is gone on with.
        home: The machine of the driver. On another one there may be a folder of the same name that is not the driver's.
    """

    path: Path
    run_key: str
    request: str
    home: str

    def open(self, training: TrainingSpec, data_fingerprint: str) -> Checkpoint:
        """Return the checkpoint of a training on this machine."""
        assert training.checkpoint is not None
        environment = describe_environment()
        versions, machine = environment["versions"], environment["machine"]
        made_by = {"run key": self.run_key, "data": data_fingerprint}
        made_by |= {name: str(versions.get(name)) for name in _PACKAGES}
        made_by |= {name: str(machine[name]) for name in _MACHINE}
        every, last = training.checkpoint.every, training.epochs
        return Checkpoint(self.path, every=every, last=last, made_by=made_by, request=self.request)

    def leave(self) -> None:
        """Remove the checkpoint of a run that is over, on a machine that the driver does not reach."""
        if platform.node() != self.home:
            remove_checkpoint(self.path)


def checkpoint_place(spec: ExperimentSpec, runs: Path, run_key: str, request: str = "") -> CheckpointPlace | None:
    """Return where a run's checkpoint is to lie; None where it is to have none."""
    if spec.training.checkpoint is None:
        return None
    return CheckpointPlace(_path(runs, spec.name, run_key), run_key, request, platform.node())


def clear_checkpoint(runs: Path, record: RunRecord) -> None:
    """Remove the checkpoint of a run, unless another attempt may go on from it."""
    if record.status == "FINISHED" or record.error.get("reason") in _IN_VAIN:
        remove_checkpoint(_path(runs, record.name, record.run_key))


def list_checkpoints(runs: Path) -> list[Path]:
    """Return the checkpoints that are there."""
    return sorted(runs.glob(f"*/{FOLDER}/*{_SUFFIX}"))


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint, one that was not written to its end too, and the folder that it leaves empty."""
    for left in (path, unfinished(path)):
        with suppress(OSError):
            left.unlink()
    with suppress(OSError):
        path.parent.rmdir()


def _path(runs: Path, name: str, run_key: str) -> Path:
    return runs / name / FOLDER / f"{run_key}{_SUFFIX}"
