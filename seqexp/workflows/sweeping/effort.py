"""How much work a run will be beside others: a guess from its spec, so that the longest of a sweep begin first."""

from __future__ import annotations

from seqexp.errors import ConfigError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.weights import follow_layers

_SMALL_LSTM = 4_000  # weights, with 32 units


def guess_effort(spec: ExperimentSpec) -> float:
    """Return the epochs times the products of a window's pass: each weight, at each step that its layer reads.

    Layers whose weights cannot be counted are taken for a small LSTM.
    """
    shape = spec.timesteps, spec.data.n_features
    try:
        followed = follow_layers(spec.topology.layers, shape)
    except ConfigError:
        return float(spec.training.epochs * _SMALL_LSTM * (spec.timesteps + spec.output_length))
    shapes = [shape, *(given for _, given in followed)]
    pairs = zip(followed, shapes, strict=False)  # each layer beside what it reads, not what it gives
    products = sum(weights * (read[0] if len(read) > 1 else 1) for (weights, _), read in pairs)
    return float(spec.training.epochs * max(products, 1))
