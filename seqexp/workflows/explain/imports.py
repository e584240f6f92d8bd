"""The imports of a script: those that its code shows the use of and those of own code, in the order of ruff."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seqexp.workflows.explain.code import WIDTH, Group, statement

# What a script may need: how its use looks in the code, and the import.
_KNOWN = (
    (r"\bitertools\.", "import itertools"),
    (r"\bjson\.", "import json"),
    (r"\bmath\.", "import math"),
    (r"\bsys\.", "import sys"),
    (r"\bPath\(", "from pathlib import Path"),
    (r"\bNormalDist\(", "from statistics import NormalDist"),
    (r"\bholidays\.", "import holidays"),
    (r"\bkeras\.", "import keras"),
    (r"\bnp\.", "import numpy as np"),
    (r"\bpd\.", "import pandas as pd"),
    (r"\btf\.", "import tensorflow as tf"),
    (r"(?<![\w.])layers\.", "from keras import layers"),
)


@dataclass(frozen=True)
class Import:
    """One name that is imported: a module, or ``name`` of it, under ``alias`` if it has one."""

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name that it has in the script."""
        return self.alias or self.name or self.module.split(".")[0]

    @property
    def is_future(self) -> bool:
        """Whether it says how the file itself is read."""
        return self.module == "__future__"


def imports_of(node: ast.Import | ast.ImportFrom) -> list[Import]:
    """Return the names that a statement imports."""
    if isinstance(node, ast.Import):
        return [Import(alias.name, "", alias.asname or "") for alias in node.names]
    return [Import(node.module or "", alias.name, alias.asname or "") for alias in node.names]


def needed_imports(body: str) -> list[Import]:
    """Return what the code of a script shows the use of."""
    lines = "\n".join(line for pattern, line in _KNOWN if re.search(pattern, body))
    return [found for node in ast.parse(lines).body for found in imports_of(node)]  # type: ignore[arg-type]


def import_block(imports: Iterable[Import]) -> str:
    """Return the lines that import: the standard library, then what is installed; modules, then names of such."""
    wanted = set(imports)
    sections: tuple[list[Import], ...] = ([], [], [])
    for line in wanted:
        sections[0 if line.is_future else 1 if line.module.split(".")[0] in sys.stdlib_module_names else 2].append(line)
    return "\n\n".join("\n".join(_lines(section)) for section in sections if section)


def _lines(section: Iterable[Import]) -> Iterator[str]:
    for line in sorted((line for line in section if not line.name), key=lambda line: (line.module, line.alias)):
        yield f"import {line.module}{_renamed(line)}"
    named = [line for line in section if line.name]
    for module in sorted({line.module for line in named}):
        plain = sorted((line.name for line in named if line.module == module and not line.alias), key=_order)
        if plain:
            code = Group("(", tuple(("", name) for name in plain), ")")
            flat = f"from {module} import {', '.join(plain)}"
            yield flat if len(flat) <= WIDTH else statement(f"from {module} import ", code)
        for line in sorted((line for line in named if line.module == module and line.alias), key=lambda it: it.name):
            yield f"from {module} import {line.name}{_renamed(line)}"


def _renamed(line: Import) -> str:
    return f" as {line.alias}" if line.alias else ""


def _order(name: str) -> tuple[int, str]:
    """Sort constants before classes before others, as ruff does."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()
