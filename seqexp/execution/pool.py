"""Share tasks out to workers, one at a time to each, whatever the workers are: processes here, or actors elsewhere.

A worker that dies or takes too long is replaced; its task is tried again, a few times at most.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqexp.errors import ExecutionError
from seqexp.execution.contract import Broken, Event, Executor, Handle, Lost, Started, Task, too_long
from seqexp.execution.schedule import Schedule

_LOOK = 0.5  # seconds between two looks at the clock, where a task has a time limit
_MOST_FAILED_STARTS = 3  # workers that end before they are ready


class Worker(ABC):
    """Something that does one task at a time.

    Attributes:
        name: Tells it from the others.
        is_ready: Whether it takes tasks.
        task: What it is at, or None.
        began: When it was given that.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_ready = False
        self.task: Task | None = None
        self.began = 0.0

    def give(self, task: Task) -> None:
        """Begin a task."""
        self.task, self.began = task, time.monotonic()
        self.send(task)

    @abstractmethod
    def send(self, task: Task) -> None:
        """Have the task done; if the worker is gone, that is heard next."""

    @abstractmethod
    def stop(self) -> None:
        """Have the task end at the next thing that it tells."""

    def said(self) -> str:
        """Return the end of what it wrote to its streams, as far as that is known."""
        return ""

    @abstractmethod
    def kill(self) -> None:
        """End it, whatever it does."""


@dataclass(frozen=True)
class Death:
    """A worker is gone, or is not to go on."""

    worker: Worker
    reason: str
    message: str
    explanation: str = ""


class Pool(Executor):
    """Workers of one kind, at most as many as there are tasks."""

    def __init__(self, *, timeout: float | None, retries: int) -> None:
        """Prepare nothing yet.

        Args:
            timeout: Seconds that a task may take; None for no limit.
            retries: How often the task of a worker that died is tried again.
        """
        self._timeout, self._retries = timeout, retries
        self._workers: list[Worker] = []
        self._failed_starts = 0

    @abstractmethod
    def _make_worker(self) -> Worker:
        """Start a worker, without waiting for it."""

    @abstractmethod
    def _listen(self, seconds: float | None) -> tuple[Worker, Event | Death | None] | None:
        """Wait for what any worker says, or for so long: an event, its death, or (None) that it is ready."""

    def start(self, n_tasks: int) -> None:
        """Start workers, without waiting for them."""
        self._hire(n_tasks)

    def run(self, tasks: Sequence[Task], handle: Handle) -> None:
        """Give a worker its next task as soon as it is free, and only then have it heard how its last one ended."""
        schedule, attempts = Schedule(tasks), Counter[int]()
        event: Event | None = None
        while True:
            begun: list[Event] = []
            try:
                begun = self._begin(schedule)
            finally:  # what a task came to is not lost because the next one cannot be begun
                if event is not None:
                    schedule.add(handle(event))
            for started in begun:
                schedule.add(handle(started))
            busy = sum(worker.task is not None for worker in self._workers)
            if not busy and not schedule:
                return
            self._hire(busy + len(schedule))
            waits = schedule and any(map(_is_free, self._workers))
            event = None if waits else self._next_event(schedule, attempts)

    def stop(self, number: int) -> None:
        """Tell the worker that is at the task, if one is."""
        for worker in self._workers:
            if worker.task is not None and worker.task.number == number:
                worker.stop()

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _hire(self, n_tasks: int) -> None:
        while len(self._workers) < min(self.room(), n_tasks):
            self._workers.append(self._make_worker())

    def _begin(self, schedule: Schedule) -> list[Event]:
        """Give the workers that are free a task each, as far as there are any."""
        begun: list[Event] = []
        for worker in filter(_is_free, self._workers):
            if (task := schedule.next_for(worker.name)) is not None:
                worker.give(task)
                begun.append(Started(task.number, worker.name))
        return begun

    def _next_event(self, schedule: Schedule, attempts: Counter[int]) -> Event | None:
        """Look at the clock (before all else: other workers may never be still), then wait for what a worker says."""
        for worker in self._workers:
            if self._timeout and worker.task is not None and time.monotonic() - worker.began > self._timeout:
                death = Death(worker, "timeout", too_long(self._timeout), worker.said())
                return self._after(death, schedule, attempts)
        heard = self._listen(_LOOK if self._timeout else None)
        if heard is None:
            return None
        worker, event = heard
        if isinstance(event, Death):
            return self._after(event, schedule, attempts)
        if event is None:
            worker.is_ready, self._failed_starts = True, 0
        elif event.is_last:
            worker.task = None
        return event

    def _after(self, death: Death, schedule: Schedule, attempts: Counter[int]) -> Event | None:
        """Put a worker away, and say what became of its task, if it had one."""
        worker, task = death.worker, death.worker.task
        self._workers.remove(worker)
        worker.kill()
        self._failed_starts += not worker.is_ready
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise ExecutionError(f"Workers end before they are ready: {death.message}", mend=death.explanation)
        if task is None:
            return None
        attempts[task.number] += 1
        if death.reason == "worker_died" and attempts[task.number] <= self._retries:
            schedule.again(task)
            return Lost(task.number, worker.name, death.message)
        return Broken(task.number, worker.name, death.reason, death.message, death.explanation)


def _is_free(worker: Worker) -> bool:
    return worker.is_ready and worker.task is None
