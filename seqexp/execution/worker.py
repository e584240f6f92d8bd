"""What a worker does: it speaks with its driver over one connection.

It is forked (fork_server.py), or a new interpreter: ``python -m seqexp.execution.worker FD WORK [WARM_UP]``.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from seqexp.execution.contract import Ended, Event, Task, TaskStopped, Told, broken
from seqexp.own_process import set_up_own_process

STOP = "stop"  # what is said to a worker besides tasks
_LOOK = 1.0  # seconds between two looks at whether the parent is alive


def main() -> None:
    """Work, as a new interpreter."""
    set_up_own_process()
    work_for(Connection(int(sys.argv[1])), sys.argv[2:])


def work_for(connection: Connection, functions: Sequence[str]) -> None:
    """Work until the driver has no more; its process id is the first that it says, when it is ready.

    Args:
        connection: To the driver.
        functions: As ``MODULE:FUNCTION`` the work, and what is called before the first task is there.
    """
    _end_with(os.getppid())
    for warm_up in functions[1:]:
        function_of(warm_up)()
    work = function_of(functions[0])
    try:
        connection.send(os.getpid())
        while (task := connection.recv()) is not None:
            if task != STOP:  # else it came too late for the task that it meant
                connection.send(_run(work, task, connection))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the driver is gone


def _run(work: Callable[..., Any], task: Task, connection: Connection) -> Event:
    name = str(os.getpid())

    def tell(content: Any) -> None:
        connection.send(Told(task.number, name, content))
        if connection.poll():  # while a task runs, nothing else is said to a worker than that it stop
            connection.recv()
            raise TaskStopped

    try:
        return Ended(task.number, name, work(task.payload, tell))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except (Exception, TaskStopped) as error:
        return broken(task, name, error)


def function_of(word: str) -> Callable[..., Any]:
    """Import the function that ``MODULE:FUNCTION`` names."""
    module, _, name = word.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _end_with(parent: int) -> None:
    """A worker is orphaned when its driver is killed, and the server with it: then it has a new parent, and ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
