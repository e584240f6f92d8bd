"""When the work is over, MLflow is waited for in sight, and a server that never answered not for long."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.publish_queue import PublishQueue
from seqexp.workflows.publishing.waiting import wait_until_sent


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of seconds in place of seconds; the thread that asks ends by itself."""
    monkeypatch.setattr("seqexp.workflows.publishing.waiting.FIRST_ANSWER", 0.6)
    monkeypatch.setattr("seqexp.workflows.publishing.waiting._QUIET", 0.1)
    monkeypatch.setattr("seqexp.workflows.publishing.waiting._QUIET_IF_WELL", 0.8)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_a_server_that_never_answers_is_given_up(silent: str, tmp_path: Path) -> None:
    publisher, queue, told = Publisher(silent, tmp_path, is_patient=True), PublishQueue(), []
    tried: list[int] = []
    queue.put(lambda: publisher.store)
    queue.put(lambda: tried.append(1))
    began = time.monotonic()
    assert not wait_until_sent(queue, publisher, told.append)
    assert time.monotonic() - began < 3
    assert str(queue.failure) == f"tracking.uri: MLflow at {silent} does not answer: it is silent."
    assert len(told) == 1
    assert told[0].startswith(f"Waiting for MLflow at {silent}")
    assert queue.finish(60)
    assert not tried  # what waits behind it is not tried either


def test_a_store_that_is_only_slow_gets_everything(tmp_path: Path) -> None:
    publisher, queue, told = Publisher(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path), PublishQueue(), []
    queue.put(lambda: time.sleep(1.5))
    assert wait_until_sent(queue, publisher, told.append)
    assert told == [f"Sending to MLflow at {publisher.uri} ..."]


def test_nothing_is_told_of_what_is_sent_soon(tmp_path: Path) -> None:
    for uri, seconds in (("http://127.0.0.1:9", 0.0), (f"sqlite:///{tmp_path / 'mlflow.db'}", 0.4)):
        queue, told = PublishQueue(), []
        queue.put(partial(time.sleep, seconds))
        assert wait_until_sent(queue, Publisher(uri, tmp_path), told.append)
        assert told == []


def test_who_is_interrupted_waits_a_moment(tmp_path: Path) -> None:
    publisher, queue, told = Publisher(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path), PublishQueue(), []
    queue.put(lambda: time.sleep(1.5))
    assert not wait_until_sent(queue, publisher, told.append, seconds=0.2)
    assert "takes too long" in str(queue.failure)
    assert told == []
