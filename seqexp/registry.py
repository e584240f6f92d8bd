"""A closed table of names: the only way from a word in YAML to code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from seqexp.errors import ConfigError, suggest

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for. A second registration of a name raises; an unknown name lists the known.

    >>> shapes = Registry("shape")
    >>> @shapes.register("square")
    ... def square(side): return side * side
    >>> shapes["square"](3)
    9
    >>> list(shapes)
    ['square']
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that enters an object under ``name``.

        Raises:
            ValueError: The name is taken.
        """
        if name in self._entries:
            raise ValueError(f"The {self.kind} {name!r} is registered already.")

        def enter(entry: T) -> T:
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise ConfigError(f"There is no {self.kind} {name!r}.", mend=suggest(name, self._entries)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    @contextmanager
    def scoped(self) -> Iterator[Registry[T]]:
        """Forget, at the end of the block, what was registered inside it."""
        before = dict(self._entries)
        try:
            yield self
        finally:
            self._entries = before
