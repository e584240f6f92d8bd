"""The verbs that use what was recorded: compare, ui, sync, doctor."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Optional

import typer

from seqexp.cli.options import ConfigDir, FromMlflow, Json, Plugins, Workspace
from seqexp.cli.table_formats import Format


class Ground(StrEnum):
    """What ``seqexp compare`` compares runs on."""

    own = "own"
    common = "common"


def compare(
    words: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            help="Runs and sweeps by their keys, or the beginning of these (seqexp list runs shows those of runs); "
            "experiments by their names; all there is, if left out. Or what may not be run yet: a study (its file or "
            "name), the file of a topology or another group, overrides in one word. Of several attempts at a run the "
            "last finished one counts that is no rerun of another; KEY-2 is the second, and stands beside KEY-1 where "
            "both are named.",
            metavar="WORD",
        ),
    ] = None,
    on: Annotated[
        Ground,
        typer.Option(
            "--on",
            help="own: runs that forecast different steps or windows stand apart. common: all are scored again, from "
            "their stored forecasts, on the origins, steps and targets that they share.",
        ),
    ] = Ground.own,
    where: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--where",
            help="Of these, the runs that meet conditions joined by and: keys of the spec or figures, = != < <= > >=, "
            "values. For example 'topology=encoder_decoder and timesteps>=14 and val/mae<300'.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Optional[Format],  # noqa: UP045
        typer.Option("--format", help="How to write it; a table on the screen if left out.", show_default=False),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Short for --format json: one JSON object on stdout, nothing else there.")
    ] = False,
    from_mlflow: FromMlflow = None,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Put runs beside each other, and say which differences are larger than seed noise and chance.

    Of experiments that were not run yet: in which keys they differ, what they sweep, and what came of them so far.

    [bold]Examples:[/]  seqexp compare 108749 6c0f12  |  seqexp compare eight_topologies --on common --format latex  |
    seqexp compare --where 'data=co2 and timesteps>=26'  |  seqexp compare eight_topologies experiments/next.yaml  |
    seqexp compare 108749 'topology=encoder_decoder timesteps=28'  |
    seqexp compare eight_topologies --from-mlflow http://host:5000
    """
    from seqexp.cli.comparisons import chosen_format, print_comparisons
    from seqexp.cli.sides import print_sides
    from seqexp.workflows.checking.side_by_side import compare_done, is_request, put_side_by_side
    from seqexp.workflows.project import open_project
    from seqexp.workflows.reading.compare import compare_runs, compare_shown

    chosen, on_common = chosen_format(form, json), on is Ground.common
    project = open_project(workspace, config_dir, plugin)
    if from_mlflow is not None:
        print_comparisons(compare_shown(project, from_mlflow, words or [], where=where, on_common=on_common), chosen)
        return
    if any(is_request(project, word) for word in words or []):
        sides = put_side_by_side(project, words or [])
        print_sides(sides, compare_done(sides, where=where, on_common=on_common), chosen)
        return
    print_comparisons(compare_runs(project, words or [], where=where, on_common=on_common), chosen)


def ui(
    port: Annotated[int, typer.Option("--port", help="The first port to try.", min=1, max=65_485)] = 5000,
    workspace: Workspace = None,
) -> None:
    """Open the MLflow UI on the workspace's store, for this machine only; Ctrl-C ends it.

    Its address leads to the experiment that was run last: the runs by validation, beside what was swept.

    [bold]Example:[/]  seqexp ui --port 5001
    """
    from seqexp.cli.pages import print_pages
    from seqexp.cli.screen import progress
    from seqexp.store.mlflow_ui import HOST, free_port, running_ui
    from seqexp.workflows.project import open_project
    from seqexp.workflows.publishing.address import default_tracking_uri

    project = open_project(workspace)
    uri = default_tracking_uri(project)
    if uri.startswith(("http://", "https://")):
        print_pages(project, uri, uri.rstrip("/"), "The runs are on a server:")
        return
    port = free_port(port)
    progress().print("Starting the MLflow UI (10 to 30 s) ...")
    with running_ui(uri, port, project.workspace / "mlartifacts") as server:
        print_pages(project, uri, f"http://{HOST}:{port}", "MLflow UI:", "Ctrl-C ends it.")
        server.communicate()


def sync(workspace: Workspace = None) -> None:
    """Show in MLflow what is recorded and not shown yet: after a server was away, or a store was lost.

    [bold]Example:[/]  seqexp sync
    """
    from seqexp.cli.screen import results
    from seqexp.workflows.project import open_project
    from seqexp.workflows.upkeep.sync import sync as send

    console, count = results(), 0
    for sent in send(open_project(workspace)):
        count += 1
        console.print(f"{sent.title}  ->  {sent.uri}", markup=False, soft_wrap=True)
    console.print(f"{count} sent." if count else "MLflow shows everything already.")


def doctor(
    runs: Annotated[bool, typer.Option("--runs", help="Hold every file of every run against its manifest.")] = False,
    json: Json = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
) -> None:
    """Say what is installed, where runs and store are, and whether anything is broken.

    [bold]Example:[/]  seqexp doctor --runs
    """
    from dataclasses import asdict

    from rich.text import Text

    from seqexp.cli.screen import make_table, print_json, results
    from seqexp.workflows.upkeep.doctor import examine

    findings = list(examine(workspace, config_dir, runs=runs))
    if json:
        well = all(finding.is_well for finding in findings)
        print_json({"status": "WELL" if well else "BROKEN", "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(f.subject, Text(f.text, style="" if f.is_well else "bold red")) for f in findings]
        results().print(make_table(("", ""), rows))
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)
