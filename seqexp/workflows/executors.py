"""From the config to an executor that computes runs."""

from __future__ import annotations

from dataclasses import dataclass

from seqexp.execution.contract import Executor
from seqexp.execution.inline import InlineExecutor
from seqexp.execution.processes import ProcessExecutor
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import ExecutionSpec
from seqexp.workflows.compute import Computed, Tell, compute_run


@dataclass(frozen=True)
class RunTask:
    """What a worker is given: an experiment, and the fingerprint that its data had when it was planned."""

    spec: ExperimentSpec
    fingerprint: str


def make_executor(execution: ExecutionSpec) -> Executor:
    """Make the executor that a config names; nothing is started yet."""
    if execution.executor == "inline":
        return InlineExecutor(work)
    return ProcessExecutor(
        work,
        warm_up=warm_up,
        workers=execution.workers,
        timeout=execution.timeout,
        retries=execution.retries,
    )


def work(task: RunTask, tell: Tell) -> Computed:
    """Compute one run, in whatever process."""
    computed = compute_run(task.spec, tell)
    found = computed.values["data"]["fingerprint"]
    if found != task.fingerprint:
        message = "the data changed after the sweep was planned; give the command again."
        return Computed("FAILED", {"reason": "data_changed", "message": message}, message)
    return computed


def warm_up() -> None:
    """Import what every run needs, on one core: as many workers as there are cores share the machine."""
    from seqexp.training.start import start_tensorflow

    start_tensorflow(1)
    import seqexp.figures.forecast
    import seqexp.models.build
    import seqexp.models.saved
    import seqexp.training.fit  # noqa: F401
