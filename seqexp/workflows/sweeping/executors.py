"""From the config to an executor that computes runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from seqexp.data.dataset import prepare_dataset
from seqexp.data.snapshot import KeptSeries
from seqexp.execution.contract import Executor
from seqexp.execution.fork_server import ForkServer
from seqexp.execution.inline import InlineExecutor
from seqexp.execution.processes import ProcessExecutor
from seqexp.execution.ray import RayExecutor
from seqexp.extras import require
from seqexp.plugins.code import Code
from seqexp.plugins.loading import adopt
from seqexp.spec.execution import ExecutionSpec
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.environment import package_versions
from seqexp.workflows.running.again import Again
from seqexp.workflows.running.checkpoints import CheckpointPlace
from seqexp.workflows.running.compute import Computed, Tell, compute_run

_ALIKE = ("python", "seqexp", "tensorflow", "keras", "numpy", "pandas")  # on all machines of a cluster


@dataclass(frozen=True)
class RunTask:
    """What a worker is given.

    Attributes:
        spec: The experiment.
        fingerprint: That of its data when it was planned.
        kept: A copy of its data, which is read in place of what the spec names.
        codes: A user's own code that it uses: its text, for a worker on another machine has no such file.
        place: Where the state of its training may lie.
        timeout: Seconds that it may take, where its executor cannot end it; None for no limit.
    """

    spec: ExperimentSpec
    fingerprint: str
    kept: KeptSeries | None = None
    codes: tuple[Code, ...] = ()
    place: CheckpointPlace | None = None
    timeout: float | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The data file, if there is one."""
        if self.kept:
            return (str(self.kept.path),)
        return (str(self.spec.data.path),) if self.spec.data.path else ()

    def moved(self, places: Mapping[str, str]) -> RunTask:
        """Return the same task for a machine on which the files lie elsewhere."""
        if self.kept:
            return replace(self, kept=self.kept.moved(places[str(self.kept.path)]))
        data = self.spec.data.model_copy(update={"path": places[str(self.spec.data.path)]})
        return replace(self, spec=self.spec.model_copy(update={"data": data}))


def make_executor(execution: ExecutionSpec, server: ForkServer | None = None) -> Executor:
    """Make the executor that a config names; nothing more is started yet.

    Args:
        execution: The config.
        server: What worker processes are forked from, if it was started before; if there are to be none, it is killed.

    Raises:
        ExecutionError: It is not installed.
    """
    if server is not None and execution.executor != "processes":
        server.kill()
    if execution.executor == "inline":
        return InlineExecutor(work)
    if execution.executor == "ray":
        require("ray", key="execution.executor")
        return RayExecutor(
            work,
            warm_up=warm_up,
            versions=versions,
            address=execution.address,
            workers=execution.workers,
            cpus_per_run=execution.cpus_per_run,
            gpus_per_run=execution.gpus_per_run,
            timeout=execution.timeout,
            retries=execution.retries,
        )
    return ProcessExecutor(
        work,
        server=server,
        prepare=prepare,
        warm_up=warm_up,
        workers=execution.workers,
        timeout=execution.timeout,
        retries=execution.retries,
    )


def work(task: RunTask, tell: Tell) -> Computed:
    """Compute one run, in whatever process."""
    adopt(task.codes)
    dataset = prepare_dataset(task.spec, series=Again(kept=task.kept).read(task.spec))
    computed = compute_run(task.spec, tell, dataset, place=task.place, timeout=task.timeout)
    found = computed.values["data"]["fingerprint"]
    if found != task.fingerprint:
        message = "the data changed after the sweep was planned; give the command again."
        return Computed("FAILED", {"reason": "data_changed", "message": message}, message)
    if task.place is not None and computed.status == "FINISHED":
        task.place.leave()
    return computed


def versions() -> dict[str, str]:
    """Return what must be alike on all machines, for the same run to give the same numbers on each."""
    return {name: version for name, version in package_versions().items() if name in _ALIKE}


def prepare() -> None:
    """Import what every run needs; nothing is computed, so that workers can be forked."""
    from seqexp.training.start import import_tensorflow

    import_tensorflow(1)

    import seqexp.figures.forecast
    import seqexp.models.build
    import seqexp.models.saved
    import seqexp.training.fit  # noqa: F401


def warm_up() -> None:
    """Import what every run needs, and start TensorFlow on one core: as many workers as cores share the machine."""
    prepare()
    from seqexp.training.start import start_tensorflow

    start_tensorflow(1)
