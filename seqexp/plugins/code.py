"""A piece of a user's code: its text, its name, and its hash, by which runs and workers know it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Code:
    """The text of a plugin.

    Attributes:
        name: The file's name without its ending: the package under which Keras knows what is in it.
        content: The bytes of the file, or the source of an object that was defined in a notebook or a script.
        place: Where it stands, for messages.
        module: The module that it can be imported as; empty for a file by itself.
    """

    name: str
    content: bytes
    place: str
    module: str = ""

    @cached_property
    def digest(self) -> str:
        """The sha256 of its content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def file_name(self) -> str:
        """Its place in a run directory."""
        return f"plugins/{self.name}.py"
