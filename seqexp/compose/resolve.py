"""Resolve ``${...}``: references inside the config and two functions for shapes; nothing from outside."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqexp.compose.tree import get_value, leaves, set_value
from seqexp.errors import Problem, suggest


def _of_numbers(function: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    def resolver(*numbers: Any) -> float:
        if not numbers or not all(isinstance(number, (int, float)) for number in numbers):
            raise ValueError(
                "it takes one number or more, for example ${product:${output_length},${topology.n_outputs}}."
            )
        return function(numbers)

    return resolver


RESOLVERS = {"product": _of_numbers(math.prod), "sum": _of_numbers(sum)}
_RESOLVER = re.compile(r"\$\{\s*([A-Za-z_][\w.]*)\s*:")
_LARGEST_TREE = 200_000  # characters, after resolution


def resolve(tree: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the tree with every reference replaced by its value, and what could not be resolved.

    A value that could not be resolved becomes None.
    """
    if problems := _refused_resolvers(tree):
        return tree, problems
    referring = [key for key, value in tree.items() if references(value)]
    try:
        found = pickle.loads(_resolved(pickle.dumps(_concerned(tree, referring))))
        resolved = {**tree, **{key: found[key] for key in referring}}
    except (OmegaConfBaseException, RecursionError, TypeError, ValueError):
        config = OmegaConf.create(tree)
        return tree, [problem for key, value in leaves(tree) if (problem := _unresolvable(config, tree, key, value))]
    if len(str(resolved)) > _LARGEST_TREE:
        return tree, [Problem(f"the resolved config is longer than {_LARGEST_TREE:,} characters.")]
    return resolved, []


@lru_cache(maxsize=256)
def _resolved(packed: bytes) -> bytes:
    """Resolve a pickled tree into another: most points of a sweep differ in nothing that is referred to."""
    _register_resolvers()
    return pickle.dumps(OmegaConf.to_container(OmegaConf.create(pickle.loads(packed)), resolve=True))


def resolve_with(tree: dict[str, Any], key: str, sections: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    """Return a function that resolves some sections of a tree as they are with another value at a key.

    Most of the time goes into the making of the config, which is made once.

    Raises:
        ValueError: A resolver is not allowed.
        OmegaConfBaseException, RecursionError, TypeError, ValueError: Of the function; a reference does not resolve.
    """
    if problems := _refused_resolvers(tree):
        raise ValueError(problems[0].message)
    _register_resolvers()
    referring = [name for name, value in tree.items() if references(value)]
    config = OmegaConf.create(_concerned(tree, [*dict.fromkeys([*sections, *referring])]))

    def resolved(value: Any) -> dict[str, Any]:
        OmegaConf.update(config, key, value)
        parts = {section: OmegaConf.select(config, section) for section in sections}
        return {
            section: OmegaConf.to_container(part, resolve=True) if OmegaConf.is_config(part) else part
            for section, part in parts.items()
        }

    return resolved


def _refused_resolvers(tree: dict[str, Any]) -> list[Problem]:
    """Return what calls a function that is not ours: it is refused before anything is resolved."""
    return [
        Problem(f"the resolver {name!r} is not allowed in a config.", key, suggest(name, RESOLVERS))
        for key, value in leaves(tree)
        if isinstance(value, str)
        for name in _RESOLVER.findall(value)
        if name not in RESOLVERS
    ]


def _register_resolvers() -> None:
    for name, function in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, function, replace=True)


def _concerned(tree: dict[str, Any], referring: Sequence[str]) -> dict[str, Any]:
    """Return the sections that refer to something, and of the others what is referred to: the rest costs time only."""
    concerned = {key: tree[key] for key in referring}
    for name in references(concerned):
        section, _, rest = name.partition(".")
        if section in tree and section not in referring:
            value = get_value(tree, name)
            if rest and value is not None:
                set_value(concerned, name, value)
            elif section not in concerned:
                concerned[section] = tree[section]
    return concerned


def references(tree: Any) -> set[str]:
    """Return the dotted keys that the values of a tree refer to."""
    found: set[str] = set()
    for _, value in leaves(tree):
        if isinstance(value, str) and "${" in value:
            found.update(re.findall(r"[A-Za-z_][\w.]*", value))
    return found


def _unresolvable(config: Any, tree: dict[str, Any], key: str, value: Any) -> Problem | None:
    if not isinstance(value, str) or "${" not in value:
        return None
    try:
        OmegaConf.select(config, key, throw_on_missing=False)
    except RecursionError:
        return Problem(f"{value} refers to itself.", key)
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        wanted = re.search(r"\$\{\s*([\w.]+)\s*\}", value)
        known = [name for name, _ in leaves(tree)]
        mend = suggest(wanted[1], known) if wanted and wanted[1] not in known else ""
        return Problem(f"{value} cannot be resolved: {str(error).splitlines()[0]}", key, mend)
    return None
