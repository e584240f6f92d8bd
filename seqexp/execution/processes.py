"""Run tasks in worker processes on this machine.

They are forked from a server that has imported what they need, which is started as soon as it is known that there will
be work.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from seqexp.execution.contract import Event, Task, Work
from seqexp.execution.fork_server import ForkServer, end_of_text
from seqexp.execution.pool import Death, Pool, Worker
from seqexp.execution.worker import STOP


class ProcessExecutor(Pool):
    """Forked workers, one for each core at most."""

    def __init__(
        self,
        work: Work,
        *,
        server: ForkServer | None = None,
        prepare: Callable[[], None] | None = None,
        warm_up: Callable[[], None] | None = None,
        workers: int | None = None,
        timeout: float | None = None,
        retries: int = 1,
    ) -> None:
        """Prepare nothing yet.

        Args:
            work: A function of a module, which the workers import.
            server: What workers are forked from, if that was started before; it is killed here.
            prepare: Another function, called once where there is no server yet: it may import, but start no threads.
            warm_up: Another, called once in each worker before its first task.
            workers: How many; None for as many as there are cores.
            timeout: Seconds that a task may take; None for no limit.
            retries: How often the task of a worker that died is tried again.
        """
        super().__init__(timeout=timeout, retries=retries)
        self._functions = [_word(function) for function in (work, warm_up) if function is not None]
        self._prepare = _word(prepare) if prepare else ""
        self._most = workers or os.cpu_count() or 1
        self._server = server

    def close(self) -> None:
        """Kill the workers and drop what they had begun to write."""
        super().close()
        if self._server is not None:
            self._server.kill()
            self._server = None

    def room(self) -> int:
        """Return how many workers there may be."""
        return self._most

    def _make_worker(self) -> Worker:
        if self._server is None or not self._server.is_alive:
            self._server = ForkServer(self._prepare)
        return _Process(self._server, self._functions)

    def _listen(self, seconds: float | None) -> tuple[Worker, Event | Death | None] | None:
        by_connection = {worker.connection: worker for worker in self._workers if isinstance(worker, _Process)}
        for connection in wait(list(by_connection), seconds):
            worker = by_connection[connection]  # type: ignore[index]
            return worker, worker.hear()
        return None


class _Process(Worker):
    """A process that works for this one."""

    def __init__(self, server: ForkServer, functions: list[str]) -> None:
        super().__init__("not ready")
        self._server, self._pid = server, 0  # that it has not told yet
        self._streams = tempfile.TemporaryFile(dir=server.scratch)  # noqa: SIM115  (it lives as long as the worker)
        self.connection, theirs = Pipe()
        server.fork(functions, theirs, self._streams)
        theirs.close()

    def send(self, task: Task) -> None:
        with suppress(OSError):
            self.connection.send(task)

    def stop(self) -> None:
        with suppress(OSError):
            self.connection.send(STOP)

    def hear(self) -> Event | Death | None:
        """Take what the worker has sent: an event, that it is ready, or its end."""
        try:
            heard: Event | int = self.connection.recv()
        except (EOFError, OSError):
            return Death(self, "worker_died", f"its worker {self._end()}", self.said())
        if not isinstance(heard, int):
            return heard
        self._pid, self.name = heard, str(heard)
        return None

    def said(self) -> str:
        return end_of_text(self._streams) or self._server.said()

    def kill(self) -> None:
        self.connection.close()  # one that is not ready ends when it wants to say so
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._exit_code()
        self._streams.close()

    def _end(self) -> str:
        code = self._exit_code()
        if code is None:
            return "ended"
        if code >= 0:
            return f"ended with exit code {code}"
        likely = ": killed, or out of memory" if code == -signal.SIGKILL else ""
        return f"ended with {signal.Signals(-code).name}{likely}"

    def _exit_code(self) -> int | None:
        """Wait for its end; afterwards its number may be that of another process."""
        pid, self._pid = self._pid, 0
        return self._server.exit_code(pid) if pid else None


def _word(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"
