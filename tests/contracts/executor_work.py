"""Work for executors under test; workers import it by name."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqexp.errors import ConfigError, OwnCodeFailed


@dataclass(frozen=True)
class Reading:
    """Work that reads a file; one that hides it leaves nothing to the tasks after it."""

    path: str
    hides: bool = False

    def moved(self, places: Mapping[str, str]) -> Reading:
        return replace(self, path=places[self.path])

    def read(self) -> tuple[str, str]:
        content = Path(self.path).read_text()
        if self.hides and "seqexp-files" not in self.path:
            Path(self.path).unlink()
        return content, self.path


def work(payload: Any, tell: Callable[[Any], None]) -> Any:
    """Do what the payload says."""
    if isinstance(payload, Reading):
        return payload.read()
    if "touches" in payload:
        Path(payload["touches"]).touch()
    for content in payload.get("tells", []):
        tell(content)
    if "raises" in payload:
        raise {"error": ValueError, "refused": ConfigError, "own": OwnCodeFailed, "memory": MemoryError}[
            payload["raises"]
        ]("this is why")
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


prepared: list[int] = []  # where


def prepare() -> None:
    """Note the process, which workers are then forked from."""
    prepared.append(os.getpid())


def prepare_with_a_thread() -> None:
    """Leave a thread behind, which no worker would have."""
    prepare()
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def tell_where(payload: Any, tell: Callable[[Any], None]) -> tuple[list[int], int, int]:
    """Return where preparations were made, the parent, and the process itself."""
    time.sleep(payload)
    return prepared, os.getppid(), os.getpid()


def versions() -> dict[str, str]:
    """Return what is alike everywhere."""
    return {"python": "3"}


def other_versions() -> dict[str, str]:
    """Return what is alike nowhere."""
    return {"process": str(os.getpid())}
