"""Execute the files in which a user registers own layers, losses and other parts.

A file is executed because a person named it: on the command line, in Python, or in the seqexp.yaml of the workspace;
or because its package is installed. Never because an experiment or a record says so.
"""

from __future__ import annotations

import linecache
import sys
import traceback
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from seqexp.errors import PluginError, SeqexpError
from seqexp.plugins.code import Code
from seqexp.plugins.table import everything, forget, loading

GROUP = "seqexp.plugins"
_LARGEST = 10_000_000  # bytes
_loaded: dict[str, Code] = {}
_tried_entry_points: set[str] = set()


def read_code(path: Path, *, key: str) -> Code:
    """Read a plugin's file; it is not executed.

    Raises:
        PluginError: There is no such file, or it is no Python file.
    """
    if path.suffix != ".py" or not path.stem.replace("-", "_").isidentifier():
        mend = "Its name says what is in it: letters, digits and _, and .py at the end."
        raise PluginError(f"{_near(path)} is not the name of a Python file.", key=key, mend=mend)
    try:
        if path.stat().st_size > _LARGEST:
            raise PluginError(f"{_near(path)} is larger than {_LARGEST:,} bytes.", key=key)
        return Code(path.stem, path.read_bytes(), str(path))
    except FileNotFoundError:
        raise PluginError(f"there is no file {_near(path)}.", key=key) from None
    except OSError as error:
        raise PluginError(f"{_near(path)} cannot be read: {error.strerror}.", key=key) from None


def load_code(code: Code, *, key: str = "", replaces: bool = False) -> None:
    """Execute a plugin, unless the same text was executed before; it takes the place of another one of its name.

    Args:
        code: What to execute.
        key: The option or key that named it.
        replaces: Whether its parts take the place of others of their names.

    Raises:
        PluginError: Its code fails, with file and line.
    """
    known = _loaded.get(code.name)
    if known is not None and (known.digest, known.place) == (code.digest, code.place):
        return
    drop(code.name)
    module = types.ModuleType(f"seqexp_plugin_{code.name.replace('-', '_')}")
    module.__file__ = code.place
    lines = code.content.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[code.place] = (len(code.content), None, lines, code.place)
    sys.modules[module.__name__] = module
    with _explained(code.place, key), redirect_stdout(sys.stderr), loading(module.__name__, code, replaces=replaces):
        exec(compile(code.content, code.place, "exec", dont_inherit=True), vars(module))
    _loaded[code.name] = code


def drop(name: str) -> None:
    """Forget what the plugin of a name registered."""
    code = _loaded.pop(name, None)
    if code is not None:
        forget(lambda part: part.written is code)


def use_codes(codes: Sequence[tuple[str, Code]]) -> None:
    """Let what files registered be what these plugins register, and no others that were loaded before.

    Args:
        codes: Each with the option or key that named it.

    Raises:
        PluginError: One of them fails.
    """
    for name in set(_loaded) - {code.name for _, code in codes}:
        drop(name)
    for key, code in codes:
        load_code(code, key=key)


def load_entry_points() -> None:
    """Import the modules that installed packages name in the group ``seqexp.plugins``, once.

    Raises:
        PluginError: One of them fails.
    """
    for point in entry_points(group=GROUP):
        if point.value in _tried_entry_points:
            continue
        package = point.dist.name if point.dist else point.name
        with _explained(f"the package {package} ({point.value})", ""), redirect_stdout(sys.stderr):
            point.load()
        _tried_entry_points.add(point.value)


def adopt(codes: Iterable[Code]) -> None:
    """Let these codes be what is registered, in a process that works for another: the same text, not the same names.

    Raises:
        PluginError: One of them fails here.
    """
    for code in codes:
        if any(code.digest == own.digest for own in _registered_as(code.name)):
            continue
        if code.module and _is_installed(code):
            import_module(code.module)
            continue
        drop(code.name)
        load_code(code, replaces=True)


def _registered_as(name: str) -> Iterator[Code]:
    for part in everything():
        if part.written is not None:
            yield part.written
        elif part.package == name:
            yield part.code


def _is_installed(code: Code) -> bool:
    try:
        spec = find_spec(code.module)
        return bool(spec and spec.origin) and Path(str(spec.origin)).read_bytes() == code.content  # type: ignore[union-attr]
    except (ImportError, ValueError, OSError):
        return False


@contextmanager
def _explained(place: str, key: str) -> Iterator[None]:
    """Say of whatever goes wrong where, in a sentence."""
    try:
        yield
    except SeqexpError as error:
        problems = [problem if problem.key else replace(problem, key=key) for problem in error.problems]
        raise PluginError(problems) from None
    except SyntaxError as error:
        where = _near(place) if error.filename in (None, place) else str(error.filename)
        raise PluginError(
            f"{where}:{error.lineno or 0}: this is not valid Python: {error.msg}.",
            key=key,
            mend=_shown_line(error.text),
        ) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin does not end the program that loads it
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == place]
        line = own[-1].lineno if own else 0
        first = next((text.strip() for text in str(error).splitlines() if text.strip()), "")
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        where = f"{_near(place)}:{line}" if line else _near(place)
        raise PluginError(
            f"{where}: it cannot be loaded: {reason}", key=key, mend=_shown_line(own[-1].line if own else "")
        ) from None


def _shown_line(text: str | None) -> str:
    return (text or "").strip()


def _near(path: str | Path) -> str:
    """Return a path as a person would name it."""
    text = str(path)
    here = f"{Path.cwd()}/"
    return text.removeprefix(here)
