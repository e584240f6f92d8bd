"""Run tasks in worker processes on this machine, one task at a time in each.

Workers are new interpreters (TensorFlow does not survive a fork), started as soon as it is known that there will be
work. A worker that dies or takes too long is replaced; its task is tried again, a few times at most.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from seqexp.errors import ExecutionError
from seqexp.execution.contract import Broken, Event, Executor, Started, Task, Work
from seqexp.execution.schedule import Schedule

_LOOK = 0.5  # seconds between two looks at the clock, where a task has a time limit
_MOST_FAILED_STARTS = 3  # workers that end before they are ready


class ProcessExecutor(Executor):
    """Spawned workers, at most as many as there are tasks."""

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
        self._functions = [_word(function) for function in (work, warm_up) if function is not None]
        self._most = workers or os.cpu_count() or 1
        self._timeout, self._retries = timeout, retries
        self._scratch: Path | None = None  # the workers' folder of temporary files
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    def start(self, n_tasks: int) -> None:
        """Start workers, without waiting for them."""
        while len(self._workers) < min(self._most, n_tasks):
            self._add_worker()

    def run(self, tasks: Sequence[Task], handle: Callable[[Event], None]) -> None:
        """Give every worker a task as soon as it is free."""
        schedule, attempts = Schedule(tasks), Counter[int]()
        self.start(len(tasks))
        left = len(tasks)
        while left:
            for worker in self._workers:
                if worker.is_ready and worker.task is None and (task := schedule.next_for(worker.name)) is not None:
                    worker.give(task)
                    handle(Started(task.number, worker.name))
            event = self._next_event()
            if isinstance(event, _Death):
                event = self._after(event, schedule, attempts)
            if event is not None:
                handle(event)
                left -= event.is_last

    def close(self) -> None:
        """Kill the workers and drop what they had begun to write."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _add_worker(self) -> None:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="seqexp-workers-"))
        self._workers.append(_Worker(self._functions, self._scratch))

    def _next_event(self) -> Event | _Death | None:
        """Look at the clock (before all else: other workers may never be still), then wait for what a worker says."""
        for worker in self._workers:
            if self._timeout and worker.task is not None and time.monotonic() - worker.began > self._timeout:
                return _Death(worker, "timeout", f"it took longer than {self._timeout:g} s (execution.timeout)")
        for connection in wait([worker.connection for worker in self._workers], self._timeout and _LOOK):
            worker = next(worker for worker in self._workers if worker.connection is connection)
            heard = worker.hear()
            if isinstance(heard, (Event, _Death)):
                return heard
        return None

    def _after(self, death: _Death, schedule: Schedule, attempts: Counter[int]) -> Event | None:
        """Replace a worker that is gone, and say what became of its task, unless it is tried again."""
        worker, task = death.worker, death.worker.task
        self._workers.remove(worker)
        worker.kill()
        self._failed_starts = 0 if worker.is_ready else self._failed_starts + 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise ExecutionError(f"Workers end before they are ready: {death.message}", mend=death.explanation)
        event = None
        if task is not None:
            attempts[task.number] += 1
            if death.reason == "worker_died" and attempts[task.number] <= self._retries:
                schedule.again(task)
            else:
                event = Broken(task.number, worker.name, death.reason, death.message, death.explanation)
        if schedule:
            self._add_worker()
        return event


class _Death:
    """A worker is gone."""

    def __init__(self, worker: _Worker, reason: str, message: str) -> None:
        self.worker, self.reason, self.message, self.explanation = worker, reason, message, worker.said()


class _Worker:
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
        self.name = str(self._process.pid)
        self.is_ready = False
        self.task: Task | None = None
        self.began = 0.0

    def give(self, task: Task) -> None:
        """Send a task; if the worker is gone, that is heard next."""
        self.task, self.began = task, time.monotonic()
        with suppress(OSError):
            self.connection.send(task)

    def hear(self) -> Event | _Death | None:
        """Take what the worker has sent: an event, or its end."""
        try:
            heard = self.connection.recv()
        except (EOFError, OSError):
            return _Death(self, "worker_died", f"its worker {self._end()}")
        if heard == "ready":
            self.is_ready = True
            return None
        event: Event = heard
        if event.is_last:
            self.task = None
        return event

    def said(self) -> str:
        """Return the end of what the worker wrote to its streams."""
        self._stderr.seek(max(self._stderr.seek(0, os.SEEK_END) - 4000, 0))
        return self._stderr.read().decode(errors="replace")

    def kill(self) -> None:
        """End the process, whatever it does."""
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
