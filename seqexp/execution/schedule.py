"""Which task comes next: those of a group stay on one worker, until another would be idle."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from seqexp.execution.contract import Task


class Schedule:
    """The tasks that are still to be given to a worker.

    A worker gets the tasks of the groups it has worked on before; then, of the groups that nobody has begun, those of
    the one that is most work, so that little is left for the end; then it helps with the group of which most is left.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._waiting: dict[str, deque[Task]] = {}
        self._begun: Counter[str] = Counter()
        self._groups_of: dict[str, list[str]] = {}
        self.add(tasks)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, tasks: Iterable[Task] | None) -> None:
        """Take more tasks, or none."""
        for task in tasks or ():
            self._waiting.setdefault(task.group, deque()).append(task)

    def next_for(self, worker: str) -> Task | None:
        """Return the next task for a worker, or None where no more is left."""
        if not self._waiting:
            return None
        own = self._groups_of.setdefault(worker, [])
        group = next((group for group in reversed(own) if group in self._waiting), None)
        if group is None:
            fresh = [group for group in self._waiting if not self._begun[group]]
            group = max(fresh or self._waiting, key=lambda group: sum(task.effort for task in self._waiting[group]))
            own.append(group)
        self._begun[group] += 1
        task = self._waiting[group].popleft()
        if not self._waiting[group]:
            del self._waiting[group]
        return task

    def again(self, task: Task) -> None:
        """Put a task back, to be the next of its group."""
        self._waiting.setdefault(task.group, deque()).appendleft(task)
