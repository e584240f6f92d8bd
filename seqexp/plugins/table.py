"""What users registered, by kind and name: the second table that words in YAML are looked up in, after seqexp's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqexp.errors import PluginError
from seqexp.plugins.code import Code
from seqexp.plugins.signature import Arguments
from seqexp.plugins.source import source_of


@dataclass(frozen=True)
class OwnPart:
    """A class or function of a user's.

    Attributes:
        kind: ``layer``, ``loss``, ``metric``, ``function``, ``source``, ``scaler`` or ``baseline``.
        name: That of the class or function.
        entry: It.
        arguments: Those that YAML may give, in the form of the catalogue.
        place: File and line where it was registered.
        written: The code it stands in; None where that is a notebook or a script, whose source is looked up when it is
            wanted: what it refers to may be defined later.
    """

    kind: str
    name: str
    entry: Any
    arguments: Arguments
    place: str
    written: Code | None = field(repr=False)

    @property
    def package(self) -> str:
        """The name of its plugin, under which Keras knows it; what stands in a notebook is one by itself."""
        return self.written.name if self.written else f"{self.kind}_{self.name}"

    @property
    def code(self) -> Code:
        """The code it stands in, whose hash enters the keys of runs.

        Raises:
            PluginError: Its source cannot be found, or refers to what no source tells.
        """
        return self.written or Code(self.package, source_of(self.entry).encode(), self.place)


_TABLE: dict[tuple[str, str], OwnPart] = {}
_BEING_LOADED: list[tuple[str, Code, bool]] = []  # plugins that are being executed: module, code, whether they replace


def enter(kind: str, entry: Any, arguments: Arguments, place: str) -> None:
    """Enter a class or function under its name.

    What is defined anew in a notebook takes the place of what was there, and so does a module that is loaded again.

    Raises:
        PluginError: The name is taken.
    """
    part = OwnPart(kind, entry.__name__, entry, arguments, place, _code_of(entry))
    before = _TABLE.get((kind, part.name))
    replaces = bool(_BEING_LOADED) and _BEING_LOADED[-1][2]
    if before is not None and not replaces and not _is_defined_anew(before, part):
        message = f"the {kind} {part.name!r} is registered twice: {before.place} and {place}."
        raise PluginError(message, mend="Give one of the two another name.")
    _TABLE[kind, part.name] = part


def find(kind: str, name: str) -> OwnPart | None:
    """Return what is registered under a name, or None."""
    return _TABLE.get((kind, name))


def known(kind: str) -> dict[str, OwnPart]:
    """Return everything of a kind, by name."""
    return {name: part for (own, name), part in sorted(_TABLE.items()) if own == kind}


def everything() -> list[OwnPart]:
    """Return every registered class and function."""
    return list(_TABLE.values())


def forget(is_wanted: Callable[[OwnPart], bool]) -> None:
    """Take out what is no longer wanted."""
    for key in [key for key, part in _TABLE.items() if is_wanted(part)]:
        del _TABLE[key]


@contextmanager
def scoped() -> Iterator[None]:
    """Forget, at the end of the block, what was registered inside it."""
    before = dict(_TABLE)
    try:
        yield
    finally:
        _TABLE.clear()
        _TABLE.update(before)


@contextmanager
def loading(module: str, code: Code, *, replaces: bool = False) -> Iterator[None]:
    """Let what a module registers in the block belong to a code; of a module that fails, nothing stays registered."""
    before = dict(_TABLE)
    _BEING_LOADED.append((module, code, replaces))
    try:
        yield
    except BaseException:
        _TABLE.clear()
        _TABLE.update(before)
        raise
    finally:
        _BEING_LOADED.pop()


def _code_of(entry: Any) -> Code | None:
    for module, code, _ in reversed(_BEING_LOADED):
        if entry.__module__ == module:
            return code
    file = getattr(sys.modules.get(entry.__module__), "__file__", None)
    if entry.__module__ == "__main__" or not file:
        return None
    return Code(entry.__module__.replace(".", "_"), Path(file).read_bytes(), file, entry.__module__)


def _is_defined_anew(before: OwnPart, part: OwnPart) -> bool:
    one, other = before.entry, part.entry
    if (one.__module__, one.__qualname__) != (other.__module__, other.__qualname__):
        return False
    is_notebook = one.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    return is_notebook or before.place == part.place
