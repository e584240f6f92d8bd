"""What sets runs apart from their neighbours in a table, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from seqexp.compose.tree import leaves
from seqexp.spec.settings import FOLD
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.pooling import backtest_of
from seqexp.workflows.reading.where import as_written

_MOST_WORDS = 4  # beside a title
_ITEM = re.compile(r"(.+)\[\d+\]")
UNTOLD = (  # keys by which no row is told: without effect, derived, or in every label already
    "tracking",
    "execution",
    "evaluation.select",
    "topology.contract",
    "topology.layers",
    "data.n_",
    "timesteps",
    "output_length",
    "name",
)


def labels_of(members: Sequence[StoredRun], untold: tuple[str, ...]) -> list[str]:
    """Name each run by its topology and input length, and by whatever else differs inside the block.

    An attempt that stands beside others at its run is called what it was asked for by.
    """
    flat = [with_lists(leaves(run.spec)) for run in members]
    untold += () if any(map(backtest_of, members)) else ("evaluation.mode", "evaluation.backtest.")
    keys = dict.fromkeys(key for values in flat for key in values if not key.startswith(untold) and key != FOLD)
    varied = [key for key in keys if len({str(values.get(key)) for values in flat}) > 1]
    told = [key for key in varied if not key.startswith("topology.name") and any(key in values for values in flat)]
    named = [f"{values['topology.name']} {values['timesteps']}->{values['output_length']}" for values in flat]
    several: dict[str, set[str]] = {}
    for name, values in zip(named, flat, strict=True):
        several.setdefault(name, set()).add(str({key: values.get(key) for key in told}))
    labels = [
        " ".join([name, *(f"{key.split('.')[-1]}={_told(values[key])}" for key in told if key in values)])
        if len(several[name]) > 1
        else name
        for name, values in zip(named, flat, strict=True)
    ]
    labels = [f"{label} {run.called}".rstrip() for label, run in zip(labels, members, strict=True)]
    counts = Counter(labels)
    return [
        label if counts[label] == 1 else f"{label} {_layers(run)}" for label, run in zip(labels, members, strict=True)
    ]


def what_differs(runs: Sequence[StoredRun]) -> list[str]:
    """Return for each run in what it differs from those of the same title, in a few words; nothing where in nothing."""
    alike: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        alike.setdefault(run.record.title, []).append(place)
    words = [""] * len(runs)
    for places in alike.values():
        members = [runs[place] for place in places]
        flat = [with_lists(leaves(run.spec)) for run in members]
        keys = dict.fromkeys(key for values in flat for key in values if not key.startswith((*UNTOLD, "seed")))
        varied = [key for key in keys if len({str(values.get(key)) for values in flat}) > 1]
        # Of another data set or optimizer the name says enough.
        named = tuple(key.removesuffix("name") for key in varied if key.endswith(".name"))
        varied = [key for key in varied if not key.startswith(named) or f"{key.split('.')[0]}.name" == key]
        layers = [_layers(run) for run in members]
        for place, values, kinds in zip(places, flat, layers, strict=True):
            unused = () if backtest_of(runs[place]) else "evaluation.backtest."
            keys_told = [key for key in varied if key in values and not key.startswith(unused)]
            told = [f"{_word_of(key)}={_told(values[key])}" for key in keys_told]
            told += [kinds] if len(set(layers)) > 1 else []
            words[place] = " ".join(told[:_MOST_WORDS]) + (" ..." if len(told) > _MOST_WORDS else "")
    return words


def with_lists(flat: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Put the items of each list of values under one key again: ``quantiles[0]`` and its like are one thing.

    >>> with_lists([("seed", 0), ("topology.quantiles[0]", 0.1), ("topology.quantiles[1]", 0.9)])
    {'seed': 0, 'topology.quantiles': [0.1, 0.9]}
    """
    found: dict[str, Any] = {}
    for key, value in flat:
        if item := _ITEM.fullmatch(key):
            found.setdefault(item[1], []).append(value)
        else:
            found[key] = value
    return found


def _word_of(key: str) -> str:
    """Return the last word of a key; of a name, what it names: ``data`` of ``data.name``."""
    return key.removesuffix(".name").split(".")[-1]


def _told(value: Any) -> str:
    return f"[{','.join(map(as_written, value))}]" if isinstance(value, list) else as_written(value)


def _layers(run: StoredRun) -> str:
    """Name the layers of a topology, each kind once: what sets runs apart that are alike in all else."""
    layers = run.spec["topology"]["layers"]  # one without arguments is its name alone
    return "-".join(dict.fromkeys(layer if isinstance(layer, str) else next(iter(layer)) for layer in layers))
