"""The verbs from Python: ``run``, ``sweep`` and ``rerun`` as on the command line, and the reading of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import ConfigError
from seqexp.spec.parts import shown
from seqexp.store.find_runs import find_run
from seqexp.workflows.project import open_project
from seqexp.workflows.rerunning.options import RerunOptions
from seqexp.workflows.rerunning.recorded_data import DataChoice
from seqexp.workflows.rerunning.rerun import rerun as repeat
from seqexp.workflows.rerunning.verdict import TOLERANCE, Outcome, Verdict
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


@dataclass(frozen=True)
class Rerun:
    """What came of repeating a run.

    Attributes:
        run: The new attempt.
        before: The run that it repeats.
        verdict: ``bitwise``, ``tolerance``, ``drifted`` or ``failed``.
        reproduced: Whether it came out the same, to the last bit or within the tolerance.
        reasons: Why figures differ, as far as the records tell: data, code, versions, machine, overrides; or why it
            failed. Empty where none differs.
        differs: Everything that is another, whether a figure depends on it or not.
        notes: What a reader has to know besides, such as that the copy of the data was read.
        text: The verdict in a sentence, with the figure that differs most.
    """

    run: Run
    before: Run
    verdict: Outcome
    reproduced: bool
    reasons: list[str]
    differs: list[str]
    notes: list[str]
    text: str

    def __repr__(self) -> str:
        return f"<Rerun of {self.run.record.rerun_of} as {self.run.run_dir.name}: {self.text}>"


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


def rerun(
    run: Run | str | Path,
    overrides: Sequence[str] = (),
    *,
    data: str = "auto",
    tolerance: float = TOLERANCE,
    from_mlflow: str | bool = False,
    workspace: str | Path | None = None,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Rerun:
    """Run a recorded run again, as a new attempt, and say whether it came out the same, and if not, why.

    Args:
        run: A run, its directory, its run key or the beginning of one, or its MLflow run id.
        overrides: What is to be another: ``["training.epochs=50"]``. Then it is another run, and the reasons name them.
        data: ``auto``: today's data, or the copy beside the runs where they have changed; ``current``: today's in any
            case; ``snapshot``: the copy in any case.
        tolerance: By how much figures may differ, relative to their size.
        from_mlflow: The address of a tracking store that shows the run, where it is recorded elsewhere; True for the
            store of the workspace.
        workspace: The folder of runs, which the new attempt is recorded in; by default as on the command line.
        config_dir: A folder with config groups of your own.
        plugins: Files with the own code that the run uses, where the workspace does not name them.

    Raises:
        SeqexpError: There is no such run, or it cannot be repeated; nothing is recorded.
    """
    if data not in list(DataChoice):
        raise ConfigError(f"expected auto, current or snapshot, got {shown(data)}.", key="data")
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance <= 1:
        raise ConfigError(f"expected a share of 0 to 1, got {shown(tolerance)}.", key="tolerance")
    project = open_project(workspace, config_dir, plugins)
    store = from_mlflow if isinstance(from_mlflow, str) else "" if from_mlflow else None
    word = run.run_dir if isinstance(run, Run) else run
    options = RerunOptions(DataChoice(data), tolerance, store)
    done = repeat(project, str(word), _texts(overrides), options)
    verdict = done.verdict
    return Rerun(
        run=Run(done.outcome.stored, done.outcome.mlflow_run_id, load_code=project.load_code),
        before=Run(done.before, load_code=project.load_code),
        verdict=verdict.outcome,
        reproduced=verdict.is_reproduced,
        reasons=_reasons(verdict),
        differs=[found.text for found in verdict.differences],
        notes=list(verdict.notes),
        text=verdict.text,
    )


def _reasons(verdict: Verdict) -> list[str]:
    if verdict.outcome == "failed":
        return [verdict.reason]
    return [cause.text for cause in verdict.causes] if verdict.changes else []


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
