"""Where the runs of a sweep are computed, and how its points are chosen; neither changes what a run gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqexp.errors import Problem
from seqexp.spec.base import Frozen
from seqexp.spec.parts import PartErrors


class ExecutionSpec(Frozen):
    """How a sweep is executed; a run by itself is computed in the process that was asked for it.

    Attributes:
        executor: ``processes`` (workers on this machine), ``inline`` (one run after another in the driver) or ``ray``
            (workers on a Ray cluster).
        workers: How many; null for as many as there is room for.
        timeout: Seconds that a run may take; null for no limit. Workers are ended wherever they are; a run in this
            process ends between two epochs, or between training and scoring.
        retries: How often the run of a worker that died is tried again.
        address: Of the Ray cluster: ``auto`` for one that runs, or else a new one on this machine; ``local`` for a new
            one in any case; or where one runs.
        cpus_per_run: Cores that a run reserves on the cluster.
        gpus_per_run: GPUs that a run reserves on the cluster, also parts of one.
        search: ``grid`` (every combination), ``random`` (so many combinations, drawn before the first run) or
            ``optuna`` (each chosen by what the ones before it gave).
        trials: How many combinations a search tries; several seeds of one combination count once.
        search_seed: Of what is drawn.
        sampler: How Optuna chooses.
        pruning: Whether Optuna ends runs early whose validation loss promises nothing.
    """

    executor: Literal["processes", "inline", "ray"] = "processes"
    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    address: Annotated[str, Field(min_length=1)] = "auto"
    cpus_per_run: Annotated[float, Field(gt=0, le=1024)] = 1.0
    gpus_per_run: Annotated[float, Field(ge=0, le=64)] = 0.0
    search: Literal["grid", "random", "optuna"] = "grid"
    trials: Annotated[int, Field(ge=1, le=10_000)] = 20
    search_seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    sampler: Literal["tpe", "random", "gp", "cmaes", "qmc"] = "tpe"
    pruning: Literal["none", "median", "hyperband"] = "none"

    @model_validator(mode="after")
    def _fit_together(self) -> ExecutionSpec:
        problems = list(self._unused())
        if problems:
            raise PartErrors(problems)
        return self

    def _unused(self) -> Iterator[Problem]:
        """Yield what is asked for and would be ignored."""
        if self.executor == "inline" and self.workers is not None:
            message = "with execution=inline there are no workers."
            yield Problem(message, "workers", "Leave it out, or choose execution=processes.")
        if self.executor != "ray":
            for key in ("address", "cpus_per_run", "gpus_per_run"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    yield Problem("says something of a Ray cluster alone.", key, "Add execution=ray.")
        if self.search == "grid":
            for key in ("trials", "search_seed"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    message = "says something of a search alone; a grid has all its points."
                    yield Problem(message, key, "Add execution.search=random or execution.search=optuna.")
        if self.search != "optuna":
            for key in ("sampler", "pruning"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    yield Problem("says something of Optuna alone.", key, "Add execution.search=optuna.")
