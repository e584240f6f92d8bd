"""The verb that repeats what was recorded: rerun."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

import typer

from seqexp.cli.options import A_RUN, ConfigDir, FromMlflow, Json, Plugins, Workspace
from seqexp.cli.signals import Stopped
from seqexp.cli.words import FROM_MLFLOW, without_option
from seqexp.errors import ConfigError

if TYPE_CHECKING:
    from seqexp.workflows.project import Project
    from seqexp.workflows.rerunning.options import RerunOptions

TOLERANCE = 1e-4


class Data(StrEnum):
    """What ``--data`` takes."""

    auto = "auto"
    current = "current"
    snapshot = "snapshot"


class Env(StrEnum):
    """What ``--env`` takes."""

    present = "present"
    recorded = "recorded"


def rerun(
    context: typer.Context,
    run: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help=f"{A_RUN} Or an MLflow run id.",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            help="Values that are to be others than the run's: training.epochs=50 seed=1",
            metavar="KEY=VALUE",
            show_default=False,
        ),
    ] = None,
    sweep: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--sweep",
            help="In place of RUN: every finished run of a sweep, by its key or its name.",
            metavar="SWEEP",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Data,
        typer.Option(
            "--data",
            help="auto: today's data, or the copy beside the runs where they have changed; current: today's in any "
            "case; snapshot: the copy in any case.",
        ),
    ] = Data.auto,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            help="By how much figures may differ, relative to their size, and count as reproduced.",
            min=0.0,
            max=1.0,
        ),
    ] = TOLERANCE,
    from_mlflow: FromMlflow = None,
    env: Annotated[
        Env,
        typer.Option(
            "--env",
            help="present: in the environment of this command. recorded: in a virtual environment with the Python and "
            "the package versions of the record, which is built in the user's cache the first time (minutes; uv or pip "
            "fetch the packages).",
        ),
    ] = Env.present,
    json: Json = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Run again what was recorded, and say whether it came out the same, and if not, what has changed.

    The exit code is 0 where it is reproduced, bitwise or within the tolerance, and 1 where it drifted.

    Overrides make it another run: what they change is named beside the figures.

    [bold]Examples:[/]  seqexp rerun 108749  |  seqexp rerun 108749 training.epochs=50  |
    seqexp rerun --sweep eight_topologies  |  seqexp rerun 108749 --from-mlflow http://host:5000
    """
    from seqexp.workflows.project import open_project
    from seqexp.workflows.rerunning.options import RerunOptions
    from seqexp.workflows.rerunning.recorded_data import DataChoice

    options = RerunOptions(DataChoice(data), tolerance, from_mlflow)
    project = open_project(workspace, config_dir, plugin)
    if sweep is not None:
        if run is not None and "=" not in run:
            message = f"a run ({run}) and a sweep ({sweep}) are asked for."
            raise ConfigError(message, key="--sweep", mend="Name one of the two.")
        if from_mlflow is not None:
            message = "the runs of a sweep are found by its plan, which is here or nowhere."
            raise ConfigError(message, key=FROM_MLFLOW, mend="Name its runs, one after another.")
        words = [*([run] if run else []), *(overrides or [])]
        if env is Env.recorded:
            _rerun_there(project, context.meta["words"], run=None, sweep=sweep, from_mlflow=None)
        _rerun_sweep(project, sweep, words, options, json=json)
        return
    if run is None:
        raise ConfigError("rerun needs a run, or a sweep.", mend="seqexp list runs shows what there is.")
    if env is Env.recorded:
        _rerun_there(project, context.meta["words"], run=run, sweep=None, from_mlflow=from_mlflow)
    _rerun_one(project, run, overrides or [], options, json=json)


def _rerun_there(
    project: Project, words: Sequence[str], *, run: str | None, sweep: str | None, from_mlflow: str | None
) -> NoReturn:
    """Become the same command in the environment of the record; its exit code is that of this one."""
    from seqexp.cli.screen import progress
    from seqexp.workflows.rerunning.start_there import start_there

    def tell(line: str) -> None:
        progress().print(line, markup=False, soft_wrap=True)

    again = ["rerun", *without_option(words, "--env")]
    start_there(project, again, run=run, sweep=sweep, from_mlflow=from_mlflow, tell=tell)


def _rerun_one(project: Project, run: str, overrides: Sequence[str], options: RerunOptions, *, json: bool) -> None:
    from seqexp.cli.bar import BarReporter
    from seqexp.cli.reports import print_warnings
    from seqexp.cli.screen import print_json
    from seqexp.cli.verdicts import print_rerun
    from seqexp.workflows.rerunning.rerun import rerun as repeat
    from seqexp.workflows.running.requests import RunOutcome

    interrupted: list[RunOutcome] = []
    try:
        done = repeat(
            project,
            run,
            overrides,
            options,
            reporter=BarReporter(),
            on_killed=interrupted.append,
        )
    except Stopped as stopped:
        stopped.told = interrupted[0].as_values() if interrupted else {}
        raise
    print_warnings([done.outcome.warning])
    if json:
        print_json(done.as_values())
    else:
        print_rerun(done)
    if not done.verdict.is_reproduced:
        raise typer.Exit(1)


def _rerun_sweep(project: Project, sweep: str, overrides: Sequence[str], options: RerunOptions, *, json: bool) -> None:
    from seqexp.cli.bar import BarReporter
    from seqexp.cli.reports import print_warnings
    from seqexp.cli.screen import print_json, progress
    from seqexp.cli.verdicts import print_rerun_sweep
    from seqexp.workflows.rerunning.rerun_sweep import RerunSweepResult, rerun_sweep

    result = RerunSweepResult()
    try:
        rerun_sweep(
            project,
            sweep,
            overrides,
            options,
            reporter=BarReporter(),
            result=result,
        )
    except Stopped as stopped:
        stopped.told = result.as_values()
        progress().print(f"So far: {result.total or 'no run was done'}.")
        raise
    print_warnings(result.sweep.warnings)
    if json:
        print_json(result.as_values())
    else:
        print_rerun_sweep(result)
    if not result.is_reproduced:
        raise typer.Exit(1)
