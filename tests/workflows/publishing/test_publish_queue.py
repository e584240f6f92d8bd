"""What is called beside the work: in order, and no longer after a failure."""

from __future__ import annotations

import pytest

from seqexp.errors import StoreError
from seqexp.workflows.publishing.publish_queue import PublishQueue


def test_after_a_failure_nothing_more_is_tried() -> None:
    called: list[int] = []

    def fail() -> None:
        called.append(1)
        raise StoreError("away")

    queue = PublishQueue()
    for call in (lambda: called.append(0), fail, lambda: called.append(2)):
        queue.put(call)
    assert queue.finish(10)
    assert called == [0, 1]
    assert str(queue.failure) == "away"


@pytest.mark.parametrize(
    "fault",
    [
        SystemError("AST constructor recursion depth mismatch (before=327, after=108)"),
        AttributeError("partially initialized module 'mlflow' has no attribute 'version'"),
    ],
)
def test_what_python_stumbled_over_is_called_again(fault: Exception) -> None:
    called: list[int] = []

    def stumble() -> None:
        called.append(len(called))
        if len(called) == 1:
            raise fault

    queue = PublishQueue()
    queue.put(stumble)
    assert queue.finish(10)
    assert called == [0, 1]
    assert queue.failure is None
