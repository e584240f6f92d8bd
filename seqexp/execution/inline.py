"""Run tasks one after another in this very process: for a debugger, and where other processes cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seqexp.execution.contract import Ended, Event, Executor, Started, Task, Told, Work, broken
from seqexp.execution.schedule import Schedule

_NAME = "inline"


class InlineExecutor(Executor):
    """The executor without workers. It cannot end a task early: there is no time limit."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def start(self, n_tasks: int) -> None:
        """Nothing has to be prepared."""

    def run(self, tasks: Sequence[Task], handle: Callable[[Event], None]) -> None:
        """Run tasks, those of a group together."""
        schedule = Schedule(tasks)
        while (task := schedule.next_for(_NAME)) is not None:
            handle(Started(task.number, _NAME))
            handle(self._run(task, handle))

    def close(self) -> None:
        """Nothing runs on its own."""

    def _run(self, task: Task, handle: Callable[[Event], None]) -> Event:
        try:
            return Ended(task.number, _NAME, self._work(task.payload, lambda it: handle(Told(task.number, _NAME, it))))
        except Exception as error:
            return broken(task, _NAME, error)
