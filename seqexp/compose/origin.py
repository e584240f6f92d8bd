"""Where a value came from: a line of a file, an override, a contract, or a default."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seqexp.assets import shipped_folder


@dataclass(frozen=True)
class Origin:
    """The source of one value.

    Attributes:
        kind: ``file`` (a config file), ``study``, ``workspace`` (seqexp.yaml), ``override`` (the command line or
            Python), ``axis`` (a sweep), ``contract`` (a length that the topology fixes), ``record`` (the run that a
            rerun repeats) or ``derived``.
        text: The override as it was written, for kinds without a file.
        file: The YAML file, where there is one.
        line: Its line, counted from 1; 0 where it is not known.
    """

    kind: Literal["file", "study", "workspace", "override", "axis", "contract", "derived", "record"]
    text: str = ""
    file: Path | None = None
    line: int = 0

    @property
    def is_insistent(self) -> bool:
        """Whether a person asked for this value for this very run: it does not yield to a contract."""
        return self.kind in {"override", "axis"}

    @property
    def folder(self) -> Path:
        """The folder from which a relative path in this value counts."""
        return self.file.parent if self.file else Path.cwd()

    def __str__(self) -> str:
        if self.file is None:
            words = {"override": "override", "axis": "sweep"}.get(self.kind, self.kind)
            return f"{words} {self.text}".strip()
        return shown_path(self.file, self.line)


@dataclass(frozen=True)
class Setting:
    """One value for one dotted key, and where it came from."""

    key: str
    value: Any
    origin: Origin


def shown_path(path: Path, line: int = 0) -> str:
    """Return a path as a person would name it: from the working directory, or as shipped with seqexp."""
    tail = f":{line}" if line else ""
    for folder in ("conf", "experiments"):
        shipped = shipped_folder(folder)
        if path.is_relative_to(shipped):
            return f"{folder}/{path.relative_to(shipped).as_posix()}{tail} (shipped)"
    cwd = Path.cwd()
    return (path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else str(path)) + tail
