"""Which addresses MLflow has a store for: known before anything is trained, and without importing it."""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from urllib.parse import unquote, urlsplit

from seqexp.errors import Problem, suggest

_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")  # each perhaps with a driver: mysql+pymysql
_BY_NAME = ("databricks", "databricks-uc", "uc")  # MLflow takes the bare word, too
_PLUGINS = "mlflow.tracking_store"  # entry points of packages that bring a store of their own
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+(/.*)?")
_A_FILE = "Name a file, sqlite:///mlflow.db, or a server, http://host:5000."


def problem_of_uri(uri: str, key: str) -> Problem | None:
    """Return why MLflow has no store at an address; None where it may have one, whether that answers or not.

    Args:
        uri: The address.
        key: The config key, variable or option that gave it.

    >>> print(problem_of_uri("htp://host:5000", "tracking.uri"))  # doctest: +NORMALIZE_WHITESPACE
    tracking.uri: MLflow has no store for 'htp://host:5000':
    it knows http, https, sqlite, postgresql, mysql, mssql, databricks, uc.
      Did you mean http://host:5000?
    >>> problem_of_uri("http://host:5000", "tracking.uri")
    """
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower() if rest else ""
    kind = scheme.partition("+")[0]
    if uri in _BY_NAME or scheme in _BY_NAME:
        return None
    if _HOST_AND_PORT.fullmatch(uri):
        return Problem(
            f"expected an address with http:// or https://, got {uri!r}.", key, f"Did you mean http://{uri}?"
        )
    if scheme in _SERVERS:
        message = f"expected {scheme}:// and the name of a server, got {uri!r}."
        return None if urlsplit(uri).netloc else Problem(message, key, f"For example {scheme}://host:5000.")
    if kind == "sqlite" and not rest.startswith("///"):
        file = rest.lstrip("/") or "mlflow.db"
        return Problem(f"expected sqlite:/// and a file, got {uri!r}.", key, f"Did you mean sqlite:///{file}?")
    if kind == "sqlite" and unquote(rest) != rest:
        message = f"MLflow reads {uri!r} as sqlite:{unquote(rest)}, which is another file."
        return Problem(message, key, "Choose a folder and a file without a % before two digits.")
    if kind in _DATABASES or scheme in _of_plugins():
        return None
    if scheme in ("", "file"):
        if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1"):
            return None
        return Problem(f"expected the address of an MLflow store, got {uri!r}: a folder is none.", key, _A_FILE)
    known = [*_SERVERS, *_DATABASES, "databricks", "uc", *_of_plugins()]
    mend = suggest(scheme, known)
    mend = mend.replace("?", f":{rest}?") if mend.startswith("Did") else _A_FILE
    return Problem(f"MLflow has no store for {uri!r}: it knows {', '.join(known)}.", key, mend)


def _of_plugins() -> list[str]:
    return [point.name for point in entry_points(group=_PLUGINS)]
