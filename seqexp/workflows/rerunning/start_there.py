"""Give a rerun to the environment that its record names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from seqexp.errors import ExecutionError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.rerunning.build_environment import Tell, build_environment, environments_folder, python_of
from seqexp.workflows.rerunning.fetch_original import fetch_original
from seqexp.workflows.rerunning.find_original import find_original, find_originals
from seqexp.workflows.rerunning.present_code import lay_present_code
from seqexp.workflows.rerunning.recorded_environment import OPTION, find_interpreter, recorded_environment

_PROGRAM = "import sys; sys.argv[0] = 'seqexp'; from seqexp.cli.main import main; main()"
Start = Callable[[str, list[str], Mapping[str, str]], object]


def start_there(
    project: Project,
    words: Sequence[str],
    *,
    run: str | None,
    sweep: str | None,
    from_mlflow: str | None,
    tell: Tell,
    start: Start = os.execve,
) -> NoReturn:
    """Build the environment of a recorded run, and become the same command in it: what comes of that is its own.

    Args:
        project: Where the run is recorded.
        words: The words of the command line after ``seqexp``, without the option that asks for this.
        run: The run.
        sweep: In place of it: a sweep, all of whose runs were made in one environment.
        from_mlflow: The store that shows the run, as in :class:`RerunOptions`.
        tell: Told what is done, while it takes minutes.
        start: Given a program, its arguments and its environment; it is not expected back.

    Raises:
        ExecutionError: The environment cannot be built.
        StoreError: There is no such run, or its record does not tell what it was made with.
    """
    wanted = recorded_environment(_originals(project, run, sweep, from_mlflow))
    interpreter = find_interpreter(wanted.python)
    if interpreter.version != wanted.python:
        tell(f"Python {wanted.python} was recorded; {interpreter.version} is the nearest here.")
    if not wanted.is_exact:
        told = ", ".join(wanted.others)
        tell(f"The record holds {len(wanted.pins)} versions; of these any that fit are taken: {told}.")
    folder = build_environment(wanted, interpreter, tell)
    try:
        code = lay_present_code(environments_folder())
    except OSError as error:
        raise ExecutionError(f"seqexp cannot be copied: {error.strerror or error}.", key=OPTION) from None
    python = str(python_of(folder))
    tell(f"Running in {folder}.")
    sys.stdout.flush()
    sys.stderr.flush()
    start(python, [python, "-P", "-c", _PROGRAM, *words], _variables(folder, code))
    raise AssertionError("a process that became another one goes on")


def _originals(project: Project, run: str | None, sweep: str | None, from_mlflow: str | None) -> list[StoredRun]:
    if sweep is not None:
        return find_originals(project, sweep)[1]
    assert run is not None
    return [find_original(project, run) if from_mlflow is None else fetch_original(project, run, from_mlflow)]


def _variables(folder: Path, code: Path) -> dict[str, str]:
    """Return the variables of the process: workers that it starts find the same Python and the same seqexp."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    paths = [str(code), *filter(None, [known.get("PYTHONPATH", "")])]
    return {
        **known,
        "PYTHONPATH": os.pathsep.join(paths),
        "VIRTUAL_ENV": str(folder),
        "PATH": os.pathsep.join([str(folder / "bin"), known.get("PATH", os.defpath)]),
    }
