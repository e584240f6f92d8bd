"""One suite that every executor passes, and what only those with workers promise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from seqexp.errors import ExecutionError
from seqexp.execution.contract import Broken, Ended, Event, Executor, Lost, Started, Task, Told
from seqexp.execution.inline import InlineExecutor
from seqexp.execution.pool import Worker
from seqexp.execution.processes import ProcessExecutor
from seqexp.execution.ray import RayExecutor

HERE = Path(__file__).parent
Make = Callable[..., Executor]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def _work() -> Callable[..., object]:
    from executor_work import work

    return work


@pytest.fixture(params=["inline", "processes", "ray"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "ray":
        made = request.getfixturevalue("on_ray")()
    else:
        made = InlineExecutor(_work()) if request.param == "inline" else ProcessExecutor(_work(), workers=2)
    with made:
        yield made


@pytest.fixture
def processes() -> Iterator[Make]:
    made = []

    def make(**options: object) -> Executor:
        made.append(ProcessExecutor(_work(), **{"workers": 2, **options}))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


@pytest.fixture
def on_ray(local_ray: None) -> Iterator[Make]:
    from executor_work import versions

    made = []

    def make(**options: object) -> Executor:
        made.append(RayExecutor(_work(), **{"versions": versions, "workers": 2, **options}))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


@pytest.fixture(params=["processes", "on_ray"])
def pool(request: pytest.FixtureRequest) -> Make:
    make: Make = request.getfixturevalue(request.param)
    return make


def _tasks(*payloads: dict[str, object], groups: str = "") -> list[Task]:
    return [Task(number, payload, groups[number : number + 1]) for number, payload in enumerate(payloads)]


def _events(executor: Executor, tasks: list[Task]) -> list[Event]:
    events: list[Event] = []
    executor.run(tasks, events.append)
    return events


def _last(events: list[Event]) -> dict[int, Event]:
    return {event.number: event for event in events if event.is_last}


class TestEvery:
    def test_every_task_ends_once_with_its_result(self, executor: Executor) -> None:
        events = _events(executor, _tasks(*({"gives": number} for number in range(7))))
        ended = [event for event in events if event.is_last]
        assert {event.number: event.result[0] for event in ended} == {number: number for number in range(7)}
        assert len(ended) == 7

    def test_what_is_told_comes_in_order_between_start_and_end(self, executor: Executor) -> None:
        events = _events(executor, _tasks({"tells": [1, {"a": 2}]}))
        assert [type(event) for event in events] == [Started, Told, Told, Ended]
        assert [event.content for event in events if isinstance(event, Told)] == [1, {"a": 2}]

    def test_nothing_to_do_is_done(self, executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nor is a cluster joined for it, which may be away."""
        monkeypatch.setattr(executor, "room", lambda: pytest.fail("somebody asked for room"))
        assert _events(executor, []) == []

    @pytest.mark.parametrize(
        ("raises", "reason"),
        [("error", "exception"), ("refused", "refused"), ("own", "exception"), ("memory", "exception")],
    )
    def test_an_error_stays_where_it_is(self, raises: str, reason: str, executor: Executor) -> None:
        last = _last(_events(executor, _tasks({"raises": raises}, {"gives": 1})))
        assert isinstance(last[0], Broken)
        assert last[0].reason == reason
        assert "this is why" in last[0].message
        assert isinstance(last[1], Ended)

    def test_what_the_handler_raises_ends_it(self, executor: Executor) -> None:
        class Enough(BaseException):
            pass

        def handle(event: Event) -> None:
            if event.is_last:
                raise Enough

        with pytest.raises(Enough):
            executor.run(_tasks(*({"gives": number} for number in range(5))), handle)

    def test_an_executor_runs_more_than_once(self, executor: Executor) -> None:
        for _ in range(2):
            assert len(_last(_events(executor, _tasks({"gives": 1}, {"gives": 2})))) == 2

    def test_tasks_that_the_handler_returns_are_run_too(self, executor: Executor) -> None:
        ended: list[int] = []

        def handle(event: Event) -> list[Task]:
            if not isinstance(event, Ended):
                return []
            ended.append(event.number)
            return [Task(event.number + 2, {"gives": 1})] if event.number < 6 else []

        executor.run(_tasks({}, {}), handle)
        assert sorted(ended) == list(range(8))

    def test_a_task_that_is_stopped_ends_at_what_it_tells_next(self, executor: Executor) -> None:
        events: list[Event] = []

        def handle(event: Event) -> None:
            events.append(event)
            if isinstance(event, Told) and event.number == 0:
                executor.stop(0)

        began = time.monotonic()
        executor.run(_tasks({"chats": 60}, {"tells": [1], "gives": 1}, {"tells": [1]}), handle)
        assert time.monotonic() - began < 30
        stopped = _last(events)[0]
        assert isinstance(stopped, Broken)
        assert stopped.reason == "stopped"
        assert isinstance(_last(events)[1], Ended)
        assert isinstance(_last(events)[2], Ended)

    def test_stopping_what_does_not_run_stops_nothing(self, executor: Executor) -> None:
        def handle(event: Event) -> None:
            events.append(event)
            if isinstance(event, Started):
                executor.stop(99)

        events: list[Event] = []
        executor.run(_tasks({"tells": [1, 2]}), handle)
        assert isinstance(_last(events)[0], Ended)

    def test_tasks_of_a_group_follow_each_other(self, executor: Executor) -> None:
        events = _events(executor, _tasks(*({} for _ in range(6)), groups="ababab"))
        by_worker: dict[str, str] = {}
        for event in events:
            if isinstance(event, Started):
                by_worker[event.worker] = by_worker.get(event.worker, "") + "ababab"[event.number]
        for groups in by_worker.values():
            changes = sum(one != other for one, other in pairwise(groups))
            assert changes <= 1


