"""Work for executors under test; workers import it by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqexp.errors import ConfigError


def work(payload: dict[str, Any], tell: Callable[[Any], None]) -> Any:
    """Do what the payload says."""
    for content in payload.get("tells", []):
        tell(content)
    if "raises" in payload:
        raise {"error": ValueError, "refused": ConfigError, "memory": MemoryError}[payload["raises"]]("this is why")
    ends = time.monotonic() + payload.get("chats", 0)
    while time.monotonic() < ends:
        tell("and so on")
        time.sleep(0.005)
    if "sleeps" in payload:
        time.sleep(payload["sleeps"])
    if "dies" in payload:  # as often as it says
        with Path(payload["dies"]).open("a") as file:
            file.write("x")
        if Path(payload["dies"]).stat().st_size <= payload["times"]:
            os.kill(os.getpid(), 9)
    return payload.get("gives"), os.getpid()


def refuse_to_start() -> None:
    """Warm up a worker that cannot."""
    raise ImportError("no such thing")
