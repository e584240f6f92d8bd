"""The packages that a run is made with, to the last one: what an installer takes to have them again.

Those of the record are ten, for people. Figures may depend on any other, and a resolver gives others a year
later; so all that seqexp reaches stand in a file of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from seqexp.errors import StoreError
from seqexp.store.run_dir import REQUIREMENTS, StoredRun

_ROOT = "seqexp"
_STANDS_IN = "-cpu"  # tensorflow-cpu is tensorflow
_PIN = re.compile(r"([a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?)==([A-Za-z0-9][A-Za-z0-9.!+_]{0,98})")


@cache
def requirements_file() -> bytes:
    """Return the content of :data:`REQUIREMENTS`: ``name==version`` of every installed package that seqexp reaches.

    Its own extras are followed as far as they are installed; seqexp itself is left out.
    """
    reached: dict[str, str] = {}
    todo = [(_ROOT, extra) for extra in ("", *_extras(_ROOT))]
    seen = set(todo)
    while todo:
        name, extra = todo.pop()
        found = _distribution(name)
        if found is None:
            continue
        reached[canonicalize_name(found.name)] = found.version
        for wanted in _requires(found, extra):
            new = {(canonicalize_name(wanted.name), part) for part in ("", *wanted.extras)} - seen
            seen |= new
            todo += new
    del reached[_ROOT]
    return "".join(f"{name}=={version}\n" for name, version in sorted(reached.items())).encode()


def base_requirements() -> list[Requirement]:
    """Return what the present seqexp cannot be imported without, as its package says."""
    found = _distribution(_ROOT)
    return list(_requires(found, "")) if found is not None else []


def read_pins(run: StoredRun) -> list[str]:
    """Return the requirements of a run, ``name==version`` each; empty where an older release recorded it.

    A line of another form is no requirement of ours: an installer would take addresses and options as well.

    Raises:
        StoreError: There is such a line, or the file cannot be read.
    """
    path = run.path / REQUIREMENTS
    if not path.is_file():
        return []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise StoreError(f"{REQUIREMENTS} of the run {run.path.name} cannot be read: {error}") from None
    if wrong := [line for line in lines if not _PIN.fullmatch(line)]:
        raise StoreError(f"{REQUIREMENTS} of the run {run.path.name} holds no name==version: {wrong[0][:80]!r}.")
    return lines


def is_same_package(name: str, other: str) -> bool:
    """Say whether two names mean one package, or a build of it that stands in for it.

    >>> is_same_package("TensorFlow", "tensorflow-cpu"), is_same_package("keras", "keras-tuner")
    (True, False)
    """
    first, second = (canonicalize_name(text).removesuffix(_STANDS_IN) for text in (name, other))
    return first == second


def name_here(package: str) -> str:
    """Return the name under which a package is installed here; its own where it is not."""
    found = _distribution(package)
    return canonicalize_name(found.name) if found is not None else package


def _distribution(name: str) -> metadata.Distribution | None:
    for known in (name, f"{name}{_STANDS_IN}"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.distribution(known)
    return None


def _extras(name: str) -> list[str]:
    found = _distribution(name)
    return found.metadata.get_all("Provides-Extra") or [] if found is not None else []


def _requires(found: metadata.Distribution, extra: str) -> Iterator[Requirement]:
    for line in found.requires or ():
        with suppress(InvalidRequirement):
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                yield wanted
