"""A topology: a chain of Keras layers, its parameters and its contract."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_serializer, model_validator

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Count, Frozen, Many
from seqexp.spec.contract import Contract
from seqexp.spec.parts import Layer, PartErrors, shown

RESERVED = ("name", "contract", "layers", "match_parameters")
READS_AHEAD = "ConcatFuture"  # the layer that takes in what is known of the steps of the forecast


class TopologySpec(Frozen):
    """Layers in order; ``params`` are the scalars that stand beside them in YAML and that the layers refer to.

    ``match_parameters`` is the number of weights that the parameter ``units`` was chosen for, where it was.
    """

    name: str
    contract: Contract
    layers: Many[Layer] = Field(min_length=1)
    params: dict[str, bool | int | float | str | None]
    match_parameters: Count | None = None

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
        return {**{key: item for key, item in value.items() if key in RESERVED}, "params": params}

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        return {
            "name": self.name,
            # Not written where it is not used: the run keys of all others stay as they are.
            **({} if self.match_parameters is None else {"match_parameters": self.match_parameters}),
            **self.params,
            "contract": self.contract.model_dump(),
            "layers": [layer.as_written() for layer in self.layers],
        }
