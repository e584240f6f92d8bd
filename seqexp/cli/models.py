"""The verbs that use a trained model: predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from seqexp.cli.options import Workspace

Run = Annotated[str, typer.Argument(help="A run directory, a run key or the beginning of one.", metavar="RUN")]


def predict(
    run: Run,
    input_: Annotated[
        Path | None,
        typer.Option("--input", help="CSV or Parquet with the run's columns; default: the run's own data."),
    ] = None,
    origin: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--origin",
            help="The last step that the forecast may know of: its stamp, or its number (from 0) where there are no "
            "stamps; every: all steps that are possible. Default: the last row.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", help="The .csv or .parquet to write; default: CSV on stdout."),
    ] = None,
    workspace: Workspace = None,
) -> None:
    """Forecast the steps after the last row of a table, or after others, in source units.

    [bold]Examples:[/]  seqexp predict 1087496929e3 --input new.csv --output forecast.csv  |
    seqexp predict 1087496929e3 --origin 2010-05-01  |  seqexp predict 1087496929e3 --origin every --output all.parquet
    """
    from seqexp.cli.screen import progress
    from seqexp.cli.written_tables import check_target, write_table
    from seqexp.store.run_dir import find_run
    from seqexp.workflows.predict import predict as forecast
    from seqexp.workflows.project import open_project

    if output is not None:
        check_target(output)
    table = forecast(find_run(run, open_project(workspace).runs), input_, origin=origin)
    if output is None:
        print(table.to_csv(index=False), end="")
        return
    write_table(table, output)
    progress().print(f"{len(table)} steps written to {output}.")
