"""A search as it is planned: what is chosen from, and what every choice is repeated with."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from seqexp.compose.axes import Axes, Axis, Interval
from seqexp.errors import ConfigError
from seqexp.extras import require
from seqexp.fingerprint import short_key
from seqexp.spec.execution import ExecutionSpec
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import FOLD
from seqexp.workflows.sweeping.points import LeftOut, Point, PointMaker

_TASK = ("output_length", "data", "evaluation")  # axes that change what is forecast
_TASK_OF_DATA = ("name", "path", "rows", "targets", "lead", "split", "n_targets")
_MOST_EXAMPLES = 1000


@dataclass(frozen=True)
class SearchPlan:
    """What the points of a search are chosen from.

    Attributes:
        axes: Key -> a list of values or an interval.
        repeated: What every choice is run with; the mean over these counts.
        execution: How it is searched.
        maker: Makes the points.
        example: One of them.
    """

    axes: Axes
    repeated: list[dict[str, Any]]
    execution: ExecutionSpec
    maker: PointMaker
    example: Point

    @property
    def repeats(self) -> int:
        """How many runs a trial is."""
        return len(self.repeated)

    @property
    def key(self) -> str:
        """The fingerprint of the search; with more trials it is the same one, and goes on."""
        how = {key: getattr(self.execution, key) for key in ("sampler", "search_seed", "pruning")}
        return short_key([self.example.run_key, self._shown(), self.repeated, how, self.example.spec.evaluation.select])

    def as_values(self) -> dict[str, Any]:
        """Return the search as plain values."""
        keys = ("search", "trials", "sampler", "search_seed", "pruning")
        return {**{key: getattr(self.execution, key) for key in keys}, "axes": self._shown(), "repeated": self.repeated}

    def points(self, values: dict[str, Any]) -> list[Point] | LeftOut:
        """Make the points of a choice, or say why it cannot be run."""
        points = []
        for repeated in self.repeated:
            made = self.maker.make({**values, **repeated})
            if isinstance(made, LeftOut):
                return made
            if task_of(made.spec) != task_of(self.example.spec):
                steps, wanted = made.spec.output_length, self.example.spec.output_length
                reason = f"it forecasts something else ({steps} steps, the others {wanted}), which does not compare"
                return LeftOut(made.label, reason)
            points.append(self.maker.identify(made))
        return points

    def _shown(self) -> dict[str, Any]:
        return {key: str(axis) if isinstance(axis, Interval) else axis for key, axis in self.axes.items()}


def task_of(spec: ExperimentSpec) -> Any:
    """Return what has to be alike in runs whose errors are compared."""
    tree = spec.as_tree()
    data = {key: tree["data"].get(key) for key in _TASK_OF_DATA}
    return data, spec.output_length, spec.topology.contract.alignment, spec.evaluation.origins


def plan_search(
    maker: PointMaker, grids: Sequence[Axes], execution: ExecutionSpec, repeated: Sequence[str]
) -> SearchPlan:
    """Plan a search with Optuna.

    Raises:
        ConfigError: There is nothing to choose from, or the choices cannot be compared.
        ExecutionError: Optuna is not installed.
    """
    require("optuna", key="execution.search")
    if len(grids) != 1:
        mend = "Make one study of each, or use execution.search=random."
        raise ConfigError(f"a search chooses from one grid, and here are {len(grids)}.", key="sweep", mend=mend)
    axes = {key: axis for key, axis in grids[0].items() if key not in repeated}
    for key in axes:
        parts = key.split(".")
        if parts[0] in _TASK and (len(parts) == 1 or parts[0] != "data" or parts[1] in _TASK_OF_DATA):
            mend = "Give it one value, or use execution.search=random, which compares nothing across its values."
            raise ConfigError("changes what is forecast, and a search compares equal forecasts.", key=key, mend=mend)
    if not axes:
        mend = "Give a key several values or an interval: optimizer.learning_rate=log:1e-4..1e-1."
        raise ConfigError("there is nothing to choose from.", key="execution.search", mend=mend)
    found = [key for key in grids[0] if key in repeated]
    repeats = [dict(zip(found, values, strict=True)) for values in itertools.product(*_lists(grids[0], found))]
    axes = {key: _ordered(axis) for key, axis in axes.items()}
    example = _example(maker, axes, repeats[0])
    if folds := example.spec.evaluation.folds_to_run:
        repeats = [{**values, FOLD: fold} for values in repeats for fold in folds]
        example = _example(maker, axes, repeats[0])
    if execution.pruning != "none" and len(repeats) > 1:
        mend = "Give seed one value and leave out the backtest, or set execution.pruning=none."
        message = "a run cannot be ended early where several seeds or folds of it count."
        raise ConfigError(message, key="execution.pruning", mend=mend)
    if example.spec.data.split.validation == 0:
        mend = "Give data.split.validation some rows."
        raise ConfigError("a search needs a validation split to choose by.", key="execution.search", mend=mend)
    return SearchPlan(axes, repeats, execution, maker, maker.identify(example))


def _example(maker: PointMaker, axes: Axes, repeated: dict[str, Any]) -> Point:
    """Return the first combination that can be run: the request is checked before the search begins."""
    made: Point | LeftOut = LeftOut("", "there are none")
    for values in itertools.islice(itertools.product(*_lists(axes, axes)), _MOST_EXAMPLES):
        made = maker.make({**dict(zip(axes, values, strict=True)), **repeated})
        if isinstance(made, Point):
            return made
    assert isinstance(made, LeftOut)
    raise ConfigError(f"no combination can be run: {made.reason}", key="execution.search")


def _ordered(axis: Axis) -> Axis:
    """Return whole numbers that follow each other as an interval: a sampler can make use of their order."""
    if isinstance(axis, Interval) or len(axis) < 3 or not all(type(value) is int for value in axis):
        return axis
    return Interval(axis[0], axis[-1]) if axis == list(range(axis[0], axis[-1] + 1)) else axis


def _lists(axes: Axes, keys: Iterable[str]) -> list[list[Any]]:
    """Return the values of axes, of an interval its beginning."""
    found = (axes[key] for key in keys)
    return [[axis.low] if isinstance(axis, Interval) else axis for axis in found]
