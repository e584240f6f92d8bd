"""One process at a time works on a run: the same request, made twice at once, is trained once."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from seqexp.errors import StoreError


@contextmanager
def claim(runs: Path, name: str, run_key: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Own a run for the length of the block, and clear away what an earlier owner that was killed left half-written.

    The claim is a lock of the operating system, which ends with its process, however that ends.

    Args:
        runs: The folder of run directories.
        name: The experiment.
        run_key: The run.
        on_wait: Told once, if another process owns the run: then it is waited for.

    Raises:
        StoreError: The folder cannot be written to.
    """
    home = runs / name
    path = home / f".{run_key}.lock"
    lock = _lock(path, wait=False)
    if lock is None:
        on_wait()
        lock = _lock(path, wait=True)
    assert lock is not None
    try:
        for left in home.glob(f".{run_key}-*"):
            if not _is_alive(left.name.rpartition("-")[2]):
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        lock.close()
        with suppress(OSError):  # an experiment without runs leaves no folder
            home.rmdir()
            runs.rmdir()


def is_any_claimed(runs: Path) -> bool:
    """Return whether a process works on a run just now."""
    for path in runs.glob("*/.*.lock"):
        with suppress(FileNotFoundError), path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def _lock(path: Path, *, wait: bool) -> IO[str] | None:
    """Lock a file, which is made; None where another process has it and is not waited for."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if path.exists() and os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
                return lock
            lock.close()  # its owner was done with it and has removed it
        except BlockingIOError:
            lock.close()
            return None
        except FileNotFoundError:
            continue  # the owner before took the folder away meanwhile
        except OSError as error:
            mend = "Choose another workspace with --workspace."
            raise StoreError(f"The run directory cannot be written: {error}", mend=mend) from None


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
