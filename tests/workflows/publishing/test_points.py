"""What of a run's figures is sent to MLflow as points of a chart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqexp.store.find_runs import list_runs
from seqexp.workflows.publishing.project_run import _points

RECORDS = Path(__file__).parents[2] / "store" / "records"


@pytest.mark.parametrize(("series", "expected"), [(2, 2), (51, 0)])
def test_each_of_a_few_series_has_a_chart(series: int, expected: int) -> None:
    run = next(run for run in list_runs(RECORDS) if run.record.schema == 1)  # single steps lie in its record
    names = [f"shop {number} (ä)" for number in range(series)]
    steps = {f"series/{name}/mae": [1.0] for name in names}
    told = replace(run, record=replace(run.record, steps=steps, data={**run.record.data, "series": names}))
    assert sum("series/" in point.name for point in _points(told, 0)) == expected
