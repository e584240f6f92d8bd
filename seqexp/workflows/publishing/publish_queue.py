"""Show runs in MLflow beside the work, in a thread of its own: training never waits for a tracking server."""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue
from threading import Thread
from typing import Any

Publish = Callable[[], Any]


def _call(publish: Publish) -> None:
    """Call it, and once more where Python stumbled over its own threads.

    Two threads that parse source at once (TensorFlow traces, MLflow is imported) can end in a SystemError, "AST
    constructor recursion depth mismatch": a fault of some releases of Python; and two that import at once can find a
    module of the other half-way ("partially initialized"). What was sent is not sent twice.
    """
    try:
        publish()
    except SystemError:
        publish()
    except (AttributeError, ImportError) as error:
        if "partially initialized" not in str(error):
            raise
        publish()


class PublishQueue:
    """Calls what it is given, one after another, in the order given.

    Attributes:
        failure: Why a store did not take a run, or None. After the first failure nothing more is tried.
    """

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._is_closed = False
        self._calls: Queue[Publish | None] = Queue()
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, call: Publish) -> None:
        """Call it when all before it are done."""
        self._calls.put(call)

    def finish(self, seconds: float | None = None) -> bool:
        """Wait until all is done, or for so long; return whether it is."""
        if not self._is_closed:
            self._is_closed = True
            self._calls.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def give_up(self, failure: Exception) -> None:
        """Try nothing more, for this reason; what is under way is left to itself."""
        self.failure = self.failure or failure

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self.failure is None:
                try:
                    _call(call)
                except Exception as error:
                    self.failure = error
