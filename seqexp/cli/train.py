"""The verbs that train: run, sweep, demo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from seqexp.cli.options import ConfigDir, Json, Overrides, Plugins, Workspace
from seqexp.cli.signals import Stopped
from seqexp.errors import ConfigError, Problem

if TYPE_CHECKING:
    from seqexp.execution.fork_server import ForkServer
    from seqexp.workflows.project import Project
    from seqexp.workflows.running.requests import RunOutcome
    from seqexp.workflows.sweeping.earlier import SweepOptions
    from seqexp.workflows.sweeping.plan import Plan

Force = Annotated[bool, typer.Option("--force", help="Run again what was run before, as a new attempt.")]


def run(
    overrides: Overrides = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One epoch on a few windows, not recorded: does it work?")
    ] = False,
    force: Force = False,
    json: Json = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train one experiment, compare it with the baselines, and record it; of a backtest, every fold.

    [bold]Examples:[/]  seqexp run topology=encoder_decoder timesteps=14  |  seqexp run data=co2 timesteps=52 --quick
    """
    from seqexp.cli import reports
    from seqexp.cli.bar import BarReporter
    from seqexp.cli.screen import print_json
    from seqexp.workflows.project import open_project
    from seqexp.workflows.running.requests import request_run
    from seqexp.workflows.running.run import quick_run
    from seqexp.workflows.sweeping.earlier import SweepOptions

    project = open_project(workspace, config_dir, plugin)
    composed = project.compose_one(overrides or [])
    if quick:
        with composed.explained():
            metrics, baselines = quick_run(composed.spec, BarReporter())
        if json:
            print_json({"status": "QUICK", "metrics": metrics, "baselines": baselines})
        else:
            reports.print_quick(composed.spec, metrics)
        return
    if composed.spec.evaluation.folds_to_run:
        _sweep(project, overrides or [], SweepOptions(force=force, retry_failed=True), json=json)
        return
    interrupted: list[RunOutcome] = []
    try:
        outcome = request_run(project, composed, force=force, reporter=BarReporter(), on_killed=interrupted.append)
    except Stopped as stopped:
        stopped.told = interrupted[0].as_values() if interrupted else {}
        raise
    reports.print_warnings([outcome.warning])
    if json:
        print_json(outcome.as_values())
    else:
        reports.print_run(outcome, project)
    _exit_if_failed([outcome])


def sweep(
    words: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            help="A study (file or shipped name) and overrides; several values make an axis.",
            metavar="STUDY | KEY=VALUES",
        ),
    ] = None,
    force: Force = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run again what failed before.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run, and run nothing; --json names every point.")
    ] = False,
    json: Json = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Run every combination of several values, or a study, and compare the runs.

    Axes need no quotes: topology=all, timesteps=7,14, seed=0..9. Hydra's grammar works too: 'topology=glob(many*)'.
    The runs are shared out to worker processes (execution.workers). The same command again runs what is missing.

    [bold]Examples:[/]  seqexp sweep topology=all timesteps=7,14  |  seqexp sweep my_study.yaml seed=0..4
    """
    from seqexp.workflows.sweeping.ahead import start_ahead

    with nullcontext() if dry_run else start_ahead() as server:
        from seqexp.workflows.project import open_project
        from seqexp.workflows.sweeping.earlier import SweepOptions

        project = open_project(workspace, config_dir, plugin)
        options = SweepOptions(force=force, retry_failed=retry_failed, fail_fast=fail_fast)
        if server is None:
            _look_ahead(project, words or [], options, json=json)
        else:
            _sweep(project, words or [], options, server, json=json)


def demo(
    workspace: Workspace = None,
    force: Force = False,
) -> None:
    """Train all eight topologies on a household's daily electricity and compare them with naive forecasts.

    Under half a minute on two cores; nothing is downloaded. [bold]Example:[/]  seqexp demo
    """
    from seqexp.workflows.sweeping.ahead import start_ahead

    with start_ahead() as server:
        from seqexp.cli.screen import results
        from seqexp.workflows.project import open_project
        from seqexp.workflows.sweeping.earlier import SweepOptions

        project = open_project(workspace)
        results().print(
            "Eight ways to connect input and output lengths, trained on 1,440 days of one household's electricity.\n"
        )
        _sweep(project, ["eight_topologies"], SweepOptions(force=force), server, json=False)
    results().print(f"\nOpen the runs in the MLflow UI:  [bold]{_ui_command()}[/]", soft_wrap=True)


def _sweep(
    project: Project, words: list[str], options: SweepOptions, server: ForkServer | None = None, *, json: bool
) -> None:
    from seqexp.cli import reports
    from seqexp.cli.bar import BarReporter
    from seqexp.cli.screen import print_json, progress
    from seqexp.workflows.sweeping.sweep import SweepResult, plan_and_start, run_sweep

    plan, executor = plan_and_start(project, words, server)
    if plan.question:
        progress().print(plan.question, style="bold")
    _refuse_nothing(plan)
    result = SweepResult()
    try:
        run_sweep(project, plan, options, executor=executor, reporter=BarReporter(), result=result)
    except Stopped as stopped:
        stopped.told = result.as_values()
        done = sum(outcome.stored.record.status == "FINISHED" for outcome in result.outcomes)
        progress().print(f"{done} of {plan.size} runs are done; the same command goes on from there.")
        raise
    reports.print_warnings(result.warnings)
    if json:
        print_json(result.as_values())
    else:
        reports.print_sweep(result)
    _exit_if_failed(result.outcomes)


def _look_ahead(project: Project, words: list[str], options: SweepOptions, *, json: bool) -> None:
    from seqexp.cli.outlook import print_outlook
    from seqexp.cli.screen import print_json
    from seqexp.workflows.sweeping.dry_run import look_ahead
    from seqexp.workflows.sweeping.plan import plan_sweep

    plan = plan_sweep(project, words)
    _refuse_nothing(plan)
    outlook = look_ahead(project, plan, options)
    if json:
        print_json(outlook.as_values())
    else:
        print_outlook(outlook)


def _refuse_nothing(plan: Plan) -> None:
    if not plan.points and not plan.search:
        raise ConfigError([Problem(point.reason, key=point.label) for point in plan.left_out])


def _ui_command() -> str:
    """Return the command that opens the UI from where the person stands: make's, in a checkout."""
    return "make ui" if os.environ.get("MAKELEVEL") else "seqexp ui"


def _exit_if_failed(outcomes: Sequence[RunOutcome]) -> None:
    if any(outcome.has_failed for outcome in outcomes):
        raise typer.Exit(1)
