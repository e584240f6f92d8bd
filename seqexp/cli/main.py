"""argv in, a workflow called, an exit code out.

0 all is well, 1 a run failed or a tracking store does not answer, 2 the request is wrong, 130 and 143 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import pairwise
from typing import Annotated, NoReturn

import typer

from seqexp.cli.again import rerun
from seqexp.cli.look import check, explain, list_, show
from seqexp.cli.models import export, predict, prune, refit, register
from seqexp.cli.signals import Stopped, raise_when_stopped
from seqexp.cli.train import demo, run, sweep
from seqexp.cli.use import compare, doctor, sync, ui
from seqexp.cli.words import FromMlflowCommand
from seqexp.errors import Problem, RunFailed, SeqexpError, StoreAway
from seqexp.own_process import all_is_printed, end_quickly, set_up_own_process

app = typer.Typer(
    help="Declarative experiments for sequence models: YAML in; trained, recorded and honestly compared models out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps:  seqexp demo   |   seqexp list   |   seqexp run topology=vector_output training.epochs=5",
)
app.command("list")(list_)
app.command()(show)
app.command()(check)
app.command()(explain)
app.command()(run)
app.command()(sweep)
app.command(cls=FromMlflowCommand)(rerun)
app.command(cls=FromMlflowCommand)(compare)
app.command()(predict)
app.command()(refit)
app.command()(export)
app.command()(register)
app.command()(prune)
app.command()(ui)
app.command()(sync)
app.command()(demo)
app.command()(doctor)


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if show_version:
        print(f"seqexp {version('seqexp')}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line and exit."""
    end = end_quickly()
    set_up_own_process()
    raise_when_stopped()
    end(run_command())


def _asks_for_json(words: Sequence[str]) -> bool:
    return "--json" in words or "--format=json" in words or ("--format", "json") in pairwise(words)


def run_command() -> int:
    """Do what ``sys.argv`` asks for, say what went wrong, and give the exit code."""
    from seqexp.cli.screen import print_error, print_json

    as_json = _asks_for_json(sys.argv)
    try:
        app()
    except SystemExit as end:
        if end.code == 2 and as_json:  # the command line itself cannot be read: typer has said why on stderr
            problem = Problem("the command line cannot be read; stderr says why.")
            print_json({"status": "REFUSED", "problems": [asdict(problem)]})
        return end.code if isinstance(end.code, int) else 0
    except StoreAway as error:
        print_error(error)
        if as_json:
            print_json({"status": "FAILED", "error": {"reason": "store_away", "message": str(error)}})
        return 1
    except SeqexpError as error:
        print_error(error)
        if as_json:
            print_json({"status": "REFUSED", "problems": [asdict(problem) for problem in error.problems]})
        return 2
    except RunFailed as error:
        print(f"{error.reason}: {error}", file=sys.stderr)
        if as_json:
            print_json({"status": "FAILED", "error": {"reason": error.reason, "message": str(error)}})
        return 1
    except Stopped as stopped:
        print(stopped.word, file=sys.stderr)
        if as_json:
            print_json({**stopped.told, "status": "KILLED"})
        return stopped.exit_code
    except BrokenPipeError:
        _print_nowhere()
    except OSError:
        if all_is_printed():  # it was another file
            raise
        _print_nowhere()
        return 1
    return 0


def _print_nowhere() -> None:
    """Let go of what still waits to be printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
