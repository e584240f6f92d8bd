"""Run tasks one after another in this very process: for a debugger, and where other processes cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqexp.execution.contract import Ended, Event, Executor, Handle, Started, Task, TaskStopped, Told, Work, broken
from seqexp.execution.schedule import Schedule

_NAME = "inline"


class InlineExecutor(Executor):
    """The executor without workers. It cannot end a task early: a time limit is for the work itself to keep."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._to_stop: set[int] = set()

    def start(self, n_tasks: int) -> None:
        """Nothing has to be prepared."""

    def room(self) -> int:
        """Return that there is room for one."""
        return 1

    def run(self, tasks: Sequence[Task], handle: Handle) -> None:
        """Run tasks, those of a group together."""
        schedule = Schedule(tasks)
        while (task := schedule.next_for(_NAME)) is not None:
            self._to_stop.discard(task.number)
            schedule.add(handle(Started(task.number, _NAME)))
            schedule.add(handle(self._run(task, schedule, handle)))

    def stop(self, number: int) -> None:
        """Note it, for when the task tells something."""
        self._to_stop.add(number)

    def close(self) -> None:
        """Nothing runs on its own."""

    def _run(self, task: Task, schedule: Schedule, handle: Handle) -> Event:
        def tell(content: Any) -> None:
            schedule.add(handle(Told(task.number, _NAME, content)))
            if task.number in self._to_stop:
                raise TaskStopped

        try:
            return Ended(task.number, _NAME, self._work(task.payload, tell))
        except (Exception, TaskStopped) as error:
            return broken(task, _NAME, error)
