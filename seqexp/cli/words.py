"""Words of a command line as they come: an option that may stand alone, and one that is to be left out.

Of the first, what follows is its value where it is an address, and else the next argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer
from typer.core import TyperCommand

FROM_MLFLOW = "--from-mlflow"
_ADDRESS = "://"


class FromMlflowCommand(TyperCommand):
    """``rerun RUN --from-mlflow training.epochs=5`` gives an override; ``--from-mlflow http://host:5000`` a value.

    The words as they came are kept in ``ctx.meta["words"]``.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the words of the command line."""
        ctx.meta["words"] = tuple(args)
        return super().parse_args(ctx, list(_with_values(args)))


def _with_values(words: Sequence[str]) -> Iterator[str]:
    """Yield the words, the option always with a value: an empty one where it stands alone.

    >>> list(_with_values(["ab12", "--from-mlflow", "seed=3"]))
    ['ab12', '--from-mlflow=', 'seed=3']
    >>> list(_with_values(["--from-mlflow", "sqlite:///a.db", "ab12"]))
    ['--from-mlflow=sqlite:///a.db', 'ab12']
    """
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == FROM_MLFLOW:
            is_value = bool(rest) and _ADDRESS in rest[0].partition("=")[0]
            word = f"{word}={rest.pop(0) if is_value else ''}"
        yield word


def without_option(words: Sequence[str], name: str) -> list[str]:
    """Return the words without an option and its value.

    >>> without_option(["ab12", "--env", "recorded", "--json"], "--env")
    ['ab12', '--json']
    >>> without_option(["--env=recorded", "ab12"], "--env")
    ['ab12']
    """
    kept, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        if word == name:
            del rest[:1]
        elif not word.startswith(f"{name}="):
            kept.append(word)
    return kept
