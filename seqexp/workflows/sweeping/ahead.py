"""Start what takes longest in a sweep before anything else is imported for it."""

from __future__ import annotations

from seqexp.execution.fork_server import ForkServer

PREPARE = "seqexp.workflows.sweeping.executors:prepare"  # which is not imported here: it takes half a second


def start_ahead() -> ForkServer:
    """Start to import what workers need, in a process of its own, while the sweep is still to be composed."""
    return ForkServer(PREPARE)
