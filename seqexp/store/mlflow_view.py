"""The view of an experiment's runs that the MLflow UI opens with: columns, order and charts, kept as one of its tags.

A tag ``mlflow.sharedViewState.<id>`` of an experiment holds a view, and ``viewStateShareKey=<id>`` in the address of
its page opens it. What the value is, was read from the scripts of MLflow 3.13.0, 3.15.0, 3.16.0 and 3.17.2
(``mlflow/server/js/build/static/js``), and seen in the pages of the first and the last:

* 3.15 to 3.17 read ``{"name", "createdAt", "updatedAt", "state"}`` (texts, milliseconds since 1970), where ``state`` is
  the JSON of the view, as it is or as ``deflate;`` and the base64 of its zlib; such a view stands by its name in the
  page's list of views. What is not of this form is read as the JSON of the view itself, and not listed.
* 3.13 knows this second form alone.

Both take what they know from an object and leave the rest: so one that is both at once opens in all of them. A tag of
an experiment takes 5,000 characters up to 3.16, and 20,000 since.

A view holds ``orderByKey`` and ``orderByAsc`` (and ``searchFilter``, ``startTime``, ``lifecycleFilter``,
``datasetsFilter``, ``modelVersionFilter``: the page's own where they are left out), ``selectedColumns``,
``columnOrder`` and ``columnWidths`` (these two from 3.15 on), ``runsHiddenMode`` (how many runs the charts draw),
``compareRunCharts`` and ``compareRunSections`` (the page adds charts of all other metrics below),
``isAccordionReordered`` (false: the sections are put into the order of their names), and the rest of
``_AS_THE_PAGE_HAS_IT``, which 3.13 needs whole. Runs are nested under their parent only as long as they are in the
order of their creation: in any other, all stand in one list. A column or a chart of what no run has is not shown.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from seqexp.fingerprint import short_key
from seqexp.spec.settings import DEFAULT_SELECT

OURS = "seqexp-"  # how the ids of our views begin; those that people save have 32 hexadecimal digits
COLUMNS = ("selectedColumns", "columnOrder")
_MOST_DRAWN = 20  # runs in a chart
_WIDE = 170  # pixels: the longest name of a topology
_GROUPS = ("topology", "data", "optimizer")  # whose choice is the param `<group>.name`
_AS_THE_PAGE_HAS_IT: dict[str, Any] = {
    "runsExpanded": {},
    "runsPinned": [],
    "runsHidden": [],
    "runsVisibilityMap": {},
    "viewMaximized": False,
    "runListHidden": False,
    "groupBy": None,
    "groupsExpanded": {},
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "autoRefreshEnabled": True,
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}


@dataclass(frozen=True)
class RunsView:
    """One view of runs: in the order of a figure of validation, with what was varied beside the figures.

    Attributes:
        select: The figure of validation, the lowest first.
        axes: What was swept.
    """

    select: str = DEFAULT_SELECT
    axes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What names it in an address; a view of another content has another one."""
        return OURS + short_key(self.state())

    def state(self) -> dict[str, Any]:
        """Return what the page reads."""
        columns = _columns(self.select, self.axes)
        return {
            **_AS_THE_PAGE_HAS_IT,
            "orderByKey": _column("metrics", self.select),
            "orderByAsc": True,
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": {_column("params", "topology.name"): _WIDE},
            "runsHiddenMode": f"FIRST_{_MOST_DRAWN}_RUNS",
            "compareRunCharts": [
                _chart("BAR", self.select),
                _chart("LINE", "train/loss"),
                _chart("LINE", "val/loss"),
                _chart("LINE", "val/step/mae"),
            ],
            "compareRunSections": [{"uuid": "seqexp", "name": "seqexp", "display": True, "isReordered": True}],
            "isAccordionReordered": True,
        }

    def tag_value(self, now: int) -> str:
        """Return the tag's value; ``now`` in milliseconds since 1970."""
        state = self.state()
        text = json.dumps(state, separators=(",", ":"))
        packed = f"deflate;{b64encode(zlib.compress(text.encode(), 9)).decode()}"
        name = f"seqexp: by {self.select}" + (f", of {', '.join(self.axes)}" if self.axes else "")
        envelope = {"name": name, "createdAt": now, "updatedAt": now, "state": packed}
        return json.dumps({**envelope, **state}, separators=(",", ":"))


def _columns(select: str, axes: tuple[str, ...]) -> list[str]:
    """Return the columns: what the order is by, what was varied, all other figures, what is the same."""
    varied = ("topology.name", *(f"{axis}.name" if axis in _GROUPS else axis for axis in axes))
    validation = ("val/mae", "val/accuracy", "val/skill")
    test = (f"test/{select.partition('/')[2]}", "test/mae", "test/accuracy", "test/skill")
    columns = [_column("metrics", select)]
    columns += [_column("params", name) for name in varied]
    columns += [_column("metrics", name) for name in validation + test]
    columns += [_column("params", name) for name in ("timesteps", "output_length", "seed", "data.name")]
    return list(dict.fromkeys(columns))


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _chart(kind: str, metric: str) -> dict[str, Any]:
    chart = {
        "uuid": f"seqexp-{metric}",
        "type": kind,
        "metricSectionId": "seqexp",
        "metricKey": metric,
        "displayName": metric,
        "runsCountToCompare": _MOST_DRAWN,
        "deleted": False,
        "isGenerated": False,
    }
    if kind == "LINE":  # smooth where the page's own setting says so
        chart |= {"lineSmoothness": 0, "useGlobalLineSmoothing": True, "xAxisKey": "step", "useGlobalXaxisKey": True}
    return chart
