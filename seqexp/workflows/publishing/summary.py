"""What a table of runs has to know of a run besides its figures, as tags of the MLflow run: written here and read here.

The figures are MLflow's metrics. Params are texts, and without an order; the spec is kept as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqexp.errors import StoreError
from seqexp.store.projection import ShownRun
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import StoredRun

TAG = "seqexp.summary"
_LONGEST = 5000  # characters of a tag that every server takes
_ODD = re.compile(r"[^\w\-. :/]")  # signs that MLflow takes in no name, and a target may have
_NOT_SHOWN = ("tracking", "execution")
_DATA = ("fingerprint", "task", "targets", "windows", "bounds", "season", "folds")
_FIT = ("best_epoch", "epochs", "weights", "refit_of")
_SECONDS = "seconds/"
_OTHER_MEASURES = ("mse", "mape", "smape", "wape", "rmsse", "r2")


@lru_cache(10_000)  # those of one run are those of the next
def metric_name(name: str) -> str:
    """Return a name as MLflow takes it.

    >>> metric_name("test/target/Größe (cm)/mae")
    'test/target/Größe _cm_/mae'
    """
    return _ODD.sub("_", name)


def is_beside(name: str) -> bool:
    """Whether a baseline's figure stands among the metrics in MLflow: its MAE, RMSE, MASE and their like.

    A run has some ten baselines on two splits, and each measure of each would be a chart on its page. The others are in
    the summary, for tables that rank by them.

    >>> is_beside("baseline/drift/mae"), is_beside("val/baseline/drift/mape")
    (True, False)
    """
    return name.rpartition("/")[2] not in _OTHER_MEASURES


def summary_tags(run: StoredRun) -> dict[str, str]:
    """Return the tags that a run is read back from; a long summary goes on in the next one."""
    record = run.record
    values = {
        "schema": record.schema,
        "title": record.title,
        "attempt": record.attempt,
        "started": record.started,
        "ended": record.ended,
        "spec": {key: value for key, value in run.spec.items() if key not in _NOT_SHOWN},
        "metrics": list(record.metrics),
        "baselines": {metric_name(name): value for name, value in record.baselines.items() if not is_beside(name)},
        "fit": {key: record.fit[key] for key in _FIT if key in record.fit},
        "data": {key: record.data[key] for key in _DATA if key in record.data},
        "environment": {key: record.environment[key] for key in ("versions", "git") if key in record.environment},
        "rerun_of": record.rerun_of,
    }
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    parts = [text[first : first + _LONGEST] for first in range(0, len(text), _LONGEST)]
    return {f"{TAG}.{number}" if number else TAG: part for number, part in enumerate(parts)}


def has_summary(shown: ShownRun) -> bool:
    """Whether a run can be read back from its tags: earlier releases published none."""
    return TAG in shown.tags


def run_of_summary(shown: ShownRun) -> StoredRun:
    """Return a run as MLflow shows it. It has no directory: its record is all there is of it.

    Raises:
        StoreError: Its tags were changed.
    """
    parts = [shown.tags[TAG]]
    while (more := f"{TAG}.{len(parts)}") in shown.tags:
        parts.append(shown.tags[more])
    try:
        values = json.loads("".join(parts))
        names = {metric_name(name): name for name in values.pop("metrics")}
        timings = {name.removeprefix(_SECONDS): value for name, value in shown.metrics.items() if _SECONDS in name}
        record = RunRecord(
            name=shown.experiment,
            run_key=shown.tags["run_key"],
            metrics={recorded: shown.metrics[name] for name, recorded in names.items() if name in shown.metrics},
            baselines={name: value for name, value in shown.metrics.items() if _is_baseline(name)}
            | values.pop("baselines", {}),
            timings=timings,
            error=_error_of(shown),
            **{
                **values,
                "status": shown.status,
                "spec": {**values["spec"], "name": shown.experiment, "tracking": {}, "execution": {}},
            },
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(shown, error) from None
    return _without_folder(shown, record)


def _error_of(shown: ShownRun) -> dict[str, str]:
    if "error_reason" not in shown.tags:
        return {}
    return {"reason": shown.tags["error_reason"], "message": shown.tags.get("error", "")}


def run_of_record(shown: ShownRun, text: str) -> StoredRun:
    """Return a run by the record among its artifacts.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        values: Mapping[str, Any] = json.loads(text)
        return _without_folder(shown, RunRecord.from_values(dict(values)))
    except (ValueError, TypeError, AttributeError) as error:
        raise _unreadable(shown, error) from None


def _without_folder(shown: ShownRun, record: RunRecord) -> StoredRun:
    """Return a stored run whose path names it, and leads nowhere."""
    return StoredRun(Path(f"mlflow:{shown.run_id}") / record.folder_name, record)


def _is_baseline(name: str) -> bool:
    return name.startswith(("baseline/", "val/baseline/"))


def _unreadable(shown: ShownRun, error: Exception) -> StoreError:
    mend = "Delete it there; seqexp sync sends it anew."
    return StoreError(f"The MLflow run {shown.run_id} cannot be read back: {error}", mend=mend)
