"""Packages that seqexp uses where they are installed, and asks for where they are not."""

from __future__ import annotations

from importlib.util import find_spec

from seqexp.errors import ExecutionError


def require(package: str, *, key: str, extra: str = "") -> None:
    """See that an optional package is installed; ``key`` is what needs it, ``extra`` brings it (else its own name).

    Raises:
        ExecutionError: It is not.
    """
    if find_spec(package) is None:
        raise ExecutionError(
            f"needs {package}, which is not installed.", key=key, mend=f'pip install "seqexp[{extra or package}]"'
        )
