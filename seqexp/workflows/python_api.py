"""The verbs from Python: what ``seqexp run``, ``seqexp sweep`` and the reading of a run are on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import ConfigError
from seqexp.spec.parts import shown
from seqexp.store.run_dir import find_run
from seqexp.workflows.project import open_project
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.points import LeftOut
from seqexp.workflows.sweeping.sweep import plan_and_start, run_sweep
from seqexp.workflows.using.load import Run


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep, and the points that were left out."""

    runs: list[Run]
    skipped: list[LeftOut]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)


def run(
    overrides: Sequence[str] = (),
    *,
    force: bool = False,
    workspace: str | Path | None = None,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Run:
    """Train one experiment and record it, or return the stored run if it was run before.

    Args:
        overrides: As on the command line: ``["topology=vector_output", "training.epochs=5"]``.
        force: Run it again, as a new attempt.
        workspace: The folder of runs; by default as on the command line.
        config_dir: A folder with config groups of your own.
        plugins: Files with own layers, losses and other parts, as ``--plugin`` on the command line.

    Returns:
        The run; ``run.status`` says whether it finished.

    Raises:
        SeqexpError: The request is wrong; nothing is recorded.
    """
    project = open_project(workspace, config_dir, plugins)
    outcome = request_run(project, project.compose_one(_texts(overrides)), force=force)
    return Run(outcome.stored, outcome.mlflow_run_id, load_code=project.load_code)


def sweep(
    words: Sequence[str],
    *,
    force: bool = False,
    retry_failed: bool = False,
    workspace: str | Path | None = None,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Sweep:
    """Run every combination of several values, or a study; what was run before is not run again.

    Args:
        words: ``["topology=all", "timesteps=7,14"]``, or a study and overrides.
        force: Run again what was run before.
        retry_failed: Run again what failed before.
        workspace: The folder of runs; by default as on the command line.
        config_dir: A folder with config groups of your own.
        plugins: Files with own layers, losses and other parts, as ``--plugin`` on the command line.

    Raises:
        SeqexpError: The request is wrong.
    """
    project = open_project(workspace, config_dir, plugins)
    plan, executor = plan_and_start(project, _texts(words))
    result = run_sweep(project, plan, SweepOptions(force=force, retry_failed=retry_failed), executor=executor)
    return Sweep(
        [Run(outcome.stored, outcome.mlflow_run_id, load_code=project.load_code) for outcome in result.outcomes],
        result.skipped,
    )


def _texts(words: object) -> list[str]:
    if isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words):
        return list(words)
    mend = 'For example seqexp.run(["topology=vector_output", "training.epochs=5"]).'
    raise ConfigError(f"expected a list of texts, got {shown(words)}.", mend=mend)


def load(run: str | Path, *, workspace: str | Path | None = None, plugins: Sequence[str | Path] = ()) -> Run:
    """Read a recorded run.

    Args:
        run: Its directory, its run key, or the beginning of one.
        workspace: Where to look for a run key.
        plugins: Files with the own code that its model uses, where the workspace does not name them.

    Raises:
        StoreError: There is no such run.
    """
    project = open_project(workspace, plugins=plugins)
    return Run(find_run(str(run), project.runs), load_code=project.load_code)
