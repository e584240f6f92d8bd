"""What happens between epochs, whatever engine runs them: reports, the best weights, when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seqexp.errors import RunFailed
from seqexp.spec.settings import EarlyStoppingSpec

Weights = list[Any]


@dataclass(frozen=True)
class EpochEvent:
    """What one epoch gave.

    Attributes:
        epoch: Counted from 1.
        values: ``train/loss``, ``val/loss`` and the metrics of ``training.metrics``, in scaled units.
        learning_rate: At the end of the epoch.
        seconds: How long it took.
        time: When it ended, in seconds since 1970.
    """

    epoch: int
    values: dict[str, float]
    learning_rate: float
    seconds: float
    time: float

    def as_row(self) -> dict[str, float]:
        """Return the epoch as a row of a history."""
        row = {"epoch": self.epoch, **self.values, "learning_rate": self.learning_rate}
        return {**row, "seconds": round(self.seconds, 4), "time": self.time}


OnEpoch = Callable[[EpochEvent], None]


class Watch:
    """Hears of every epoch and says whether there is to be another.

    Attributes:
        best_epoch: The epoch with the lowest validation loss; the last one where there is no validation.
        best_weights: The weights after it; None where there is no validation.
        stopped_early: Whether the validation loss had not fallen for longer than early stopping waits.
    """

    def __init__(self, stopping: EarlyStoppingSpec | None, on_epoch: OnEpoch) -> None:
        self.best_epoch = 0
        self.best_weights: Weights | None = None
        self.stopped_early = False
        self._stopping = stopping
        self._on_epoch = on_epoch
        self._best_loss = math.inf
        self._reference_loss = math.inf
        self._waited = 0

    def epoch_ended(
        self,
        epoch: int,
        values: dict[str, float],
        *,
        learning_rate: float,
        seconds: float,
        weights: Callable[[], Weights],
    ) -> bool:
        """Report an epoch and return whether to go on; ``weights`` is asked for them when they are the best so far.

        Raises:
            RunFailed: A loss is no longer a number.
        """
        self._on_epoch(EpochEvent(epoch, values, learning_rate, seconds, time.time()))
        for name in ("train/loss", "val/loss"):
            if not math.isfinite(values.get(name, 0.0)):
                raise RunFailed("diverged", f"{name} is {values[name]} in epoch {epoch}: the training diverged.")
        loss = values.get("val/loss")
        if loss is None:
            self.best_epoch = epoch
            return True
        if loss < self._best_loss:
            self._best_loss, self.best_epoch = loss, epoch
            self.best_weights = weights()
        return not self._is_enough(loss)

    def _is_enough(self, loss: float) -> bool:
        if self._stopping is None:
            return False
        if loss < self._reference_loss - self._stopping.min_delta:
            self._reference_loss, self._waited = loss, 0
            return False
        self._waited += 1
        self.stopped_early = self._waited > self._stopping.patience
        return self.stopped_early
