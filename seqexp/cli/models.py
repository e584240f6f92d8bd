"""The verbs that use a trained model: predict, refit, export, register, prune."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from seqexp.cli.options import A_RUN, Json, Plugins, Workspace

Run = Annotated[str, typer.Argument(help=A_RUN, metavar="RUN")]


class Rows(StrEnum):
    """What ``seqexp refit`` trains on."""

    all = "all"


class Data(StrEnum):
    """Which content of the data ``seqexp refit`` reads."""

    recorded = "recorded"
    current = "current"


def predict(
    run: Annotated[
        str,
        typer.Argument(
            help=f"{A_RUN} Or a registered model: models:/NAME@ALIAS or models:/NAME/VERSION.",
            metavar="RUN",
        ),
    ],
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="CSV or Parquet with the columns of the run's data; default: these data themselves.",
            show_default=False,
        ),
    ] = None,
    origin: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--origin",
            help="The last step that the forecast may know of: its stamp, or where there are no stamps its number, "
            "from 0 (without --input, after data.rows has cut); every: all steps that are possible. "
            "Default: the last row.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o", "--output", help="The .csv or .parquet to write; default: CSV on stdout.", show_default=False
        ),
    ] = None,
    workspace: Workspace = None,
    plugin: Plugins = None,
) -> None:
    """Forecast the steps after the last row of a table, or after others, in source units.

    [bold]Examples:[/]  seqexp predict 1087496929e3 --input new.csv -o forecast.csv  |
    seqexp predict 1087496929e3 --origin 2010-05-01  |  seqexp predict models:/sales@champion --origin every
    """
    from seqexp.cli.screen import progress
    from seqexp.cli.written_tables import check_target, write_table
    from seqexp.workflows.project import open_project
    from seqexp.workflows.using.predict import predict as forecast
    from seqexp.workflows.using.register import run_called

    if output is not None:
        check_target(output)
    project = open_project(workspace, plugins=plugin)
    with run_called(project, run) as found:
        table = forecast(found, input_, origin=origin, load_code=project.load_code)
    if output is None:
        print(table.to_csv(index=False), end="")
        return
    write_table(table, output)
    progress().print(f"{len(table)} steps written to {output}.")


def refit(
    run: Run,
    on: Annotated[Rows, typer.Option("--on", help="all: the rows of train, validation and test together.")] = Rows.all,
    data: Annotated[
        Data,
        typer.Option(
            "--data",
            help="recorded: the data of the run, or their copy beside the runs. current: what the source holds now.",
        ),
    ] = Data.recorded,
    force: Annotated[bool, typer.Option("--force", help="Train again what was trained before.")] = False,
    json: Json = False,
    workspace: Workspace = None,
    plugin: Plugins = None,
) -> None:
    """Train a run once more on every row, for as many epochs as were best: the model that goes into use.

    It is a run of its own that names its parent. No figure is claimed of it; those of its parent say what to expect.

    [bold]Example:[/]  seqexp refit 1087496929e3 --on all --data current
    """
    from seqexp.cli import reports
    from seqexp.cli.screen import print_json
    from seqexp.store.find_runs import find_run
    from seqexp.workflows.project import open_project
    from seqexp.workflows.using.refit import refit as train_again

    project = open_project(workspace, plugins=plugin)
    parent = find_run(run, project.runs)
    outcome = train_again(project, parent, current_data=data is Data.current, force=force)
    reports.print_warnings([outcome.warning])
    if json:
        print_json(outcome.as_values())
    else:
        reports.print_run(outcome, project)
    if outcome.has_failed:
        raise typer.Exit(1)


def export(
    run: Run,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="keras: a folder with the .keras file and a JSON of columns, window and scaling. mlflow: a folder for "
            "mlflow models serve. onnx: one file, with the scaling inside. archive: the run directory as one ZIP.",
        ),
    ],
    target: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", help="Where to; default: the run's name in this folder.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier export wrote.")] = False,
    workspace: Workspace = None,
    plugin: Plugins = None,
) -> None:
    """Give a model away, or a whole run: to Keras, MLflow's servers, ONNX, or as a paper's supplement.

    [bold]Examples:[/]  seqexp export 1087496929e3 --format mlflow -o model  |
    seqexp export 1087496929e3 --format archive
    """
    from seqexp.cli.screen import progress
    from seqexp.store.find_runs import find_run
    from seqexp.store.run_dir import MODEL
    from seqexp.workflows.project import open_project
    from seqexp.workflows.using.export import export as give_away

    project = open_project(workspace, plugins=plugin)
    place = give_away(find_run(run, project.runs, having=MODEL), form, target, force=force, load_code=project.load_code)
    print(place)
    progress().print(f"Written as {form}.")


def register(
    run: Run,
    name: Annotated[str, typer.Argument(help="What to call it in the registry.", metavar="NAME")],
    alias: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--alias", help="A word that shall point at this version, as champion.", show_default=False),
    ] = None,
    json: Json = False,
    workspace: Workspace = None,
) -> None:
    """Give a run's model a name in MLflow's model registry; seqexp predict finds it by that.

    [bold]Example:[/]  seqexp register 1087496929e3 sales --alias champion
    """
    from dataclasses import asdict

    from seqexp.cli.screen import print_json, results
    from seqexp.store.find_runs import find_run
    from seqexp.store.run_dir import MODEL
    from seqexp.workflows.project import open_project
    from seqexp.workflows.using.register import register as give_name

    project = open_project(workspace)
    version = give_name(project, find_run(run, project.runs, having=MODEL), name, alias=alias)
    if json:
        print_json({"status": "REGISTERED", **asdict(version)})
        return
    called = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version.number}"
    results().print(f"{version.name} version {version.number}: {called}", markup=False, soft_wrap=True)


def prune(
    keep: Annotated[
        str, typer.Option("--keep", help="best:3: so many of each experiment stay, by their validation figure.")
    ],
    older_than: Annotated[
        str, typer.Option("--older-than", help="90d, 12h or 8w: only what ended longer ago than that goes.")
    ],
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Remove whole run directories, and unused copies of data.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    workspace: Workspace = None,
) -> None:
    """Take models and forecasts out of old runs that are not among the best; spec, record and figures stay.

    Registered models, runs with tags of your own (tracking.tags), runs on all rows and their parents are never touched,
    nor what MLflow is to show and was not sent yet.

    With --attempts the copies of data that no run uses any more go, too.

    tracking.keep=best takes models and forecasts out earlier: when a sweep is over.

    [bold]Example:[/]  seqexp prune --keep best:3 --older-than 90d --dry-run
    """
    from seqexp.cli.screen import results
    from seqexp.workflows.project import open_project
    from seqexp.workflows.upkeep.prune import prune as take_out
    from seqexp.workflows.upkeep.unused_copies import UnusedCopies, drop_unused_copies

    console, project = results(), open_project(workspace)
    gone, unsent, copies = {}, 0, UnusedCopies({})
    for found in take_out(project, keep=keep, older_than=older_than, attempts=attempts, dry_run=dry_run):
        if found.is_unsent:
            unsent += 1
            continue
        gone[found.run.path] = found.size
        told = f"{found.run.record.name}/{found.run.path.name}  {', '.join(found.names) or 'all of it'}"
        console.print(f"{told}  {found.size / 1e6:.2f} MB", markup=False, soft_wrap=True)
    if attempts:
        copies = drop_unused_copies(project, gone, dry_run=dry_run)
        for path, size in copies.gone.items():
            told = f"{path.parent.name}/{path.name}  a copy of data that no run uses"
            console.print(f"{told}  {size / 1e6:.2f} MB", markup=False, soft_wrap=True)
        if copies.why_left:
            console.print(f"Copies of data stay: {copies.why_left}.", markup=False, soft_wrap=True)
    if unsent:
        told = f"{unsent} run(s) that would go stay: MLflow was never sent them. seqexp sync sends them."
        console.print(told, markup=False, soft_wrap=True)
    if not gone and not copies.gone:
        console.print("Nothing is old and behind enough to go.")
        return
    counted = [f"{len(gone)} run(s)"] + ([f"{len(copies.gone)} data file(s)"] if copies.gone else [])
    total = sum(gone.values()) + sum(copies.gone.values())
    console.print(f"{', '.join(counted)}, {total / 1e6:.2f} MB {'would go' if dry_run else 'went'}.")
