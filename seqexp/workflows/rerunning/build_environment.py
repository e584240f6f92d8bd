"""Build the virtual environment of a record: once for each set of versions, in the user's cache.

A virtual environment cannot be moved once it is made, so it is not renamed into place when complete, as other things
are: it is built where it stays, by one process at a time, and is not there before its last file says that it is whole.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seqexp.assets import user_cache
from seqexp.errors import ExecutionError
from seqexp.store.run_dir import REQUIREMENTS
from seqexp.workflows.rerunning.recorded_environment import OPTION, Interpreter, RecordedEnvironment

COMPLETE = "complete"
_MOST_NAMED = 4
_NOISE = (" +", " ~", "WARNING")  # uv names every package that it installed, pip every place that it looked at
_NO_NETWORK = re.compile(
    r"dns error|failed to lookup address|connection refused|tcp connect error|NewConnectionError|ConnectTimeout|"
    r"network is unreachable|name resolution|could not resolve host|operation timed out|error sending request",
    re.IGNORECASE,
)
_DRAWN = re.compile(r"[\u2500-\u25ff\u00d7]")  # what uv draws beside its messages
Tell = Callable[[str], None]


def environments_folder() -> Path:
    """Return the folder of all environments of records."""
    return user_cache() / "environments"


def build_environment(wanted: RecordedEnvironment, interpreter: Interpreter, tell: Tell) -> Path:
    """Return the folder of an environment, which is built unless that was done before.

    Args:
        wanted: Its packages.
        interpreter: Its Python.
        tell: Told what is done, while it takes minutes.

    Raises:
        ExecutionError: A package cannot be installed, the registry cannot be reached, or there is no room.
    """
    folder = environments_folder() / wanted.key(interpreter.version)
    with _alone(folder, tell):
        if (folder / COMPLETE).is_file():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        tell(
            f"Building an environment with Python {interpreter.version} and the {len(wanted.pins)} recorded packages, "
            f"once, in {folder}: this takes minutes where they are to be downloaded."
        )
        try:
            folder.mkdir(parents=True)
            (folder / REQUIREMENTS).write_text("".join(f"{line}\n" for line in wanted.lines), "utf-8")
            for command in install_commands(folder, interpreter.path, is_exact=wanted.is_exact, uv=find_uv()):
                _run(command, wanted, tell)
            (folder / COMPLETE).touch()
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            message = f"the environment cannot be built in {folder}: {error.strerror or error}."
            raise ExecutionError(message, key=OPTION, mend="XDG_CACHE_HOME names another place.") from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder


def python_of(folder: Path) -> Path:
    """Return the Python of an environment."""
    return folder / "bin" / "python"


def find_uv() -> str | None:
    """Return the program uv: that beside the Python that runs, else that on the PATH; None where there is none."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else shutil.which("uv")


def install_commands(folder: Path, python: Path, *, is_exact: bool, uv: str | None) -> list[list[str]]:
    """Return the commands that make an environment and fill it; with bytecode, or every start would compile it.

    What is pinned to the last package is installed as it is: a resolver could only refuse what was there.
    """
    inside, file = str(python_of(folder)), str(folder / REQUIREMENTS)
    alone = ["--no-deps"] if is_exact else []
    if uv is not None:
        return [
            [uv, "venv", "--quiet", "--allow-existing", "--no-python-downloads", "--python", str(python), str(folder)],
            [uv, "pip", "install", "--python", inside, "--compile-bytecode", *alone, "--requirement", file],
        ]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    return [
        [str(python), "-m", "venv", str(folder)],
        [inside, "-m", "pip", "install", *quiet, "--compile", *alone, "--requirement", file],
    ]


def _run(command: Sequence[str], wanted: RecordedEnvironment, tell: Tell) -> None:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        lines = []
        try:
            for line in process.stdout or ():
                lines.append(line)
                if line.strip() and not line.startswith(_NOISE):
                    tell(f"  {line.rstrip()}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise explain_failure("".join(lines), wanted)


def explain_failure(output: str, wanted: RecordedEnvironment) -> ExecutionError:
    """Return what a person is told where an installer failed: which version, or that there is no network."""
    text = " ".join(_DRAWN.sub(" ", output).split())
    if _NO_NETWORK.search(text):
        mend = "Is there a network, and is the package index that pip or uv is configured for reachable?"
        return ExecutionError("the packages of the record cannot be fetched: no connection.", key=OPTION, mend=mend)
    named = [line for line in wanted.lines if re.search(rf"(?<![\w.-]){re.escape(line)}(?![\w.])", text)]
    what = ", ".join(named[:_MOST_NAMED]) or "one of the recorded packages"
    reason = text[-400:]
    mend = f"It may have been withdrawn, or not be made for this machine. The installer says: {reason}"
    return ExecutionError(f"{what} cannot be installed.", key=OPTION, mend=mend)


@contextmanager
def _alone(folder: Path, tell: Tell) -> Iterator[None]:
    """Let one process at a time build an environment."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f".{folder.name}.lock").open("w")
    except OSError as error:
        message = f"the environment cannot be built in {folder.parent}: {error.strerror or error}."
        raise ExecutionError(message, key=OPTION, mend="XDG_CACHE_HOME names another place.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another process builds the same environment; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
