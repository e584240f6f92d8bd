"""Which Python and which packages a run was made with, as far as its record tells."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.errors import ExecutionError, StoreError
from seqexp.fingerprint import short_key
from seqexp.store.requirements import base_requirements, is_same_package, name_here, read_pins
from seqexp.store.run_dir import REQUIREMENTS, StoredRun, damaged_files

OPTION = "--env"
_NO_PACKAGES = {"python", "seqexp"}  # among the versions of a record


@dataclass(frozen=True)
class RecordedEnvironment:
    """What an environment is built of.

    Attributes:
        python: The version, ``3.11.7``.
        pins: ``name==version`` each.
        others: What the present seqexp needs besides, which the record does not hold.
    """

    python: str
    pins: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What an installer takes."""
        return [*self.pins, *self.others]

    @property
    def is_exact(self) -> bool:
        """Whether every package is pinned, so that there is nothing to resolve."""
        return not self.others

    def key(self, interpreter: str) -> str:
        """Return the name of the environment, made with an interpreter of that version."""
        return short_key([self.lines, interpreter, platform.system(), platform.machine()])


def recorded_environment(runs: Iterable[StoredRun]) -> RecordedEnvironment:
    """Return the environment that runs were made in.

    A record of an older release holds the versions of ten packages; the rest is what the present seqexp asks for.

    Raises:
        StoreError: A record holds no versions, its requirements are damaged, or the runs were made in several.
    """
    environments = {_of(run): run for run in runs}
    if len(environments) > 1:
        names = ", ".join(run.path.name for run in list(environments.values())[:6])
        message = f"the runs were made in {len(environments)} environments (of {names})."
        raise StoreError(message, key=OPTION, mend="Name one of the runs, without --sweep.")
    return next(iter(environments))


def _of(run: StoredRun) -> RecordedEnvironment:
    if REQUIREMENTS in damaged_files(run.path):
        raise StoreError(f"{REQUIREMENTS} of the run {run.path.name} differs from the manifest.", key=OPTION)
    versions = run.record.environment.get("versions", {})
    if "python" not in versions:
        raise StoreError(f"the record of {run.path.name} does not hold versions.", key=OPTION)
    pins = read_pins(run) or [f"{name_here(name)}=={versions[name]}" for name in versions if name not in _NO_PACKAGES]
    pinned = [pin.partition("==")[0] for pin in pins]
    others = [
        str(wanted) for wanted in base_requirements() if not any(is_same_package(wanted.name, name) for name in pinned)
    ]
    return RecordedEnvironment(versions["python"], tuple(pins), tuple(others))


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine."""

    path: Path
    version: str


def find_interpreter(version: str, candidates: Sequence[Path] | None = None) -> Interpreter:
    """Return the Python of a version, or another one of the same minor version.

    Args:
        version: As a record holds it, ``3.11.7``.
        candidates: Where to look; by default the Python that runs, and those on the PATH.

    Raises:
        ExecutionError: There is none.
    """
    minor = ".".join(version.split(".")[:2])
    found = []
    for path in candidates if candidates is not None else _on_path(minor):
        known = _version_of(path)
        if known == version:
            return Interpreter(path, known)
        if known.startswith(f"{minor}."):
            found.append(Interpreter(path, known))
    if found:
        return found[0]
    message = f"the run was made with Python {version}, and there is no Python {minor} on this machine."
    raise ExecutionError(message, key=OPTION, mend=f"Install it, and have python{minor} on the PATH.")


def _on_path(minor: str) -> Iterator[Path]:
    yield Path(getattr(sys, "_base_executable", "") or sys.executable)
    for folder in os.get_exec_path():
        if path := shutil.which(f"python{minor}", path=folder):
            yield Path(path)


def _version_of(path: Path) -> str:
    if path == Path(getattr(sys, "_base_executable", "") or sys.executable):
        return platform.python_version()
    command = [str(path), "-I", "-c", "import platform; print(platform.python_version())"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
