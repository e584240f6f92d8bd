"""Whether this process is seqexp's own, a command or a worker; what is set up in it at its start, and how it ends.

In a process of somebody else's, which uses seqexp as a library, nothing is set and nothing hidden.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

_HIDDEN = "sklearn"  # MLflow brings it, Keras imports it when it is there, seqexp never uses it: 0.5 s of every start
_NEW_OBJECTS = 50_000  # some ten megabytes
_is_own: list[bool] = []


def set_up_own_process() -> None:
    """Say that this process is seqexp's own; to be called before NumPy is imported.

    NumPy's BLAS would start a thread for every core. They spin after each small product, on cores on which runs train.
    Arrow's own allocator would keep what a large table took to read; the system's gives it back. Python would look for
    garbage after every 700 new objects: a tenth of a second and more of each start, and there is next to none.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    _is_own.append(True)


@contextmanager
def without_what_is_not_used() -> Iterator[None]:
    """In a process of seqexp's own, let what is imported meanwhile find no scikit-learn; afterwards it is there."""
    if not _is_own or _HIDDEN in sys.modules:
        yield
        return
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # what Python takes for "there is none"
    try:
        yield
    finally:
        del sys.modules[_HIDDEN]


@contextmanager
def without_collection() -> Iterator[None]:
    """Let no garbage be looked for meanwhile: a fifth of the time where what is made stays (imports, many records)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def all_is_printed() -> bool:
    """Write what was printed and still waits; return whether there is room for it, and say so where there is none."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # nobody reads it any more
    except OSError as error:
        print(f"What was printed could not be written: {error.strerror}.", file=sys.stderr)
        return False
    with suppress(OSError):
        sys.stderr.flush()
    return True


def end_quickly() -> Callable[[int], NoReturn]:
    """Let this process end without taking apart what it imported: 0.7 s where that was TensorFlow or MLflow.

    To be called first of all: what is registered for the end afterwards comes before, and what threads have to do.

    Returns:
        What is called in place of ``sys.exit``, with the exit code.
    """
    code = 1  # that of an error which nobody caught

    def leave() -> None:
        os._exit(code if all_is_printed() else code or 1)

    def end(given: int) -> NoReturn:
        nonlocal code
        code = given
        sys.exit(given)

    atexit.register(leave)
    return end
