"""What runs in a worker: ``python -m seqexp.execution.worker FD MODULE:FUNCTION [MODULE:FUNCTION]``.

It speaks with its driver over one connection, whose file descriptor it is given. The first function is the work; the
second, if there is one, is called once, before the first task is there, to import what takes long.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from seqexp.execution.contract import Ended, Event, Task, TaskStopped, Told, broken
from seqexp.own_process import set_up_own_process

READY, STOP = "ready", "stop"  # what is said besides tasks and events
_LOOK = 1.0  # seconds between two looks at whether the driver is alive


def main() -> None:
    """Work until the driver has no more."""
    set_up_own_process()
    _end_with_the_driver(os.getppid())
    connection = Connection(int(sys.argv[1]))
    if len(sys.argv) > 3:
        _function(sys.argv[3])()
    work = _function(sys.argv[2])
    try:
        connection.send(READY)
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


def _function(word: str) -> Callable[..., Any]:
    module, _, name = word.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _end_with_the_driver(driver: int) -> None:
    """A worker is orphaned when its driver is killed: then it has a new parent, and ends."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
