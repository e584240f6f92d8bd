"""Workers are forked from a process that has imported what they need, and are new interpreters where they cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seqexp.errors import ExecutionError
from seqexp.execution.contract import Broken, Ended, Event, Task
from seqexp.execution.fork_server import ForkServer
from seqexp.execution.processes import ProcessExecutor
from seqexp.execution.worker import function_of
from seqexp.workflows.sweeping import executors
from seqexp.workflows.sweeping.ahead import PREPARE

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What workers do, which they import by name."""
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return import_module("executor_work")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary files, in which nothing may be left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def _run(work: ModuleType, *payloads: float, **options: Any) -> list[Event]:
    events: list[Event] = []
    with ProcessExecutor(work.tell_where, **{"workers": 2, **options}) as executor:
        executor.run([Task(number, payload) for number, payload in enumerate(payloads)], events.append)
    return [event for event in events if event.is_last]


def _found(events: list[Event]) -> list[tuple[list[int], int, int]]:
    return [event.result for event in events if isinstance(event, Ended)]


def test_what_is_prepared_once_is_there_in_every_worker(scratch: Path, work: ModuleType) -> None:
    found = _found(_run(work, 0.3, 0.3, 0.3, prepare=work.prepare))
    assert len({worker for _, _, worker in found}) == 2
    (server,) = {parent for _, parent, _ in found}
    assert all(prepared == [server] for prepared, _, _ in found)


def test_where_a_thread_was_started_a_worker_prepares_for_itself(scratch: Path, work: ModuleType) -> None:
    found = _found(_run(work, 0, prepare=work.prepare_with_a_thread, warm_up=work.prepare))
    ((prepared, _, worker),) = found
    assert prepared == [worker]


def test_a_server_that_was_started_before_is_used_and_killed(scratch: Path, work: ModuleType) -> None:
    with ForkServer("executor_work:prepare") as server:
        ((_, parent, _),) = _found(_run(work, 0, server=server))
        assert parent == server._process.pid
        assert not server.is_alive


def test_a_server_that_cannot_prepare_is_explained(scratch: Path, work: ModuleType) -> None:
    with pytest.raises(ExecutionError) as caught:
        _run(work, 0, prepare=work.refuse_to_start)
    assert "no such thing" in str(caught.value)


def test_workers_end_with_their_server_and_another_takes_over(scratch: Path, work: ModuleType) -> None:
    events: list[Event] = []

    def kill(event: Event) -> None:
        events.append(event)
        if len(events) == 1:
            os.kill(server._process.pid, signal.SIGKILL)

    server = ForkServer("executor_work:prepare")
    with ProcessExecutor(work.tell_where, server=server, prepare=work.prepare, workers=1) as executor:
        executor.run([Task(0, 3.0)], kill)
    last = events[-1]
    assert isinstance(last, Ended)
    assert last.result[1] != server._process.pid
    server.kill()


def test_a_driver_that_is_killed_leaves_no_folder(scratch: Path, work: ModuleType) -> None:
    script = (
        "import time; from seqexp.execution.fork_server import ForkServer; server = ForkServer()\n"
        "print(server._process.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as driver:
        assert driver.stdout is not None
        driver.stdout.readline()
        assert list(scratch.iterdir())
        driver.kill()
    deadline = time.monotonic() + 5
    while list(scratch.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_worker_that_died_tells_nothing_to_the_others(scratch: Path, work: ModuleType) -> None:
    events: list[Event] = []

    def kill(event: Event) -> None:
        events.append(event)
        if event.number == 0 and not event.is_last:
            os.kill(int(event.worker), signal.SIGTERM)

    with ProcessExecutor(work.tell_where, prepare=work.prepare, workers=2, retries=0) as executor:
        executor.run([Task(0, 60.0), Task(1, 0.5)], kill)
    last = {event.number: event for event in events if event.is_last}
    assert isinstance(last[0], Broken)
    assert "SIGTERM" in last[0].message
    assert isinstance(last[1], Ended)


def test_what_is_started_ahead_is_what_workers_need() -> None:
    """Were it another, the server would end and a second one take its place, and nobody would notice."""
    assert function_of(PREPARE) is executors.prepare


def test_what_sweeps_prepare_leaves_no_thread_behind() -> None:
    """Else every worker would import TensorFlow again, and nobody would notice."""
    script = (
        "import os\n"
        "from seqexp.execution.fork_server import _survives_fork\n"
        "from seqexp.workflows.sweeping.executors import prepare\n"
        "prepare()\n"
        "if os.fork() == 0:\n"
        "    os._exit(not _survives_fork())\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert time.monotonic() - began < 60
