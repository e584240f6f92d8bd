"""Show a run in MLflow while it trains: its epochs, every two seconds at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.publishing.project_run import Shown
from seqexp.workflows.publishing.publish import Publisher
from seqexp.workflows.publishing.publish_queue import PublishQueue

_PAUSE = 2.0  # seconds
Row = Mapping[str, float]


class LiveRun:
    """One run that is being trained."""

    def __init__(self, publisher: Publisher, queue: PublishQueue, spec: ExperimentSpec, run_key: str) -> None:
        self._publisher, self._queue = publisher, queue
        self._spec, self._run_key = spec, run_key
        self._began = time.time()
        self._looked, self._queued = time.monotonic(), 0.0
        self._shown = Shown()

    @property
    def shown(self) -> Shown | None:
        """What MLflow shows of it; asked for in the thread of the queue."""
        return self._shown if self._shown.run_id else None

    def heard(self, history: Sequence[Row], tags: Callable[[], dict[str, str]] = dict) -> None:
        """Send what has come since the last time, if that was long enough ago; of a run tried again, what is new.

        Args:
            history: All epochs so far.
            tags: Asked for, in the thread of the queue, when the run is first shown.
        """
        if time.monotonic() - self._looked < _PAUSE:
            return
        rows = [row for row in history if row["epoch"] > self._queued]
        if rows:
            self._looked, self._queued = time.monotonic(), rows[-1]["epoch"]
            self._queue.put(partial(self._send, rows, tags))

    def _send(self, rows: Sequence[Row], tags: Callable[[], dict[str, str]]) -> None:
        if not self._shown.run_id:
            self._shown.run_id = self._publisher.open_run(self._spec, self._run_key, self._began, tags())
        self._publisher.add_epochs(self._shown.run_id, rows)
        self._shown.epochs = int(rows[-1]["epoch"])
