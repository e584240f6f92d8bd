"""What a run was made with: versions, machine, git commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
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


def package_versions() -> dict[str, str]:
    """Return the installed version of every package that seqexp builds on, without importing any."""
    return {"python": platform.python_version(), **{name: version for name, _, version in _installed(PACKAGES)}}


def installed_requirements(names: Sequence[str]) -> list[str]:
    """Return what pip would have to install for packages, under the names they are installed under here."""
    return [f"{distribution}=={version}" for _, distribution, version in _installed(names)]


def _installed(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield package, distribution (``tensorflow-cpu`` for ``tensorflow``) and version of what is installed."""
    for name in names:
        for distribution in (name, f"{name}-cpu"):
            with suppress(metadata.PackageNotFoundError):
                yield name, distribution, metadata.version(distribution)
                break


def describe_environment() -> dict[str, Any]:
    """Return the versions that a run is made with, and the machine."""
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
    }


def git_state(folder: Path) -> dict[str, Any]:
    """Return ``commit`` and ``dirty`` of the repository that a folder lies in; empty where it lies in none."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _processor() -> str:
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        except (OSError, StopIteration):
            pass
    return platform.processor()
