"""Errors that a user can cause: each names the config key, what came, what was expected, and the mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a request.

    Attributes:
        message: What came and what was expected, in one sentence.
        key: The dotted config key it is about; empty where there is none.
        mend: What to do about it; empty where the message says it.
        where: The file and line, or the override, that gave the value.
    """

    message: str
    key: str = ""
    mend: str = ""
    where: str = ""

    def __str__(self) -> str:
        head = f"{self.key}: {self.message}" if self.key else self.message
        tail = [f"  {line}" for line in (self.where, self.mend) if line]
        return "\n".join([head, *tail])


class SeqexpError(Exception):
    """The request is wrong: the command line prints it without a traceback and exits with 2."""

    def __init__(self, message: str | Iterable[Problem], *, key: str = "", mend: str = "") -> None:
        if isinstance(message, str):
            self.problems: tuple[Problem, ...] = (Problem(message, key=key, mend=mend),)
        else:
            self.problems = tuple(message)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SeqexpError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class ConfigError(SeqexpError):
    """The experiment as written is not a valid one."""


class DataError(SeqexpError):
    """The data do not fit what the experiment says of them."""


class ModelError(SeqexpError):
    """The layers cannot be built, or do not give the shape that the experiment needs."""


class OwnCodeFailed(ModelError):
    """A user's own loss or metric raised an exception: in a sweep, its runs failed for that."""


class StoreError(SeqexpError):
    """A run directory is missing, damaged, or not what was asked for."""


class StoreAway(StoreError):
    """A tracking store does not answer: the request is right, and may be given again. The command exits with 1."""


class NoSuchStore(StoreError):
    """MLflow has no store at an address: it never will, whoever waits."""


class ExecutionError(SeqexpError):
    """Runs cannot be executed where they were to be."""


class PluginError(SeqexpError):
    """A user's own code cannot be loaded, or is not what it was registered as."""


class RunFailed(Exception):
    """A run ended without a result: it is recorded as FAILED and the command exits with 1.

    Attributes:
        reason: A short word for tables and tags, such as ``diverged``.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)

    def __reduce__(self) -> tuple[type[RunFailed], tuple[str, str]]:
        return type(self), (self.reason, str(self))


def suggest(name: object, known: Iterable[object]) -> str:
    """Say which known name was probably meant, or what there is when the list is short.

    >>> suggest("encoder_decodr", ["encoder_decoder", "vector_output"])
    'Did you mean encoder_decoder?'
    >>> suggest("x", ["train", "test"])
    'There is: train, test.'
    """
    names = [str(item) for item in known]
    lowered = {item.lower(): item for item in reversed(names)}
    close = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {lowered[close[0]]}?"
    if not names:
        return "There is none."
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"There is: {shown}."


def located(error: SeqexpError, where: Iterable[tuple[str, str]]) -> SeqexpError:
    """Return the same error with its source beside every key that ``where`` knows and that has none yet."""
    known = dict(where)
    return type(error)(
        [problem if problem.where else replace(problem, where=known.get(problem.key, "")) for problem in error.problems]
    )
