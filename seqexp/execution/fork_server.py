"""The process that workers are forked from: what all of them need is imported once, however many they are.

TensorFlow does not survive a fork once it has computed, for it has threads then; that it is imported does no harm. So
the server imports and computes nothing. If something has started a thread nevertheless, and on other systems than
Linux, a worker is a new interpreter that imports for itself.

``python -m seqexp.execution.fork_server FD PREPARE`` speaks with its driver over one connection. Told the functions of
a worker, it is sent two file descriptors, the worker's connection and its streams, and forks; asked for a process id,
it waits for that worker's end and answers with its exit code. When the driver is gone it ends; the workers see that.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import IO, NoReturn

from seqexp.execution.worker import function_of, work_for
from seqexp.own_process import set_up_own_process

_HARMLESS = {"jemalloc_bg_thd"}  # a thread of Arrow's allocator, which is told of forks


class ForkServer:
    """The driver's side of it.

    Attributes:
        scratch: Where it and the workers put temporary files; it is gone when the server is killed.
    """

    def __init__(self, prepare: str = "") -> None:
        """Start the server, without waiting for it.

        Args:
            prepare: What imports what workers need, as ``MODULE:FUNCTION``.
        """
        self.scratch = Path(tempfile.mkdtemp(prefix="seqexp-workers-"))
        self._control, theirs = Pipe()
        number = theirs.fileno()
        self._streams = tempfile.TemporaryFile(dir=self.scratch)  # noqa: SIM115  (it lives as long as the server)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "seqexp.execution.fork_server", str(number), prepare],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            stdout=self._streams,
            stderr=self._streams,
            env={**os.environ, "TMPDIR": str(self.scratch)},
            start_new_session=True,  # Ctrl-C is for the driver alone
        )
        theirs.close()

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked for workers."""
        return self._process.poll() is None

    def fork(self, functions: Sequence[str], connection: Connection, streams: IO[bytes]) -> None:
        """Have a worker made, without waiting for it: if the server is gone, so is the other end of the connection.

        Args:
            functions: Its work, and what it calls before, as ``MODULE:FUNCTION``.
            connection: Its end of the connection to the driver.
            streams: Takes what it prints.
        """
        with suppress(OSError):
            self._control.send(list(functions))
            for number in (connection.fileno(), streams.fileno()):
                send_handle(self._control, number, self._process.pid)

    def exit_code(self, pid: int) -> int | None:
        """Wait for the end of a worker and return its exit code, below 0 for a signal; None if the server is gone."""
        with suppress(OSError, EOFError):
            self._control.send(pid)
            return int(self._control.recv())
        return None

    def said(self) -> str:
        """Return the end of what it wrote to its streams."""
        return end_of_text(self._streams)

    def kill(self) -> None:
        """End it, and with it in a second the workers that are left."""
        self._process.kill()
        self._process.wait()
        self._control.close()
        self._streams.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


def end_of_text(file: IO[bytes]) -> str:
    """Return the last 4,000 bytes of a file as text."""
    file.seek(max(file.seek(0, os.SEEK_END) - 4000, 0))
    return file.read().decode(errors="replace")


def main() -> None:
    """Make workers until the driver is gone."""
    set_up_own_process()
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside Arrow's thread
    number, prepare = sys.argv[1:]
    control = Connection(int(number))
    if prepare and sys.platform == "linux":
        function_of(prepare)()
    gc.freeze()  # what was imported stays, and stays shared: collecting garbage would write to all of it
    with suppress(EOFError, OSError):
        while True:
            asked = control.recv()
            if isinstance(asked, int):
                control.send(os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]))
                continue
            connection, streams = recv_handle(control), recv_handle(control)
            if os.fork() == 0:
                control.close()
                _become_worker(connection, streams, asked)
            os.close(connection)
            os.close(streams)
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)  # a driver that was killed has left it


def _become_worker(connection: int, streams: int, functions: Sequence[str]) -> NoReturn:
    for standard in (1, 2):
        os.dup2(streams, standard)
    os.close(streams)
    if not _survives_fork():
        os.set_inheritable(connection, True)
        words = ["-P", "-m", "seqexp.execution.worker", str(connection), *functions]
        os.execv(sys.executable, [sys.executable, *words])
    code = 1
    try:
        work_for(Connection(connection), functions)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # there is nothing to take apart


def _survives_fork() -> bool:
    """Whether this process, just forked, has left no thread behind that it would need."""
    if sys.platform != "linux":
        return False
    parent = Path(f"/proc/{os.getppid()}/task")
    names = [(task / "comm").read_text().strip() for task in parent.iterdir()]
    return len([name for name in names if name not in _HARMLESS]) == 1


if __name__ == "__main__":
    main()
