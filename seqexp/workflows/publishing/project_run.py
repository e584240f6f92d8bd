"""What MLflow is shown of a run: params, points, tags, note and files, in plain values."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.compose.tree import leaves
from seqexp.store.projection import LoggedModel, Point, Projection
from seqexp.store.run_dir import FIGURE, FORECASTS, HISTORY, RECORD, REQUIREMENTS, SPEC, STEPS, StoredRun
from seqexp.workflows.publishing.summary import is_beside, metric_name, summary_tags
from seqexp.workflows.publishing.views import view_of_run
from seqexp.workflows.user_code import PLUGINS

_MOST_SERIES = 50  # with a chart each; steps.json has them all
_HISTORY_ONLY = {"epoch", "time"}


def workspace_tag(workspace: Path) -> str:
    """Return what tells the runs of one workspace from those of others in the same store."""
    return hashlib.sha256(str(workspace).encode()).hexdigest()[:12]


@dataclass
class Shown:
    """What MLflow shows already of a run that is not published yet: its id there, and so many of its epochs."""

    run_id: str = ""
    epochs: int = 0


def project_run(
    run: StoredRun, workspace: Path, model: LoggedModel | None, tags: dict[str, str], shown: Shown
) -> Projection:
    """Return what MLflow is to show of a run.

    Args:
        run: The run, of which the files that it has are sent.
        workspace: Where it lies.
        model: What makes its logged model, or None.
        tags: Besides those that a run has by itself.
        shown: What was shown of it while it trained.
    """
    record, spec = run.record, run.spec
    git = record.environment.get("git", {})
    extra = telling_tags(spec)
    if "task" in record.data:
        extra["task"] = record.data["task"]  # runs compare where it is the same
    if "refit_of" in record.fit:
        extra["refit_of"] = record.fit["refit_of"]
    if record.rerun_of:
        extra["rerun_of"] = record.rerun_of
    if record.error:
        extra |= {"error": record.error["message"][:4000], "error_reason": record.error["reason"]}
    if "engine" in record.fit:
        without = record.fit["engine"] == "compiled" and not record.fit["xla"]
        extra["engine"] = f"{record.fit['engine']}{' without XLA' if without else ''}"
    extra |= {f"diagnostic.{word}": sentence for word, sentence in record.diagnostics.items()}
    if git:
        extra |= {"git_commit": git["commit"], "mlflow.source.git.commit": git["commit"]}
    files = {
        RECORD: "",
        STEPS: "",
        SPEC: "",
        HISTORY: "",
        FORECASTS: "",
        REQUIREMENTS: "",
        "error.txt": "",
        FIGURE: "figures",
    }
    return Projection(
        experiment=record.name,
        run_name=f"{record.title} {record.run_key[:6]}-{record.attempt}",
        identity={
            "run_key": record.run_key,
            "attempt": str(record.attempt),
            "workspace": workspace_tag(workspace),
        },
        status=record.status,
        started=milliseconds(record.started),
        ended=milliseconds(record.ended),
        params=shown_params(spec),
        points=list(_points(run, shown.epochs)),
        tags={**tags, **extra, **summary_tags(run)},
        note=_note(run, spec),
        files={path: folder for name, folder in files.items() if (path := run.path / name).is_file()}
        | dict.fromkeys(sorted((run.path / PLUGINS).glob("*.py")), PLUGINS),
        model=model,
        run_id=shown.run_id,
        view=view_of_run(spec, tags),
    )


def shown_params(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the params of a run: every key of its spec but for where it was run and shown."""
    shown = ((key, value) for key, value in leaves(dict(spec)) if not key.startswith(("tracking", "execution")))
    return {_plain_key(key): str(value) for key, value in shown}


def telling_tags(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags by which runs are told apart in a table."""
    tags = {"topology": spec["topology"]["name"], "data": spec["data"]["name"], "mlflow.source.name": "seqexp"}
    fold = spec["evaluation"].get("backtest", {}).get("fold")
    tags |= {} if fold is None else {"fold": str(fold)}
    return {**spec["tracking"]["tags"], **tags}


def epoch_points(rows: Iterable[Mapping[str, float]]) -> Iterator[Point]:
    """Yield what is known of epochs, each at its own time; a value that is no number is left out."""
    for row in rows:
        for name, value in row.items():
            if name not in _HISTORY_ONLY and math.isfinite(value):
                yield Point(name, value, int(row["epoch"]), milliseconds(row["time"]))


def _points(run: StoredRun, shown_epochs: int) -> Iterator[Point]:
    yield from epoch_points(row for row in run.history if row["epoch"] > shown_epochs)
    ended = milliseconds(run.record.ended)
    beside = {name: value for name, value in run.record.baselines.items() if is_beside(name)}
    for name, value in {**run.record.metrics, **beside}.items():
        yield Point(metric_name(name), value, 0, ended)
    crowded = "series/" if len(run.record.data.get("series", [])) > _MOST_SERIES else "\0"
    for name, values in run.steps.items():
        if crowded in name or not name.endswith(("/mae", "/accuracy")) or name.startswith("val/step/baseline"):
            continue  # a point costs MLflow 0.2 ms, and there are many steps and baselines: steps.json has them all
        for step, known in enumerate(values, start=1):
            if known is not None:
                yield Point(metric_name(name), known, step, ended)
    for stage, seconds in run.record.timings.items():
        yield Point(f"seconds/{stage}", seconds, 0, ended)


def _note(run: StoredRun, spec: dict[str, Any]) -> str:
    """Return the note of a run: what it is, what came out, and how to get it again."""
    record = run.record
    lines = [f"**{record.title}** on `{spec['data']['name']}`, {record.status}", ""]
    if record.error:
        lines += [f"{record.error['reason']}: {record.error['message']}", ""]
    if record.metrics:
        rows = {
            "model": {
                name.partition("/")[2]: value for name, value in record.metrics.items() if name.startswith("test/")
            }
        }
        for name, value in record.baselines.items():
            if name.startswith("baseline/"):
                _, baseline, metric = name.split("/", 2)
                rows.setdefault(baseline, {})[metric] = value
        names = [name for name in ("mae", "rmse", "mase", "skill") if any(name in row for row in rows.values())]
        lines += ["| test | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
        for row, values in rows.items():
            cells = (f"{values[name]:.5g}" if name in values else "" for name in names)
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {word.replace('_', ' ')}: {sentence}" for word, sentence in record.diagnostics.items())]
    lines += ["", f"Run directory: `runs/{record.name}/{record.folder_name}`"]
    return "\n".join(lines)


def _plain_key(key: str) -> str:
    return key.replace("[", ".").replace("]", "")


def milliseconds(seconds: float) -> int:
    """Return a time as MLflow counts it."""
    return int(seconds * 1000)
