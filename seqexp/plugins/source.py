"""The source of a class or function that was defined in a notebook or a script, as a file that stands by itself.

Whatever it refers to is written down with it: imports, other classes and functions of the notebook, constants. So one
text is what a run key is made of, what a worker executes, and what lies in the record.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any

from seqexp.errors import PluginError

_MEND = "Define it inside, pass it as an argument, or put the code into a file and name that: --plugin FILE.py."


def source_of(entry: Any) -> str:
    """Return the source of a class or function with everything that it refers to, ready to be executed.

    Raises:
        PluginError: The source is not known, or refers to a value that no source tells.
    """
    pieces: dict[str, str] = {}
    imports: dict[str, str] = {}
    _collect(entry, entry.__name__, pieces, imports)
    futures = ["from __future__ import annotations"] if _reads_annotations_late(entry) else []
    return "\n".join([*futures, *sorted(imports.values()), "", "", *reversed(pieces.values())]).lstrip("\n")


def _collect(entry: Any, owner: str, pieces: dict[str, str], imports: dict[str, str]) -> None:
    text = _own_source(entry)
    pieces[entry.__name__] = f"{text.rstrip()}\n\n"
    free = _free_variables(entry)
    if free:
        raise PluginError(f"{owner} refers to {free[0]!r} of the function around it.", mend=_MEND)
    known = vars(sys.modules[entry.__module__]) if entry.__module__ in sys.modules else {}
    known = {**known, **(entry.__globals__ if isinstance(entry, types.FunctionType) else {})}
    for name in sorted(_names_in(text) - {entry.__name__}):
        if name not in known or name in imports:
            continue
        value = known[name]
        if isinstance(value, types.ModuleType):
            imports[name] = f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
        elif isinstance(value, (type, types.FunctionType)) and value.__module__ == entry.__module__:
            if value.__name__ != name:
                raise PluginError(f"{owner} refers to {value.__name__} by another name, {name}.", mend=_MEND)
            if name in pieces:
                pieces[name] = pieces.pop(name)  # it must stand before all that refer to it
            else:
                _collect(value, owner, pieces, imports)
        elif (module := getattr(value, "__module__", None)) and getattr(sys.modules.get(module), name, None) is value:
            imports[name] = f"from {module} import {name}"
        elif (module := getattr(value, "__module__", None)) and hasattr(value, "__name__"):
            imports[name] = f"from {module} import {value.__name__} as {name}"
        elif _is_plain(value):
            imports[name] = f"{name} = {value!r}"
        else:
            message = f"{owner} refers to {name!r}, a {type(value).__name__}, and what is in it stands in no source."
            raise PluginError(message, mend=_MEND)


def _own_source(entry: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(entry))
    except (OSError, TypeError):
        text = _class_in_notebook(entry) if isinstance(entry, type) else ""
    if not text:
        raise PluginError(f"the source of {entry.__name__} is not known.", mend="Put it into a file: --plugin FILE.py.")
    return text


def _class_in_notebook(entry: type) -> str:
    """Find a class by its methods: a notebook's module has no file that Python would look into."""
    for value in vars(entry).values():
        code = getattr(getattr(value, "__func__", value), "__code__", None)
        if code is None:
            continue
        lines = linecache.getlines(code.co_filename)
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.ClassDef) and node.name == entry.__name__):
                continue
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                return textwrap.dedent("".join(lines[first - 1 : node.end_lineno]))
    return ""


def _names_in(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def _free_variables(entry: Any) -> list[str]:
    functions: Iterator[Any] = iter([entry] if isinstance(entry, types.FunctionType) else vars(entry).values())
    codes = [getattr(getattr(item, "__func__", item), "__code__", None) for item in functions]
    return sorted({name for code in codes if code is not None for name in code.co_freevars} - {"__class__"})


def _reads_annotations_late(entry: Any) -> bool:
    import __future__

    functions = [entry] if isinstance(entry, types.FunctionType) else list(vars(entry).values())
    codes = [getattr(item, "__code__", None) for item in functions]
    return any(code is not None and code.co_flags & __future__.annotations.compiler_flag for code in codes)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    return value is None or isinstance(value, (bool, int, float, str, bytes))
