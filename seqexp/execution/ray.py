"""Run tasks on a Ray cluster: one that runs already, or one that is started on this machine.

A worker is an actor. What its tasks tell and return comes back through Ray's object store; the files that tasks read
go to each machine once, the same way. Nothing here expects a file system that the machines share.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from seqexp.errors import ExecutionError
from seqexp.execution.contract import Ended, Event, Task, TaskStopped, Told, Work, broken
from seqexp.execution.pool import Death, Pool, Worker
from seqexp.fingerprint import hash_file

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
Versions = dict[str, str]
Sent = dict[str, tuple[str, Any]]  # path here -> sha256 of the content, and where it lies in the object store


class RayExecutor(Pool):
    """Actors, as many as the cluster has room for."""

    def __init__(
        self,
        work: Work,
        *,
        warm_up: Callable[[], None] | None = None,
        versions: Callable[[], Versions],
        address: str = "auto",
        workers: int | None = None,
        cpus_per_run: float = 1,
        gpus_per_run: float = 0,
        timeout: float | None = None,
        retries: int = 1,
    ) -> None:
        """Prepare nothing yet.

        Args:
            work: A function of a module that is installed on every machine.
            warm_up: The same, called once in each worker before its first task.
            versions: The same; what it returns must be alike on every machine.
            address: ``auto`` for a cluster that runs, or else a new one on this machine; ``local`` for a new one in any
                case; or where one runs.
            workers: How many; None for as many as there is room for.
            cpus_per_run: Cores that a worker reserves.
            gpus_per_run: GPUs that it reserves, also parts of one.
            timeout: Seconds that a task may take; None for no limit.
            retries: How often the task of a worker that died is tried again.
        """
        super().__init__(timeout=timeout, retries=retries)
        self._functions = (work, warm_up, versions)
        self._address, self._wanted = address, workers
        self._resources = {"num_cpus": cpus_per_run, "num_gpus": gpus_per_run}
        self._sent: Sent = {}
        self._most = 0
        self._is_ours = False

    def start(self, n_tasks: int) -> None:
        """Nothing yet: to join a cluster takes a while, and would be waited for."""

    def close(self) -> None:
        """Kill the workers, and leave the cluster."""
        super().close()
        if self._is_ours:
            import ray

            self._sent.clear()
            ray.shutdown()
            self._is_ours = False

    def room(self) -> int:
        """Return how many workers there may be."""
        if not self._most:
            self._connect()
            import ray

            there = ray.cluster_resources()
            room = [
                there.get(kind, 0) / wanted
                for kind, wanted in (("CPU", self._resources["num_cpus"]), ("GPU", self._resources["num_gpus"]))
                if wanted
            ]
            fits = int(min(room, default=1))
            if not fits:
                wanted = ", ".join(f"{value:g} {name[4:].upper()}" for name, value in self._resources.items() if value)
                raise ExecutionError(
                    f"The Ray cluster has no room for a run: it asks for {wanted}, and there are"
                    f" {there.get('CPU', 0):g} CPUS and {there.get('GPU', 0):g} GPUS.",
                    key="execution.cpus_per_run",
                )
            self._most = min(fits, self._wanted or fits)
        return self._most

    def _connect(self) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import ray

        if ray.is_initialized():  # by whoever uses seqexp as a library: the cluster is theirs
            return
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "namespace": "seqexp"}
        local = {
            "include_dashboard": False,
            "num_cpus": self._wanted and int(self._wanted * self._resources["num_cpus"]),
        }
        try:
            if self._address == "local":
                ray.init("local", **options, **local)
            elif self._address == "auto":
                try:
                    ray.init("auto", **options)
                except ConnectionError:
                    ray.init("local", **options, **local)
            else:
                _knock(self._address)
                ray.init(self._address, **options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            mend = "Start one with 'ray start --head', or set execution.address=local."
            raise ExecutionError(
                f"the Ray cluster at {self._address} does not answer: {reason}", key="execution.address", mend=mend
            ) from None
        self._is_ours = True

    def _make_worker(self) -> Worker:
        return _Actor(self._functions, self._resources, self._send_files)

    def _send_files(self, task: Task) -> Sent:
        """Put the files of a task into the object store, unless they are there."""
        import ray

        for path in task.files:
            if path not in self._sent:
                self._sent[path] = hash_file(Path(path)), ray.put(Path(path).read_bytes())
        return {path: self._sent[path] for path in task.files}

    def _listen(self, seconds: float | None) -> tuple[Worker, Event | Death | None] | None:
        import ray

        actors = [worker for worker in self._workers if isinstance(worker, _Actor) and worker.waits_for is not None]
        ready, _ = ray.wait([actor.waits_for for actor in actors], num_returns=1, timeout=seconds)
        if not ready:
            return None
        actor = next(actor for actor in actors if actor.waits_for == ready[0])
        return actor, actor.hear()


class _Actor(Worker):
    """An actor that works for this process."""

    def __init__(self, functions: Any, resources: dict[str, float], files: Callable[[Task], Sent]) -> None:
        import ray

        work, warm_up, self._versions = functions
        # The control group has a thread of its own: a task is stopped while it runs.
        remote = ray.remote(max_restarts=0, max_task_retries=0, concurrency_groups={"control": 1}, **resources)(_Remote)
        self._actor = remote.remote(work, warm_up, self._versions)
        self._files = files
        self.waits_for: Any = self._actor.introduce.remote()
        super().__init__(self._actor._actor_id.hex()[:8])

    def send(self, task: Task) -> None:
        self.waits_for = self._actor.work.options(num_returns="streaming").remote(task, self.name, self._files(task))

    def stop(self) -> None:
        if self.task is not None:
            self._actor.stop.options(concurrency_group="control").remote(self.task.number)

    def hear(self) -> Event | Death | None:
        """Take what the actor has sent.

        Raises:
            ExecutionError: It stands on a machine with other versions than this one.
        """
        import ray
        from ray.exceptions import RayError

        try:
            if not self.is_ready:
                machine, versions = ray.get(self.waits_for)
                self.waits_for = None
                _refuse_others(machine, versions, self._versions())
                return None
            event: Event = ray.get(next(self.waits_for))
        except (RayError, StopIteration) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return Death(self, "worker_died", f"its worker died: {' '.join(lines)[:500]}", "\n".join(lines))
        if event.is_last:
            self.waits_for = None
        return event

    def kill(self) -> None:
        import ray

        with suppress(Exception):
            ray.kill(self._actor)


class _Remote:
    """What runs on the cluster: all the work in one thread, for Keras keeps what it knows by thread."""

    def __init__(self, work: Work, warm_up: Callable[[], None] | None, versions: Callable[[], Versions]) -> None:
        self._versions = versions
        self._to_stop: int | None = None
        self._inbox: SimpleQueue[tuple[Task, str]] = SimpleQueue()
        self._outbox: SimpleQueue[Event | Exception | None] = SimpleQueue()
        Thread(target=self._work_on, args=(work, warm_up), daemon=True).start()

    def introduce(self) -> tuple[str, Versions]:
        """Return the name of the machine and the versions on it, when the worker is warm."""
        refusal = self._outbox.get()
        if isinstance(refusal, Exception):
            raise refusal
        return platform.node(), self._versions()

    def work(self, task: Task, name: str, files: Sent) -> Iterator[Event]:
        """Do a task, and yield what happens to it."""
        if files:
            task = replace(
                task, payload=task.payload.moved({path: _place(path, *sent) for path, sent in files.items()})
            )
        self._inbox.put((task, name))
        while True:
            event = self._outbox.get()
            assert isinstance(event, Event)
            yield event
            if event.is_last:
                return

    def stop(self, number: int) -> None:
        """Have a task end at the next thing that it tells."""
        self._to_stop = number

    def _work_on(self, work: Work, warm_up: Callable[[], None] | None) -> None:
        try:
            if warm_up is not None:
                warm_up()
            self._outbox.put(None)
        except Exception as error:
            self._outbox.put(error)
            return
        while True:
            task, name = self._inbox.get()

            def tell(content: Any, task: Task = task, name: str = name) -> None:
                self._outbox.put(Told(task.number, name, content))
                if self._to_stop == task.number:
                    self._to_stop = None
                    raise TaskStopped

            try:
                self._outbox.put(Ended(task.number, name, work(task.payload, tell)))
            except (Exception, TaskStopped) as error:
                self._outbox.put(broken(task, name, error))


def _knock(address: str) -> None:
    """See that something listens at an address: Ray itself tries for two minutes.

    Raises:
        OSError: Nothing does.
        ValueError: It is no address.
    """
    host, colon, port = address.partition("://")[2].partition(":") if "://" in address else address.partition(":")
    if not (host and colon and port.isdigit()):
        raise ValueError("expected auto, local or host:port")
    socket.create_connection((host, int(port)), timeout=5).close()


def _place(path: str, digest: str, reference: Any) -> str:
    """Return where a file is on this machine, after it is brought here unless it is here already."""
    here = Path(path)
    if here.is_file() and hash_file(here) == digest:
        return path
    folder = Path(tempfile.gettempdir()) / f"seqexp-files-{os.getuid()}" / digest
    if not (folder / here.name).is_file():
        import ray

        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".{os.getpid()}"
        new.write_bytes(ray.get(reference))
        new.replace(folder / here.name)  # several workers may be at it
    return str(folder / here.name)


def _refuse_others(machine: str, there: Versions, here: Versions) -> None:
    others = [f"{name} {there.get(name, 'missing')}" for name in here if there.get(name) != here[name]]
    if others:
        wanted = ", ".join(f"{name} {version}" for name, version in here.items() if there.get(name) != version)
        raise ExecutionError(
            f"the machine {machine} of the Ray cluster has other versions: {', '.join(others)}; here: {wanted}.",
            key="execution.address",
            mend="Install the same versions on every machine: the same run must give the same numbers everywhere.",
        )
