"""What every executor promises: tasks in, events out, and no failure of one task that touches another.

An executor knows nothing of experiments. It calls ``work(payload, tell)`` somewhere, hands on what the work tells and
returns, and says how a task ended that gave no result.
"""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from seqexp.errors import OwnCodeFailed, SeqexpError

Work = Callable[[Any, Callable[[Any], None]], Any]


class TaskStopped(BaseException):
    """Raised in the work, by what it tells through, where the driver wants no more of the task."""


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes:
        number: Names the task in events.
        payload: What the work is called with; it must survive being sent to another process.
        group: Tasks of one group are cheaper on a worker that did another of the group before.
        files: What the work reads from disk. Where workers stand on other machines, each file is brought there once,
            and the work is called with ``payload.moved(places)``, a mapping of these paths to where they are there.
        effort: How much work it is beside other tasks, as far as that can be guessed.
    """

    number: int
    payload: Any
    group: str = ""
    files: tuple[str, ...] = ()
    effort: float = 1.0


@dataclass(frozen=True)
class Event:
    """Something happened to a task, on a worker."""

    number: int
    worker: str

    @property
    def is_last(self) -> bool:
        """Whether it is the last event of its task."""
        return isinstance(self, (Ended, Broken))


@dataclass(frozen=True)
class Started(Event):
    """A worker began with it; again, if it is tried again.

    Attributes:
        when: In seconds since 1970.
    """

    when: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Told(Event):
    """What the work told."""

    content: Any


@dataclass(frozen=True)
class Lost(Event):
    """Its worker died; it will be tried again, on another.

    Attributes:
        message: How the worker ended, as ``its worker ...``.
    """

    message: str


@dataclass(frozen=True)
class Ended(Event):
    """What the work returned."""

    result: Any


@dataclass(frozen=True)
class Broken(Event):
    """It gave no result, and will not be tried again.

    Attributes:
        reason: ``exception``, ``refused`` (an error that the request is to blame for), ``worker_died``, ``timeout``,
            or ``stopped`` (the driver asked for it).
        message: In a sentence.
        explanation: All there is to know, such as a traceback.
    """

    reason: str
    message: str
    explanation: str = ""


Handle = Callable[[Event], Iterable[Task] | None]


def too_long(seconds: float) -> str:
    """Return what is said of work that took longer than it may."""
    return f"it took longer than {seconds:g} s (execution.timeout)"


def broken(task: Task, worker: str, error: BaseException) -> Broken:
    """Return the event of a task whose work raised."""
    if isinstance(error, TaskStopped):
        return Broken(task.number, worker, "stopped", "it was stopped")
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, SeqexpError):
        reason = "exception" if isinstance(error, OwnCodeFailed) else "refused"
        return Broken(task.number, worker, reason, first, str(error))
    explanation = "".join(traceback.format_exception(error))
    return Broken(task.number, worker, "exception", f"{type(error).__name__}: {first}", explanation)


class Executor(ABC):
    """Runs tasks; used as a context, whose end leaves nothing running."""

    @abstractmethod
    def start(self, n_tasks: int) -> None:
        """Prepare for so many tasks, without waiting for it: workers may start while the tasks are still made."""

    @abstractmethod
    def room(self) -> int:
        """Return how many tasks can run at a time.

        Raises:
            ExecutionError: That cannot be found out, for a cluster does not answer.
        """

    @abstractmethod
    def run(self, tasks: Sequence[Task], handle: Handle) -> None:
        """Run tasks; ``handle`` hears what happens, each task's last event being :class:`Ended` or :class:`Broken`.

        It is called in the caller's thread, one event after another. The tasks that it returns are run too. What it
        raises ends the run.

        Raises:
            ExecutionError: There are no workers that work.
        """

    @abstractmethod
    def stop(self, number: int) -> None:
        """Let a task that runs end at the next thing it tells, as :class:`Broken` with the reason ``stopped``.

        It may still come to its own end before it hears of it.
        """

    @abstractmethod
    def close(self) -> None:
        """End all that runs, at once."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
