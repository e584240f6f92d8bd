"""A topology: a chain of Keras layers, its parameters and its contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer, model_validator

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Count, Frozen, Many
from seqexp.spec.contract import Contract
from seqexp.spec.parts import Layer, PartErrors, shown

RESERVED = ("name", "contract", "layers", "match_parameters", "head", "quantiles", "n_outputs")
READS_AHEAD = "ConcatFuture"  # the layer that takes in what is known of the steps of the forecast
#: Losses that fit a head with several outputs of each target, and their arguments, in the form of the catalogue.
HEAD_LOSSES: dict[str, dict[str, Any]] = {"Pinball": {"quantiles": {"kind": "any"}}, "GaussianNLL": {}}
LEAST_DEVIATION = 1e-3  # of a scaled target: a smaller one lets the likelihood of a gaussian head run away
DEFAULT_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def fitting_loss(head: Any, quantiles: Any) -> Any:
    """Return the loss that a head is trained with, as YAML states it; None for a point, which other losses fit."""
    if head == "quantiles":
        return {"Pinball": {"quantiles": quantiles}}
    return "GaussianNLL" if head == "gaussian" else None


def outputs_per_target(head: Any, quantiles: Any) -> int:
    """Return how many outputs a model with a head gives of each target."""
    if head == "quantiles":
        return len(quantiles)
    return 2 if head == "gaussian" else 1


class TopologySpec(Frozen):
    """Layers in order; ``params`` are the scalars that stand beside them in YAML and that the layers refer to.

    ``match_parameters`` is the number of weights that the parameter ``units`` was chosen for, where it was.
    """

    name: str
    contract: Contract
    layers: Many[Layer] = Field(min_length=1)
    params: dict[str, bool | int | float | str | None]
    match_parameters: Count | None = None
    head: Literal["point", "quantiles", "gaussian"] = "point"
    quantiles: Many[Annotated[float, Field(gt=0, lt=1)]] = DEFAULT_QUANTILES

    @model_validator(mode="after")
    def _levels(self) -> TopologySpec:
        levels = self.quantiles
        if sorted(set(levels)) != list(levels) or 0.5 not in levels or len(levels) < 3:
            mend = "For example topology.quantiles=[0.1,0.5,0.9]: the median is the point forecast."
            message = f"expected three or more rising levels, 0.5 among them, got {shown(list(levels))}."
            raise PartErrors([Problem(message, "quantiles", mend=mend)])
        return self

    @property
    def outputs_per_target(self) -> int:
        """How many outputs the model gives of each target."""
        return outputs_per_target(self.head, self.quantiles)

    @property
    def reads_ahead(self) -> bool:
        """Whether it can read what is known of the steps that it forecasts."""
        return any(layer.name == READS_AHEAD for layer in self.layers)

    @model_validator(mode="before")
    @classmethod
    def _lift_parameters(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "params" in value:
            return value
        params = {key: item for key, item in value.items() if key not in RESERVED}
        problems = [
            Problem(
                f"expected one value (a parameter of the topology), got {shown(item)}.",
                str(key),
                mend=suggest(key, RESERVED[1:]),
            )
            for key, item in params.items()
            if isinstance(item, (dict, list, tuple))
        ]
        if problems:
            raise PartErrors(problems)
        own = {key: item for key, item in value.items() if key in RESERVED and key != "n_outputs"}
        return {**own, "params": params}

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        return {
            "name": self.name,
            # Not written where it is not used: the run keys of all others stay as they are.
            **({} if self.match_parameters is None else {"match_parameters": self.match_parameters}),
            **({} if self.head == "point" else {"head": self.head, "quantiles": list(self.quantiles)}),
            **self.params,
            "contract": self.contract.model_dump(),
            "layers": [layer.as_written() for layer in self.layers],
        }
