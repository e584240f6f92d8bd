"""Arguments and options that several verbs share."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from seqexp.cli.words import FROM_MLFLOW

Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045  (typer reads this form on every Python)
    typer.Argument(
        help="Choices and values: topology=encoder_decoder data=co2 timesteps=52 training.epochs=50",
        metavar="KEY=VALUE",
        show_default=False,
    ),
]
Workspace = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--workspace",
        help="Folder of runs and seqexp.yaml. Default: the nearest parent folder with a seqexp.yaml, else this one.",
        envvar="SEQEXP_WORKSPACE",
        show_envvar=True,
        show_default=False,
    ),
]
ConfigDir = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--config-dir",
        help="A folder with config groups of your own, besides conf/ in the workspace; its files win.",
        show_default=False,
    ),
]
Plugins = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--plugin",
        help="A Python file with layers, losses or other parts of your own (@seqexp.layer ...), besides those that "
        "seqexp.yaml names as plugins: [FILE.py]; repeatable. It is executed.",
        metavar="FILE.py",
        show_default=False,
    ),
]
#: What RUN means, the same for every verb; an attempt (1087496929e3-2) is named in full.
A_RUN = (
    "A run directory, a run key or the beginning of one (seqexp list runs shows them). Of several attempts a key means "
    "the last finished one that is no rerun of another; KEY-2 is the second."
)
FromMlflow = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        FROM_MLFLOW,
        help="Read what MLflow shows, not what is recorded here: a run by its MLflow run id, or its key there. URI is "
        "the store (http://host:5000, sqlite:////path/to/mlflow.db); without it, that of the workspace.",
        metavar="[URI]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
