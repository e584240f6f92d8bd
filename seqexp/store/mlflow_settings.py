"""What MLflow is told by environment variables: set while it is called, and gone afterwards.

seqexp may be a library in somebody's process, whose own MLflow is to be as they left it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "35",  # seconds; a server that stalls for half a minute is not asked twice meanwhile
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # of a server it prints two lines at the end of every run
    "GIT_PYTHON_REFRESH": "quiet",
}
_BRIEF = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


class _Use:
    """How many calls of MLflow are under way, in whatever threads, and what was set for them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.count = 0
        self.ours: list[str] = []


_use = _Use()


@contextmanager
def mlflow_settings() -> Iterator[None]:
    """Set what is not set already, until the last block of those that are open at a time is left.

    Of a method, as a decorator: ``@mlflow_settings()``.
    """
    with _use.lock:
        if _use.count == 0:
            _use.ours = [name for name in SETTINGS if name not in os.environ]
            os.environ.update({name: SETTINGS[name] for name in _use.ours})
        _use.count += 1
    try:
        yield
    finally:
        with _use.lock:
            _use.count -= 1
            if _use.count == 0:
                for name in _use.ours:
                    if os.environ.get(name) == SETTINGS[name]:  # what somebody set meanwhile is theirs
                        del os.environ[name]


@contextmanager
def asked_briefly() -> Iterator[None]:
    """Let a request that a person waits for fail after ten seconds without an answer; theirs to say otherwise."""
    with mlflow_settings():
        usual = {name: SETTINGS[name] for name in _BRIEF if name in _use.ours}
        os.environ.update({name: _BRIEF[name] for name in usual})
        try:
            yield
        finally:
            os.environ.update(usual)
