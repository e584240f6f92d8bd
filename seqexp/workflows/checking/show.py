"""What an experiment resolves to, and where each value came from."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.compose.composer import Composed
from seqexp.compose.tree import leaves


def values_and_origins(composed: Composed) -> Iterator[tuple[str, str, str]]:
    """Yield key, value and origin of everything in a spec; a value that nobody gave is a default."""
    for key, value in leaves(composed.spec.as_tree()):
        yield key, "null" if value is None else str(value), _origin(key, composed)


def _origin(key: str, composed: Composed) -> str:
    while key:
        if key in composed.origins:
            return str(composed.origins[key])
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
        if key in {"data", "training", "evaluation", "tracking", "execution", "topology", "optimizer", "data.read"}:
            return "default"
    return "default"
