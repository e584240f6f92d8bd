"""Two machines, as far as one can play them: a cluster of two nodes, one of which is killed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqexp.execution.contract import Ended, Event, Started, Task
from seqexp.execution.ray import RayExecutor

HERE = Path(__file__).parent

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        ray.init(cluster.address, logging_level=logging.ERROR, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def _run(tasks: list[Task], handle: Any) -> None:
    from executor_work import versions, work

    with RayExecutor(work, versions=versions, retries=2) as executor:
        executor.run(tasks, handle)


def test_both_nodes_work(cluster: Any) -> None:
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    events: list[Event] = []
    _run([Task(number, {"sleeps": 0.5, "gives": number}) for number in range(6)], events.append)
    assert {event.number for event in events if isinstance(event, Ended)} == set(range(6))
    assert len({event.worker for event in events}) == 2


def test_the_tasks_of_a_node_that_is_killed_are_done_by_the_other(cluster: Any) -> None:
    other = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    events: list[Event] = []
    begun: set[str] = set()

    def handle(event: Event) -> None:
        events.append(event)
        if isinstance(event, Started) and event.worker not in begun:
            begun.add(event.worker)
            if len(begun) == 2:
                cluster.remove_node(other, allow_graceful=False)

    _run([Task(number, {"sleeps": 3, "gives": number}) for number in range(4)], handle)
    ended = [event for event in events if event.is_last]
    assert sorted(event.number for event in ended) == [0, 1, 2, 3]
    assert all(isinstance(event, Ended) for event in ended)
    assert sum(isinstance(event, Started) for event in events) == 5  # one was begun twice
