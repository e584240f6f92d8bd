"""Declarative experiments for sequence models.

>>> import seqexp
>>> run = seqexp.run(["topology=vector_output", "training.epochs=5"])   # doctest: +SKIP
>>> run.metrics["test/mae"], run.baselines["baseline/persistence/mae"]  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqexp.errors import SeqexpError
    from seqexp.spec.own_code import baseline, function, layer, loss, metric, scaler, source
    from seqexp.workflows.python_api import Rerun, Sweep, load, rerun, run, sweep
    from seqexp.workflows.using.load import Run

__all__ = [
    "Rerun",
    "Run",
    "SeqexpError",
    "Sweep",
    "baseline",
    "function",
    "layer",
    "load",
    "loss",
    "metric",
    "rerun",
    "run",
    "scaler",
    "source",
    "sweep",
]

_DECORATORS = ("baseline", "function", "layer", "loss", "metric", "scaler", "source")

_HOMES = {
    "Rerun": "seqexp.workflows.python_api",
    "Run": "seqexp.workflows.using.load",
    "SeqexpError": "seqexp.errors",
    "Sweep": "seqexp.workflows.python_api",
    "load": "seqexp.workflows.python_api",
    "rerun": "seqexp.workflows.python_api",
    "run": "seqexp.workflows.python_api",
    "sweep": "seqexp.workflows.python_api",
    **dict.fromkeys(_DECORATORS, "seqexp.spec.own_code"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import seqexp`` itself costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("seqexp")
    if name not in _HOMES:
        raise AttributeError(f"module 'seqexp' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
