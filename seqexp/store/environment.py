"""What a run was made with: versions, machine, flags, git commit, code."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "seqexp",
    "tensorflow",
    "keras",
    "numpy",
    "pandas",
    "hydra-core",
    "omegaconf",
    "pydantic",
    "mlflow",
    "matplotlib",
)


#: Variables of the environment that TensorFlow's arithmetic, or its pace, depends on.
FLAGS = (
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
)
_PLACE_OF_CACHE = re.compile(r"\s*--tf_xla_persistent_cache_directory=\S*")  # where programs are kept changes nothing
PACKAGE = Path(__file__).parents[1]  # the folder of seqexp's own code


@cache
def package_versions() -> dict[str, str]:
    """Return the installed version of every package that seqexp builds on, without importing any.

    They are looked up once in a process: what was imported does not change with what is installed.
    """
    return {"python": platform.python_version(), **{name: version for name, _, version in _installed(PACKAGES)}}


@cache
def installed_requirements(*names: str) -> tuple[str, ...]:
    """Return what pip would have to install for packages, under the names they are installed under here."""
    return tuple(f"{distribution}=={version}" for _, distribution, version in _installed(names))


def _installed(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield package, distribution (``tensorflow-cpu`` for ``tensorflow``) and version of what is installed."""
    for name in names:
        for distribution in (name, f"{name}-cpu"):
            with suppress(metadata.PackageNotFoundError):
                yield name, distribution, metadata.version(distribution)
                break


def describe_environment() -> dict[str, Any]:
    """Return the versions that a run is made with, the machine, and the flags that a person has set."""
    return {
        "versions": package_versions(),
        "machine": {
            "name": platform.node(),
            "system": platform.system(),
            "release": platform.release(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        },
        "flags": {name: _PLACE_OF_CACHE.sub("", os.environ[name]).strip() for name in FLAGS if name in os.environ},
    }


def git_state(folder: Path) -> dict[str, Any]:
    """Return the state of the repository that a folder lies in; empty where it lies in none.

    Returns:
        ``commit``, ``dirty`` and, of a dirty one, ``diff``: the hash of what differs from the commit.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD").decode().strip()
        is_dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        return {}
    state: dict[str, Any] = {"commit": commit, "dirty": is_dirty}
    if is_dirty:
        with suppress(OSError, subprocess.SubprocessError):
            state["diff"] = hashlib.sha256(_git(folder, "diff", "--no-ext-diff", "HEAD")).hexdigest()
    return state


@cache
def code_state() -> dict[str, Any]:
    """Return what tells whether seqexp's own code is another: the hash of its files, and git's state in a checkout.

    It is taken once in a process: what was imported does not change with the files.
    """
    content = hashlib.sha256()
    for path in sorted(path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".json"}):
        content.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        content.update(path.read_bytes())
    try:  # an installation may lie in a repository that knows nothing of it
        _git(PACKAGE, "ls-files", "--error-unmatch", "errors.py")
    except (OSError, subprocess.SubprocessError):
        return {"files": content.hexdigest()}
    return {"files": content.hexdigest(), **git_state(PACKAGE)}


def changed_files(before: str, after: str | None = None) -> list[str] | None:
    """Return the files of seqexp's code that changed between two commits, or from one to what lies there now.

    None where git cannot tell: there is no checkout, or it does not have a commit.
    """
    try:
        names = _git(PACKAGE, "diff", "--name-only", "--relative", before, *([after] if after else []), "--", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return names.decode().split()


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=10).stdout


def _processor() -> str:
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        except (OSError, StopIteration):
            pass
    return platform.processor()
