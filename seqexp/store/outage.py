"""Why a tracking store does not answer, in plain words: what its client says names classes of a library."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from seqexp.errors import StoreAway, StoreError

_LONGEST = 300
_LIBRARIES = ("mlflow", "sqlalchemy")  # whose errors a store raises besides Python's own
_WHYS = (  # what a message holds -> what that means, the more particular first
    (r"NameResolutionError|Failed to resolve|Name or service not known|getaddrinfo failed", "its name is not known"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "its certificate is not trusted"),
    (r"Connection refused|WinError 10061", "the connection is refused, nothing listens there"),
    (r"No route to host|Network is unreachable", "no network leads there"),
    (r"[Tt]imed? ?out|TimeoutError", "it timed out"),
    (r"Connection aborted|Connection reset|RemoteDisconnected", "the connection was broken off"),
    (r"failed with error code 40[13]\b", "it lets nobody in without the right user name and password"),
    (r"failed with error code (\d{3})\b", r"it gives the HTTP error \1"),
)


def reason_of(error: Exception) -> str:
    """Return what an error of MLflow's client comes to: why no server answers, else the first line of its message.

    >>> reason_of(OSError("HTTPConnectionPool(host='h'): Max retries ([Errno 111] Connection refused"))
    'the connection is refused, nothing listens there'
    >>> reason_of(ValueError("INVALID_PARAMETER_VALUE: no run\\nmore"))
    'INVALID_PARAMETER_VALUE: no run'
    """
    return outage(error) or (str(error).strip().splitlines() or [type(error).__name__])[0].strip()[:_LONGEST]


def is_of_store(error: Exception) -> bool:
    """Say whether a store refused, or could not be reached, without the import of MLflow, which may not be there."""
    rooms = {cls.__module__.partition(".")[0] for cls in type(error).__mro__}
    return isinstance(error, (sqlite3.Error, OSError)) or not rooms.isdisjoint(_LIBRARIES)


@contextmanager
def suppress_of_store() -> Iterator[None]:
    """Go on after the block where a store refused, or could not be reached."""
    try:
        yield
    except Exception as error:
        if not is_of_store(error):
            raise


def does_not_answer(error: Exception) -> type[StoreError]:
    """Return the kind of error that one of MLflow's client is: whether no server answers, or one refuses."""
    return StoreAway if outage(error) else StoreError


def outage(error: Exception) -> str:
    """Return why no server answers; empty where one did, or where the error is of another kind."""
    text = str(error)
    for pattern, why in _WHYS:
        if found := re.search(pattern, text):
            return found.expand(why)
    return ""
