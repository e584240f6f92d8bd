"""The verbs that train: run, sweep, demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqexp.cli.options import ConfigDir, Json, Overrides, Workspace

if TYPE_CHECKING:
    from seqexp.workflows.requests import RunOutcome

Force = Annotated[bool, typer.Option("--force", help="Run again what was run before, as a new attempt.")]


def run(
    overrides: Overrides = None,
    quick: Annotated[bool, typer.Option("--quick", help="One epoch on a few windows, not recorded: does it work?")] = False,
    force: Force = False,
    json: Json = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
) -> None:
    """Train one experiment, compare it with the baselines, and record it.

    [bold]Examples:[/]  seqexp run topology=encoder_decoder timesteps=14 output_length=7  |  seqexp run data=co2 timesteps=52 --quick
    """
    from seqexp.cli import reports
    from seqexp.cli.bar import BarReporter
    from seqexp.cli.screen import print_json
    from seqexp.workflows.project import open_project
    from seqexp.workflows.requests import request_run
    from seqexp.workflows.run import quick_run

    project = open_project(workspace, config_dir)
    composed = project.compose_one(overrides or [])
    if quick:
        metrics = quick_run(composed.spec, BarReporter())
        if json:
            print_json({"status": "QUICK", "metrics": metrics})
        else:
            reports.print_quick(composed.spec, metrics)
        return
    outcome = request_run(project, composed.spec, force=force, reporter=BarReporter())
    reports.print_warnings([outcome])
    if json:
        print_json(outcome.as_values())
    else:
        reports.print_run(outcome, project)
    _exit_if_failed([outcome])


def _exit_if_failed(outcomes: list[RunOutcome] | Any) -> None:
    if any(outcome.stored.record.status != "FINISHED" for outcome in outcomes):
        raise typer.Exit(1)
