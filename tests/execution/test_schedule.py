"""In which order tasks are given to workers."""

from __future__ import annotations

from seqexp.execution.contract import Task
from seqexp.execution.schedule import Schedule


def _tasks(**efforts: list[float]) -> list[Task]:
    pairs = [(group, effort) for group, several in efforts.items() for effort in several]
    return [Task(number, None, group, effort=effort) for number, (group, effort) in enumerate(pairs)]


def _given(schedule: Schedule, workers: str) -> list[int | None]:
    tasks = [schedule.next_for(worker) for worker in workers]
    return [task.number if task else None for task in tasks]


def test_the_group_that_is_most_work_begins_and_stays_on_its_worker() -> None:
    schedule = Schedule(_tasks(short=[1, 1, 1], long=[5, 5], middle=[4, 4]))
    assert _given(schedule, "ababab") == [3, 5, 4, 6, 0, 1]
    assert len(schedule) == 1


def test_groups_of_equal_work_keep_their_order() -> None:
    assert _given(Schedule(_tasks(one=[2, 2], two=[4], three=[1, 3])), "abc") == [0, 2, 3]


def test_an_idle_worker_helps_where_most_work_is_left() -> None:
    schedule = Schedule(_tasks(many=[1, 1, 1], heavy=[9, 9]))
    assert _given(schedule, "abc") == [3, 0, 4]


def test_a_task_that_comes_back_is_the_next_of_its_group() -> None:
    schedule = Schedule(_tasks(one=[1, 1, 1]))
    first = schedule.next_for("a")
    assert first is not None
    schedule.again(first)
    assert _given(schedule, "aaaa") == [0, 1, 2, None]