class TestPools:
    """What those with workers promise, wherever these are."""

    def test_two_workers_share_the_tasks(self, pool: Make) -> None:
        last = _last(_events(pool(), _tasks(*({"sleeps": 0.3} for _ in range(6)))))
        assert len({event.result[1] for event in last.values()}) == 2

    def test_a_worker_goes_on_while_the_driver_hears_how_its_last_task_ended(self, pool: Make, tmp_path: Path) -> None:
        """To record a run takes 20 ms, for which every worker waited after every run."""
        second, was_begun = tmp_path / "second", []

        def handle(event: Event) -> None:
            if event.is_last and event.number == 0:
                ends = time.monotonic() + 20
                while not second.exists() and time.monotonic() < ends:
                    time.sleep(0.01)
                was_begun.append(second.exists())

        pool(workers=1).run(_tasks({}, {"touches": str(second)}), handle)
        assert was_begun == [True]

    def test_what_is_added_when_the_only_worker_died_is_run_by_another(self, pool: Make, tmp_path: Path) -> None:
        """A search chooses its next trial when it hears that one failed."""
        more = [Task(1, {"gives": "more"})]
        last: dict[int, Event] = {}

        def handle(event: Event) -> list[Task] | None:
            if event.is_last:
                last[event.number] = event
            return more if isinstance(event, Broken) else None

        dying = {"dies": str(tmp_path / "deaths"), "times": 9}
        pool(workers=1, retries=0).run(_tasks(dying), handle)
        assert isinstance(last[0], Broken)
        assert last[1].result[0] == "more"

    def test_a_result_is_heard_though_the_next_task_cannot_be_begun(
        self, pool: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heard = []
        executor = pool(workers=1)
        give = Worker.give

        def fails_later(worker: Worker, task: Task) -> None:
            if task.number == 1:
                raise ExecutionError("no room to send it")
            give(worker, task)

        monkeypatch.setattr(Worker, "give", fails_later)
        with pytest.raises(ExecutionError, match="no room"):
            executor.run(_tasks({"gives": 1}, {}), heard.append)
        assert [event.result[0] for event in heard if event.is_last] == [1]

    def test_a_task_whose_worker_is_killed_is_tried_again(self, pool: Make, tmp_path: Path) -> None:
        tasks = _tasks({"dies": str(tmp_path / "f"), "times": 1, "gives": "well"}, {"gives": 1})
        events = _events(pool(), tasks)
        assert _last(events)[0].result[0] == "well"
        assert [type(event) for event in events if event.number == 0] == [Started, Lost, Started, Ended]
        assert all(event.message.startswith("its worker ") for event in events if isinstance(event, Lost))
        assert isinstance(_last(events)[1], Ended)

    def test_but_not_for_ever(self, pool: Make, tmp_path: Path) -> None:
        last = _last(_events(pool(), _tasks({"dies": str(tmp_path / "f"), "times": 9}, {"gives": 1}, {})))
        assert last[0].reason == "worker_died"
        assert (tmp_path / "f").stat().st_size == 2  # nothing underneath tries it again
        assert isinstance(last[1], Ended)
        assert isinstance(last[2], Ended)

    def test_a_task_that_takes_too_long_is_ended(self, pool: Make) -> None:
        began = time.monotonic()
        last = _last(_events(pool(timeout=1.0), _tasks({"sleeps": 60}, {"gives": 1}, {"gives": 2})))
        assert last[0].reason == "timeout"
        assert "execution.timeout" in last[0].message
        assert isinstance(last[1], Ended)
        assert time.monotonic() - began < 20

    def test_workers_that_cannot_start_are_explained(self, pool: Make) -> None:
        from executor_work import refuse_to_start

        with pytest.raises(ExecutionError) as caught:
            _events(pool(warm_up=refuse_to_start, workers=1), _tasks({}))
        assert "no such thing" in str(caught.value)

    def test_closing_leaves_nothing_running(self, pool: Make) -> None:
        executor = pool()
        last = _last(_events(executor, _tasks({"sleeps": 0.2}, {"sleeps": 0.2})))
        executor.close()
        deadline = time.monotonic() + 10
        pids = {event.result[1] for event in last.values()}
        while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(_is_alive(pid) for pid in pids)


class TestProcesses:
    def test_the_signal_that_killed_a_worker_is_named(self, processes: Make, tmp_path: Path) -> None:
        last = _last(_events(processes(retries=0), _tasks({"dies": str(tmp_path / "f"), "times": 1})))
        assert "SIGKILL" in last[0].message

    def test_no_more_workers_than_tasks(self, processes: Make) -> None:
        last = _last(_events(processes(workers=4), _tasks({}, {})))
        assert len({event.result[1] for event in last.values()}) <= 2

    def test_the_time_limit_holds_beside_a_worker_that_is_never_still(self, processes: Make) -> None:
        events = _events(processes(timeout=2.0), _tasks({"sleeps": 60}, {"chats": 1.9}, {"chats": 1.9}, {"chats": 1.9}))
        ends = [event.number for event in events if event.is_last]
        assert _last(events)[0].reason == "timeout"
        assert ends.index(0) < 3  # while the others still talk
        assert all(isinstance(_last(events)[number], Ended) for number in (1, 2, 3))

    def test_an_executor_that_was_not_used_leaves_no_folder(
        self, processes: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        processes()
        assert list(tmp_path.iterdir()) == []

    def test_workers_end_with_a_driver_that_is_killed(self, tmp_path: Path) -> None:
        script = (
            "from executor_work import work\n"
            "from seqexp.execution.contract import Task\n"
            "from seqexp.execution.processes import ProcessExecutor\n"
            "ProcessExecutor(work, workers=2).run([Task(n, {'sleeps': 60}) for n in range(2)],"
            " lambda event: print(event.worker, flush=True))"
        )
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            workers = [int(driver.stdout.readline()) for _ in range(2)]
            driver.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while any(_is_alive(pid) for pid in workers) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(_is_alive(pid) for pid in workers)


class TestRay:
    def test_files_are_brought_to_a_machine_that_has_them_not(
        self, on_ray: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from executor_work import Reading

        executor, file = on_ray(workers=1), tmp_path / "data.csv"
        file.write_text("a,b")
        tasks = [Task(number, Reading(str(file)), files=(str(file),)) for number in range(3)]
        assert [event.result for event in _last(_events(executor, tasks)).values()] == [("a,b", str(file))] * 3
        moved = [Task(number, Reading(str(file), hides=True), files=(str(file),)) for number in range(3)]
        for event in _last(_events(executor, moved)).values():
            content, place = event.result
            assert content == "a,b"
            assert (place == str(file)) == (event.number == 0)

    def test_a_machine_with_other_versions_is_refused(self, on_ray: Make) -> None:
        from executor_work import other_versions

        with pytest.raises(ExecutionError) as caught:
            _events(on_ray(versions=other_versions), _tasks({}))
        assert "other versions: process" in str(caught.value)

    @pytest.mark.parametrize(("address", "says"), [("127.0.0.1:9", "refused"), ("nowhere", "host:port")])
    def test_a_cluster_that_is_not_there_is_missed_at_once(
        self, address: str, says: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from executor_work import versions

        monkeypatch.setattr("ray.is_initialized", lambda: False)
        began = time.monotonic()
        with pytest.raises(ExecutionError, match=says) as caught:
            _events(RayExecutor(_work(), versions=versions, address=address), _tasks({}))
        assert caught.value.problems[0].key == "execution.address"
        assert time.monotonic() - began < 10

    def test_more_than_the_cluster_has_is_refused(self, on_ray: Make) -> None:
        with pytest.raises(ExecutionError, match="no room for a run") as caught:
            _events(on_ray(cpus_per_run=64), _tasks({}))
        assert caught.value.problems[0].key == "execution.cpus_per_run"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a zombie that nobody has reaped yet is dead
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True
