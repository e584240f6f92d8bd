"""Share out what is logged of a run to as few calls as MLflow allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqexp.store.projection import Point
from seqexp.store.store_writer import LONGEST_PARAM

_MOST = {"params": 100, "metrics": 1000, "tags": 100}  # in one call; MLflow takes no more,
_MOST_OF_ALL = 1000  # nor more of all of them


def batches(params: Mapping[str, str], points: Sequence[Point], tags: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each call of ``log_batch``: params, then metrics, then tags."""
    from mlflow.entities import Metric, Param, RunTag

    items: list[tuple[str, Any]] = [("params", Param(key, value[:LONGEST_PARAM])) for key, value in params.items()]
    items += [("metrics", Metric(point.name, point.value, point.time, point.step)) for point in points]
    items += [("tags", RunTag(*tag)) for tag in tags.items()]
    batch: dict[str, list[Any]] = {}
    for kind, item in items:
        if len(batch.get(kind, ())) == _MOST[kind] or sum(map(len, batch.values())) == _MOST_OF_ALL:
            yield batch
            batch = {}
        batch.setdefault(kind, []).append(item)
    if batch:
        yield batch
