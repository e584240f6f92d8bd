"""From the signature of a user's function or class to arguments in the form of the catalogue."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection
from typing import Any, Union, get_args, get_origin

Arguments = dict[str, dict[str, Any]]
_KINDS: dict[Any, str] = {int: "int", float: "number", bool: "bool", str: "text"}


def arguments_of_signature(entry: Callable[..., Any], skip: int, leave_out: Collection[str] = ()) -> Arguments:
    """Return name -> ``{"kind": ..., "default": ...}``; one without a default is needed.

    The kind comes from the annotation, or else from the default; ``any`` takes plain values of every kind.

    Args:
        entry: A function, or a class, of which ``__init__`` counts.
        skip: So many arguments at the front are given by seqexp.
        leave_out: Names that seqexp gives, too.

    >>> def weighted(y_true, y_pred, over: float = 1, times: int | None = None): ...
    >>> arguments_of_signature(weighted, 2)
    {'over': {'kind': 'number', 'default': 1}, 'times': {'kind': 'int', 'default': None}}
    """
    found: Arguments = {}
    for parameter in list(_signature(entry).parameters.values())[skip:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name in leave_out:
            continue
        described: dict[str, Any] = {"kind": _kind(parameter)}
        if parameter.default is not parameter.empty:
            default = parameter.default
            is_plain = default is None or isinstance(default, (bool, int, float, str))
            described["default"] = default if is_plain else str(default)
        found[parameter.name] = described
    return found


def takes_any_keyword(entry: Callable[..., Any]) -> bool:
    """Say whether a function or class hands on keywords that it does not name."""
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in _signature(entry).parameters.values())


def count_positional(entry: Callable[..., Any]) -> int | None:
    """Return how many arguments may be given by position; None for any number."""
    parameters = _signature(entry).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters
    )


def _signature(entry: Callable[..., Any]) -> inspect.Signature:
    """Return what a function or, of a class, its ``__init__`` takes, without ``self``."""
    function = entry.__init__ if isinstance(entry, type) else entry  # type: ignore[misc]
    try:
        found = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, AttributeError, SyntaxError):  # an annotation that only a type checker can read
        found = inspect.signature(function)
    return found.replace(parameters=list(found.parameters.values())[isinstance(entry, type) :])


def _kind(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation, *more) = [item for item in get_args(annotation) if item is not type(None)]
        if more:
            return "any"
    if annotation is parameter.empty:
        return _KINDS.get(type(parameter.default), "any") if type(parameter.default) is not int else "number"
    return _KINDS.get(annotation, "any")
