"""Run tasks in worker processes on this machine.

Workers are new interpreters (TensorFlow does not survive a fork), started as soon as it is known that there will be
work.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from seqexp.execution.contract import Event, Task, Work
from seqexp.execution.pool import Death, Pool, Worker
from seqexp.execution.worker import READY, STOP


class ProcessExecutor(Pool):
    """Spawned workers, one for each core at most."""

    def __init__(
        self,
        work: Work,
        *,
        warm_up: Callable[[], None] | None = None,
        workers: int | None = None,
        timeout: float | None = None,
        retries: int = 1,
    ) -> None:
        """Prepare nothing yet.

        Args:
            work: A function of a module, which the workers import.
            warm_up: The same, called once in each worker before its first task.
            workers: How many; None for as many as there are cores.
            timeout: Seconds that a task may take; None for no limit.
            retries: How often the task of a worker that died is tried again.
        """
        super().__init__(timeout=timeout, retries=retries)
        self._functions = [_word(function) for function in (work, warm_up) if function is not None]
        self._most = workers or os.cpu_count() or 1
        self._scratch: Path | None = None  # the workers' folder of temporary files

    def close(self) -> None:
        """Kill the workers and drop what they had begun to write."""
        super().close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def room(self) -> int:
        """Return how many workers there may be."""
        return self._most

    def _make_worker(self) -> Worker:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="seqexp-workers-"))
        return _Process(self._functions, self._scratch)

    def _listen(self, seconds: float | None) -> tuple[Worker, Event | Death | None] | None:
        by_connection = {worker.connection: worker for worker in self._workers if isinstance(worker, _Process)}
        for connection in wait(list(by_connection), seconds):
            worker = by_connection[connection]  # type: ignore[index]
            return worker, worker.hear()
        return None


class _Process(Worker):
    """A process that works for this one."""

    def __init__(self, functions: Sequence[str], scratch: Path) -> None:
        self.connection, theirs = Pipe()
        number = theirs.fileno()
        self._stderr = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  (it lives as long as the worker)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "seqexp.execution.worker", str(number), *functions],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            env={**os.environ, "TMPDIR": str(scratch)},
            start_new_session=True,  # Ctrl-C is for the driver alone
        )
        theirs.close()
        super().__init__(str(self._process.pid))

    def send(self, task: Task) -> None:
        with suppress(OSError):
            self.connection.send(task)

    def stop(self) -> None:
        with suppress(OSError):
            self.connection.send(STOP)

    def hear(self) -> Event | Death | None:
        """Take what the worker has sent: an event, that it is ready, or its end."""
        try:
            heard: Event | str = self.connection.recv()
        except (EOFError, OSError):
            return Death(self, "worker_died", f"its worker {self._end()}", self.said())
        return None if isinstance(heard, str) and heard == READY else heard  # type: ignore[return-value]

    def said(self) -> str:
        self._stderr.seek(max(self._stderr.seek(0, os.SEEK_END) - 4000, 0))
        return self._stderr.read().decode(errors="replace")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.connection.close()
        self._stderr.close()

    def _end(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        likely = ": killed, or out of memory" if code == -signal.SIGKILL else ""
        return f"ended with {signal.Signals(-code).name}{likely}"


def _word(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"
