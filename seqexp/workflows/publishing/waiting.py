"""Wait, when the work is over, until MLflow has what it is to show: in sight, and not for a server that is away."""

from __future__ import annotations

import time
from collections.abc import Callable

from seqexp.errors import StoreAway
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.publish_queue import PublishQueue

PATIENCE = 3.0  # seconds that MLflow is waited for when work is interrupted
FIRST_ANSWER = 10.0  # seconds that a server is waited for which has not answered, however long it was asked before
_QUIET = 1.5  # seconds until a wait is told, for a server that has not answered,
_QUIET_IF_WELL = 5.0  # and for one that has
_STEP = 0.1  # seconds between looks at whether a server answers now
Tell = Callable[[str], None]


def wait_until_sent(queue: PublishQueue, publisher: Publisher, tell: Tell, *, seconds: float | None = None) -> bool:
    """Wait until a queue is done, and return whether it sent everything; ``queue.failure`` says why not.

    Args:
        queue: What is under way; nothing more is put into it.
        publisher: Whose store it sends to.
        tell: Told, after a moment, what is waited for.
        seconds: Wait no longer than that, and say nothing; None for as long as the store answers.
    """
    if seconds is not None:
        is_done = queue.finish(seconds)
    else:
        is_done = queue.finish(_QUIET) or _wait_in_sight(queue, publisher, tell)
    if not is_done:
        why = "takes too long" if publisher.has_answered else "does not answer: it is silent"
        queue.give_up(StoreAway(f"MLflow at {publisher.uri} {why}.", key="tracking.uri"))
    return queue.failure is None


def _wait_in_sight(queue: PublishQueue, publisher: Publisher, tell: Tell) -> bool:
    until = time.monotonic() + FIRST_ANSWER - _QUIET
    if not publisher.has_answered:
        tell(f"Waiting for MLflow at {publisher.uri}: {FIRST_ANSWER:.0f} s at most, unless it answers ...")
        while not publisher.has_answered and time.monotonic() < until:
            if queue.finish(_STEP):
                return True
        if not publisher.has_answered:
            return False
    if queue.finish(_QUIET_IF_WELL - _QUIET):
        return True
    tell(f"Sending to MLflow at {publisher.uri} ...")
    return queue.finish()
