"""argv in, a workflow called, an exit code out: 0 well, 1 a run failed, 2 wrong request, 130 and 143 interrupted."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer

from seqexp.cli.look import check, list_, show
from seqexp.cli.train import demo, run, sweep
from seqexp.cli.use import doctor, predict, ui
from seqexp.errors import RunFailed, SeqexpError

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
app.command()(run)
app.command()(sweep)
app.command()(predict)
app.command()(ui)
app.command()(demo)
app.command()(doctor)


class Stopped(BaseException):
    """The process was asked to end by a signal."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(signal.Signals(signum).name)


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if show_version:
        print(f"seqexp {version('seqexp')}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line and exit."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _stop)
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except SeqexpError as error:
        from seqexp.cli.screen import print_error, print_json

        print_error(error)
        if "--json" in sys.argv:
            print_json({"status": "REFUSED", "problems": [asdict(problem) for problem in error.problems]})
        return 2
    except RunFailed as error:
        print(f"{error.reason}: {error}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print("Interrupted." if stopped.signum == signal.SIGINT else "Terminated.", file=sys.stderr)
        if "--json" in sys.argv:
            print('{"status": "KILLED"}')
        return 128 + stopped.signum
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _stop(signum: int, frame: Any) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)  # once is enough: what was begun is put away, then the process ends
    raise Stopped(signum)
