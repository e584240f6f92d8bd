"""Start TensorFlow: with as many threads as asked for, and without what it prints before it can be quieted."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from seqexp.own_process import without_collection, without_what_is_not_used
from seqexp.training.compile_cache import prepare_cache
from seqexp.training.xla_flags import VARIABLE, xla_flags

_THREADS = "TF_NUM_INTRAOP_THREADS"
_started: dict[str, int] = {}  # what TensorFlow was started with, where this module did it


def import_tensorflow(threads: int | None = None) -> None:
    """Import TensorFlow and Keras (3 to 5 s), but compute nothing: a process may still be forked.

    Args:
        threads: As for :func:`start_tensorflow`, which is to be told the same.
    """
    if "tensorflow" not in sys.modules:
        _started["imported"] = True
        with _starting(threads):
            import keras  # noqa: F401  (with TensorFlow)


def start_tensorflow(threads: int | None = None) -> None:
    """Import TensorFlow and Keras, if they are not, and let them read their settings.

    Args:
        threads: Cores it may use, None for all. It counts for the whole process and only at the first start; it changes
            how long a run takes, and last bits of what comes out at most.
    """
    if "ready" in _started:
        return
    is_first = "tensorflow" not in sys.modules or "imported" in _started
    with _starting(threads):
        if is_first:
            _started["threads"] = _threads_asked_for()
        import keras
        import tensorflow as tf

        keras.ops.zeros(()).numpy()  # the first operation reads the settings, and prints as well
        _read_xla_flags(tf)
        if is_first:
            # Keras collects garbage before every model: it need not look at all that was imported (0.2 s) each time.
            gc.freeze()
    tf.get_logger().setLevel("ERROR")  # it warns of retracing when one process trains several models
    _started["ready"] = True


def threads_in_use() -> int | None:
    """Return how many threads TensorFlow computes on in this process; None where something else has started it."""
    return _started.get("threads")


def _threads_asked_for() -> int:
    asked = os.environ.get(_THREADS, "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def import_keras() -> None:
    """Import Keras for code that needs its classes; :func:`start_tensorflow` still sets threads and cache."""
    settings = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with _environment(settings), _quiet_stderr(), without_what_is_not_used(), without_collection():
        import keras  # noqa: F401


@contextmanager
def _starting(threads: int | None) -> Iterator[None]:
    with _environment(_settings(threads)), _quiet_stderr(), without_what_is_not_used(), without_collection():
        yield


def _settings(threads: int | None) -> dict[str, str]:
    """Return the environment that TensorFlow is to start in; what a person has set already stays."""
    wanted = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    if threads is not None:
        names = (_THREADS, "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
        wanted |= dict.fromkeys(names, str(threads))
    settings = {"KERAS_BACKEND": "tensorflow"} | {
        name: value for name, value in wanted.items() if name not in os.environ
    }
    flags = os.environ.get("TF_XLA_FLAGS", "")
    folder = prepare_cache()
    if folder is not None and "persistent_cache" not in flags:
        settings["TF_XLA_FLAGS"] = f"{flags} --tf_xla_persistent_cache_directory={folder}".strip()
    return {**settings, VARIABLE: xla_flags()}


def _read_xla_flags(tf: Any) -> None:
    """Let XLA read its flags, which it does when something is translated for the first time (20 ms)."""
    nothing = tf.function(lambda: tf.constant(0), jit_compile=True, autograph=False)
    with suppress(tf.errors.OpError):  # it then translates nothing later on either, and says so
        nothing.experimental_get_compiler_ir()(stage="hlo")


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Set variables for a while; processes that are started later inherit nothing of it."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what libraries write to file descriptor 2; show it after all if something goes wrong."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
