"""Whether the figure that runs are to be ranked by is one that they will have."""

from __future__ import annotations

from seqexp.compose.groups import Origins, Tree
from seqexp.compose.tree import get_value
from seqexp.errors import Problem
from seqexp.spec.parts import split_part
from seqexp.spec.sources import TOKENS

_KEY = "evaluation.select"


def ranks_nothing(tree: Tree, origins: Origins) -> list[Problem]:
    """Return a problem where no run of this kind has the figure asked for, by which none would be ranked.

    Not where a record states it: its run is as good as any other.
    """
    select, origin = get_value(tree, _KEY), origins.get(_KEY)
    if origin is not None and origin.kind == "record":
        return []
    head, source = get_value(tree, "topology.head"), split_part(get_value(tree, "data.source"))
    if select == "val/pinball" and head != "quantiles":
        mend = "Set topology.head=quantiles, or select by another figure: val/mae."
        return [Problem("only a model with quantiles has a val/pinball.", _KEY, mend)]
    if select == "val/cross_entropy" and source is not None and source[0] not in TOKENS:
        mend = "Select by another figure: val/mae."
        return [Problem(f"only tokens have a val/cross_entropy, and data.source={source[0]} gives none.", _KEY, mend)]
    return []
