"""The verbs that look before anything is run: list, show, check, explain."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from seqexp.cli.options import A_RUN, ConfigDir, Overrides, Plugins, Workspace

if TYPE_CHECKING:
    from seqexp.compose.composer import Composed


class Kind(StrEnum):
    """What ``seqexp list`` can list."""

    topologies = "topologies"
    data = "data"
    optimizers = "optimizers"
    layers = "layers"
    functions = "functions"
    losses = "losses"
    metrics = "metrics"
    sources = "sources"
    scalers = "scalers"
    baselines = "baselines"
    studies = "studies"
    runs = "runs"


def list_(
    kind: Annotated[
        Kind | None,
        typer.Argument(
            help="What to list; topologies, data, optimizers, functions and studies if left out.", metavar="KIND"
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="One of them, to see all its arguments: layers LSTM.", metavar="NAME")
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="Of runs: how many, those that began last.")] = 50,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """List what there is to choose from, or the runs of the workspace.

    [bold]Examples:[/]  seqexp list topologies  |  seqexp list layers LSTM  |  seqexp list runs
    """
    from seqexp.cli import listing
    from seqexp.workflows.project import open_project

    listing.print_list(open_project(workspace, config_dir, plugin), kind.value if kind else None, name, last)


def show(
    overrides: Overrides = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say which file or override gave each value.")] = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Show the resolved config of an experiment.

    [bold]Examples:[/]  seqexp show topology=many_to_one  |  seqexp show data=co2 timesteps=52 --origin
    """
    import yaml

    from seqexp.cli.screen import make_table, results
    from seqexp.workflows.checking.show import values_and_origins
    from seqexp.workflows.project import open_project

    composed = open_project(workspace, config_dir, plugin).compose_one(overrides or [])
    if origin:
        results().print(make_table(("key", "value", "from"), values_and_origins(composed)))
    else:
        print(yaml.safe_dump(composed.spec.as_tree(), sort_keys=False, allow_unicode=True), end="")


def check(
    overrides: Overrides = None,
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="Build the Keras model too (imports TensorFlow).")
    ] = True,
    leakage: Annotated[
        bool, typer.Option("--leakage", help="Prove that nothing of the future reaches what is fitted on the past.")
    ] = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Check an experiment: its config, its data, and the shapes of its layers.

    [bold]Examples:[/]  seqexp check topology=encoder_decoder timesteps=14  |  seqexp check data=co2 --leakage
    """
    from seqexp.cli.screen import make_table, results
    from seqexp.workflows.checking.check import check_data, check_layers
    from seqexp.workflows.project import open_project

    composed = open_project(workspace, config_dir, plugin).compose_one(overrides or [])
    if leakage:
        _check_leakage(composed)
        return
    console, spec = results(), composed.spec
    with composed.explained():
        dataset, rows = check_data(spec)
    names = ", ".join(dataset.series.target_names)
    console.print(
        f"[bold]{spec.topology.name}[/] on [bold]{spec.data.name}[/]: reads {spec.timesteps} step(s) of "
        f"{spec.data.n_features} feature(s), gives {spec.output_length} step(s) of {names} "
        f"({spec.topology.contract.alignment})\n"
    )
    table = [(row.split, f"{row.steps:,}", f"{row.windows:,}", row.first, row.last) for row in rows]
    console.print(make_table(("split", "steps", "windows", "first", "last"), table))
    if not build:
        return
    with composed.explained():
        layers = check_layers(spec)
    shapes = [
        (row.name, f"({', '.join('batch' if n is None else str(n) for n in row.output_shape)})", f"{row.weights:,}")
        for row in layers
    ]
    console.print()
    console.print(make_table(("layer", "output shape", "weights"), shapes, numbers=2))
    console.print(f"\n{sum(row.weights for row in layers):,} weights. All is well.")


def _check_leakage(composed: Composed) -> None:
    from seqexp.cli.screen import make_table, results
    from seqexp.workflows.checking.leakage import check_leakage

    with composed.explained():
        verdicts = list(check_leakage(composed.spec))
    rows = [("holds" if verdict.holds else "LEAKS", verdict.check, verdict.detail) for verdict in verdicts]
    results().print(make_table(("", "what was checked", "on what"), rows, whole=1))
    leaks = sum(not verdict.holds for verdict in verdicts)
    results().print(f"\n{leaks or 'None'} of {len(verdicts)} checks found a leak.")
    if leaks:
        raise typer.Exit(1)


def explain(
    words: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            help=f"Choices and values, as for a run. Or one recorded run. {A_RUN}",
            metavar="KEY=VALUE | RUN",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", help="The file to write; default: stdout.", show_default=False),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A page on the topology in place of the script: words, drawing, layers.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    workspace: Workspace = None,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Write the Keras script behind an experiment: it needs no seqexp, and gives the figures of the run.

    Own code goes into it, too. Of a backtest it runs the fold that is named behind it: python forecast.py 2

    [bold]Examples:[/]  seqexp explain topology=vector_output -o forecast.py  |  seqexp explain 1087496929e3  |
    seqexp explain topology=many_to_many_padded --markdown
    """
    from seqexp.cli.screen import progress
    from seqexp.workflows.explain.explain import explain as explain_words
    from seqexp.workflows.explain.explain import write_explanation
    from seqexp.workflows.project import open_project

    explanation = explain_words(open_project(workspace, config_dir, plugin), words or [], markdown=markdown)
    console = progress()
    if explanation.warning:
        console.print(explanation.warning, style="yellow", soft_wrap=True)
    if output is None:
        print(explanation.text, end="")
        if explanation.beside is not None:
            told = f"It reads {explanation.beside.name} beside it: -o copies that file, which is {explanation.beside}."
            console.print(told, markup=False, soft_wrap=True)
        return
    script, *beside = write_explanation(explanation, output, force=force)
    told = "".join(f", and {path} beside it, which it reads" for path in beside)
    console.print(f"Written to {script}{told}.", markup=False, soft_wrap=True)
