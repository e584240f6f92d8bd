"""Choose ``topology.units`` so that a model has as many weights as ``topology.match_parameters`` asks for.

Topologies compare fairly at an equal number of weights, and each needs other units for that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from seqexp.compose.groups import Origins, Tree
from seqexp.compose.origin import Origin
from seqexp.compose.resolve import references, resolve_with
from seqexp.compose.tree import get_value
from seqexp.errors import ConfigError, Problem
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.parts import Part, split_part
from seqexp.spec.topology import TopologySpec
from seqexp.spec.validate import validate_as
from seqexp.spec.weights import count_weights

KEY = "topology.match_parameters"
UNITS = "topology.units"
AHEAD = ("future", "calendar")
LARGEST_UNITS = 4096
_FARTHEST = 0.05  # of the number asked for: models further apart are not of one size
_ASKED_FOR = {"override", "axis", "study"}
_NOT_RESOLVED = (OmegaConfBaseException, RecursionError, TypeError, ValueError)

Nearest = dict[int, int]  # units -> weights, of the one or two nearest to the number asked for, the nearest first


def units_set_twice(tree: Tree, origins: Origins) -> list[Problem]:
    """Return a problem where somebody set the units that are to be chosen; those of a topology's file yield."""
    wanted, units = get_value(tree, KEY), get_value(tree, UNITS)
    if wanted is None or units is None or UNITS not in origins or origins[UNITS].kind not in _ASKED_FOR:
        return []
    mend = f"Leave one of the two out, or set it to null: {UNITS}=null, {KEY}=null."
    return [Problem(f"is chosen by {KEY}={wanted} and cannot be set beside it.", UNITS, mend)]


class UnitsMatcher:
    """Chooses units; points of a sweep that differ in nothing that counts weights share the search."""

    def __init__(self) -> None:
        self._found: dict[str, Nearest] = {}

    def match(self, tree: Tree, origins: Origins) -> list[Problem]:
        """Set ``topology.units`` where ``topology.match_parameters`` is set; return what stands against it.

        The lengths are fixed by now. Of two units that are equally near, the smaller are chosen. What else is wrong
        with the topology is left to be reported with the rest of the config.
        """
        if get_value(tree, KEY) is None or not isinstance(get_value(tree, "topology.layers"), list):
            return []
        topology = tree["topology"]
        name = topology.get("name")
        if "units" not in topology or UNITS not in references(topology):
            lacks = "has no layer that refers to its" if "units" in topology else "has no"
            mend = f"Leave {KEY} out, or choose a topology whose layers refer to ${{{UNITS}}}."
            return [Problem(f"topology {name} {lacks} parameter units.", KEY, mend)]
        # Stands for the units until they are chosen: the rest of the config is checked with a number in their place.
        topology["units"] = 1
        origins[UNITS] = Origin("derived", f"from {KEY}")
        try:
            resolved = resolve_with(tree, UNITS, ("topology", "timesteps", "output_length"))
            smallest = resolved(1)
            wanted = validate_as(TopologySpec, smallest["topology"]).match_parameters
        except (ConfigError, *_NOT_RESOLVED):
            return []
        timesteps, n_features = smallest["timesteps"], get_value(tree, "data.n_features")
        length = smallest["output_length"]
        if wanted is None or not all(isinstance(size, int) and size > 0 for size in (timesteps, n_features, length)):
            return []
        ahead = (length, _count_ahead(tree))

        def count(units: int) -> int:
            layers = (split_part(layer) for layer in resolved(units)["topology"]["layers"])
            return count_weights(
                [Part(name=part[0], args=part[1]) for part in layers if part], (timesteps, n_features), ahead
            )

        asked = repr((topology, smallest, n_features, ahead))
        try:
            if asked not in self._found:
                self._found[asked] = _nearest(count, wanted)
        except ConfigError as error:
            return list(error.problems)
        nearest = self._found[asked]
        units, weights = next(iter(nearest.items()))
        topology["units"] = units
        if abs(weights - wanted) <= _FARTHEST * wanted:
            return []
        return [_too_far(name, wanted, nearest)]


def _count_ahead(tree: Tree) -> int:
    """Count the columns that are read at the steps of the forecast; what is wrong with them is reported elsewhere."""
    future, calendar = (
        [value] if isinstance(value, str) else value or []
        for value in (get_value(tree, f"data.{key}") for key in AHEAD)
    )
    reads = get_value(tree, "topology.contract.alignment", "future") == "future"
    return (len(future) + len(calendar_columns([str(word) for word in calendar]))) if reads else 0


def _nearest(count: Callable[[int], int], wanted: int) -> Nearest:
    """Search by halves: more units never make fewer weights."""
    above = _first(count, wanted)
    below = above - 1
    if below > 1 and count(below - 1) == count(below):  # not every layer has more weights with more units
        below = _first(count, count(below))
    around = {units: count(units) for units in (below, above) if 1 <= units <= LARGEST_UNITS}
    return dict(sorted(around.items(), key=lambda found: abs(found[1] - wanted)))


def _first(count: Callable[[int], int], wanted: int) -> int:
    """Return the fewest units that give so many weights or more; one too many where none do."""
    return bisect_left(range(1, LARGEST_UNITS + 1), wanted, key=count) + 1


def _too_far(name: Any, wanted: int, nearest: Nearest) -> Problem:
    possible = " and ".join(f"{weights:,} (units={units})" for units, weights in sorted(nearest.items()))
    verb = "are" if len(nearest) > 1 else "is"
    message = f"topology {name} cannot have about {wanted:,} weights: the nearest that it can have {verb} {possible}."
    return Problem(message, KEY, f"Ask for a number within {_FARTHEST:.0%} of one that it can have.")
