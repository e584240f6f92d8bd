"""Signals that ask the process to end: what was begun is put away first."""

from __future__ import annotations

import signal
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WORDS = {signal.SIGINT: "Interrupted."}


class Stopped(BaseException):
    """The process was asked to end by a signal.

    Attributes:
        told: What ``--json`` prints besides the status: the runs of a sweep that were finished before.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        self.told: dict[str, Any] = {}
        super().__init__(signal.Signals(signum).name)

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects."""
        return 128 + self.signum

    @property
    def word(self) -> str:
        """What a person is told."""
        return _WORDS.get(signal.Signals(self.signum), "Terminated.")


def raise_when_stopped() -> None:
    """Raise :class:`Stopped` at the first signal that asks for an end."""
    for signum in _ENDING:
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # nohup: it is to go on
            signal.signal(signum, _stop)


def _stop(signum: int, frame: Any) -> None:
    for again in _ENDING:
        signal.signal(again, signal.SIG_IGN)  # once is enough: what was begun is put away, then the process ends
    raise Stopped(signum)
