"""Set and look at values in a tree of plain mappings and lists, by dotted key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seqexp.errors import ConfigError, Problem
from seqexp.spec.parts import dotted, shown


def steps_of(key: str) -> list[str | int]:
    """Split a key into the steps that lead to it.

    >>> steps_of("topology.layers[0].LSTM.units")
    ['topology', 'layers', 0, 'LSTM', 'units']
    """
    names = re.findall(r"[^.\[\]]+", key)
    return [int(name) if name.isdigit() else name for name in names]


def set_value(tree: dict[str, Any], key: str, value: Any) -> list[str]:
    """Put a value at a key; a mapping joins a mapping that is there, a list or a scalar replaces.

    Returns:
        The keys that now hold a new value.

    Raises:
        ConfigError: The key leads through a list that has no such position.
    """
    steps = steps_of(key)
    node: Any = tree
    for position, step in enumerate(steps[:-1]):
        node = _child(node, step, key, make={} if not isinstance(steps[position + 1], int) else [])
    last = steps[-1]
    present = _lookup(node, last)
    if isinstance(value, Mapping) and isinstance(present, dict) and not _replaces(key, value):
        return [name for inner, item in value.items() for name in set_value(tree, f"{key}.{inner}", item)]
    if isinstance(node, list):
        if not isinstance(last, int) or last >= len(node):
            raise ConfigError([Problem(f"the list has {len(node)} item(s) and no {shown(last)}.", key)])
        node[last] = value
    else:
        node[last if not isinstance(last, int) else str(last)] = value
    return [key, *(name for name, _ in leaves(value, key))]


def get_value(tree: Any, key: str, default: Any = None) -> Any:
    """Return the value at a key, or the default where there is none."""
    for step in steps_of(key):
        tree = _lookup(tree, step, default)
    return tree


def leaves(tree: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no mapping and no list, with its key."""
    if isinstance(tree, Mapping):
        for name, item in tree.items():
            yield from leaves(item, dotted(key, str(name)))
    elif isinstance(tree, (list, tuple)):
        for position, item in enumerate(tree):
            yield from leaves(item, f"{key}[{position}]")
    else:
        yield key, tree


def _replaces(key: str, value: Mapping[Any, Any]) -> bool:
    """A part such as ``{Huber: {delta: 1}}`` or a source takes the place of the one before, it never joins it."""
    names = [str(name) for name in value]
    return len(names) == 1 and (names[0][:1].isupper() or key.endswith(".source"))


def _lookup(node: Any, step: str | int, default: Any = None) -> Any:
    if isinstance(node, list):
        return node[step] if isinstance(step, int) and step < len(node) else default
    return node.get(str(step), default) if isinstance(node, Mapping) else default


def _child(node: Any, step: str | int, key: str, make: Any) -> Any:
    child = _lookup(node, step)
    if isinstance(child, (dict, list)):
        return child
    if isinstance(node, list):
        raise ConfigError([Problem(f"the list has {len(node)} item(s) and no {shown(step)}.", key)])
    node[str(step)] = make if not isinstance(child, str) else {}
    return node[str(step)]
