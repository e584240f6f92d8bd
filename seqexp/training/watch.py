"""What happens between epochs, whatever engine runs them: reports, the best weights, when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from seqexp.errors import RunFailed
from seqexp.spec.settings import EarlyStoppingSpec
from seqexp.training.checkpoint import Checkpoint

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
        note: What a person is to be told with it, once: how the training began.
    """

    epoch: int
    values: dict[str, float]
    learning_rate: float
    seconds: float
    time: float
    note: str = ""

    def as_row(self) -> dict[str, float]:
        """Return the epoch as a row of a history."""
        row = {"epoch": self.epoch, **self.values, "learning_rate": self.learning_rate}
        return {**row, "seconds": round(self.seconds, 4), "time": self.time}


OnEpoch = Callable[[EpochEvent], None]
_STATE = ("epoch", "best_epoch", "stopped_early", "_best_loss", "_reference_loss", "_waited")  # goes into checkpoints


class Watch:
    """Hears of every epoch and says whether there is to be another.

    Attributes:
        epoch: The last that is over, counted from 1.
        best_epoch: The epoch with the lowest validation loss; the last one where there is no validation.
        best_weights: The weights after it; None where there is no validation.
        stopped_early: Whether the validation loss had not fallen for longer than early stopping waits.
    """

    def __init__(
        self, stopping: EarlyStoppingSpec | None, on_epoch: OnEpoch, checkpoint: Checkpoint | None = None
    ) -> None:
        self.epoch = 0
        self.best_epoch = 0
        self.best_weights: Weights | None = None
        self.stopped_early = False
        self._stopping = stopping
        self._on_epoch = on_epoch
        self._checkpoint = checkpoint
        self._best_loss = math.inf
        self._reference_loss = math.inf
        self._waited = 0

    def resume(self, variables: Sequence[Any], kept: Sequence[Any], *, devices: str) -> None:
        """Go on from the checkpoint, if there is one that fits; the epochs it has seen are reported again.

        Args:
            variables: What the training starts from: the variables of model and optimizer.
            kept: Those of which the best values are kept.
            devices: What is computed on.
        """
        saved = self._checkpoint and self._checkpoint.load(variables, kept, devices=devices)
        if not saved:
            return
        for name in _STATE:
            setattr(self, name, saved.watch[name])
        self.best_weights = saved.best
        for event in saved.epochs:
            self._report(EpochEvent(**event))

    def left(self, epochs: int) -> range:
        """Return which of so many epochs are still to be trained, counted from 0."""
        return range(epochs if self.stopped_early else self.epoch, epochs)

    def epoch_ended(
        self,
        epoch: int,
        values: dict[str, float],
        *,
        learning_rate: float,
        seconds: float,
        weights: Callable[[], Weights],
        state: Callable[[], Weights],
    ) -> bool:
        """Report an epoch and return whether to go on.

        Args:
            epoch: Counted from 1.
            values: Its losses and metrics by name.
            learning_rate: After it.
            seconds: How long it took.
            weights: Asked for the weights when they are the best so far.
            state: Asked for the values of all variables when they are to be written down.

        Raises:
            RunFailed: A loss is no longer a number.
        """
        event = EpochEvent(epoch, values, learning_rate, seconds, time.time())
        self._report(event)
        for name in ("train/loss", "val/loss"):
            if not math.isfinite(values.get(name, 0.0)):
                raise RunFailed("diverged", f"{name} is {values[name]} in epoch {epoch}: the training diverged.")
        self.epoch, loss = epoch, values.get("val/loss")
        if loss is None:
            self.best_epoch = epoch
        elif loss < self._best_loss:
            self._best_loss, self.best_epoch = loss, epoch
            self.best_weights = weights()
        is_over = loss is not None and self._is_enough(loss)
        if self._checkpoint is not None:
            self._checkpoint.note({name: value for name, value in asdict(event).items() if name != "note"})
            if self._checkpoint.is_due(is_over=is_over):
                self._checkpoint.save(state(), self.best_weights, {name: getattr(self, name) for name in _STATE})
        return not is_over

    def _report(self, event: EpochEvent) -> None:
        """Tell of an epoch, and with the first of how the training began."""
        if self._checkpoint is not None and self._checkpoint.notice:
            event = replace(event, note=self._checkpoint.notice)
            self._checkpoint.notice = ""
        self._on_epoch(event)

    def _is_enough(self, loss: float) -> bool:
        if self._stopping is None:
            return False
        if loss < self._reference_loss - self._stopping.min_delta:
            self._reference_loss, self._waited = loss, 0
            return False
        self._waited += 1
        self.stopped_early = self._waited > self._stopping.patience
        return self.stopped_early
