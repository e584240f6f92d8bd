"""Run directories: the truth about what was run.

``runs/<name>/<run_key>-<attempt>/`` appears complete or not at all: it is written beside its place under a name that
begins with a dot, listed in a manifest with the sha256 of every file, and renamed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import yaml
from pydantic_core import from_json

from seqexp.errors import StoreError
from seqexp.fingerprint import hash_file
from seqexp.store.attempts import next_attempt
from seqexp.store.record import SCHEMA, RunRecord, current_spec, current_steps

RECORD, STEPS, SPEC, HISTORY, FORECASTS, MODEL, MANIFEST = (
    "record.json",
    "steps.json",
    "spec.yaml",
    "history.csv",
    "forecasts.npz",
    "model.keras",
    "manifest.json",
)
FIGURE = "figures/forecast.png"
REQUIREMENTS = "requirements.txt"  # the packages of the process that computed it; absent in older runs
PRUNED = "pruned.json"  # what was taken out of the run since, to save room; in the manifest
PUBLISHED = "mlflow.json"  # which MLflow run shows this one; outside the manifest, for it changes afterwards


@dataclass(frozen=True)
class StoredRun:
    """A run directory that was read.

    Attributes:
        path: Where it is.
        record: What was noted about the run.
        called: The word for this attempt where it is to stand beside others at the same run; empty for one that may
            stand for all of them.
    """

    path: Path
    record: RunRecord
    called: str = ""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The resolved config, as a plain tree."""
        if self.record.spec:
            return current_spec(self.record.spec, self.record.schema)
        with self._reading(SPEC) as path:
            tree: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
            if not isinstance(tree, dict):
                raise ValueError("it holds no keys and values")
            return current_spec(tree, self.record.schema)

    @property
    def steps(self) -> dict[str, list[float | None]]:
        """``step/mae``, ``val/step/mae`` ...: one value for each step of the horizon, None where not defined.

        Of several series also ``series/<name>/mae`` and its like, one value each.
        """
        if self.record.steps or not (self.path / STEPS).exists():  # in a record of schema 1, or a run without a result
            return self.record.steps
        with self._reading(STEPS) as path:
            return current_steps(dict(json.loads(path.read_text("utf-8"))), self.record.data.get("series", []))

    @property
    def history(self) -> list[dict[str, float]]:
        """One row for each epoch."""
        with self._reading(HISTORY) as path, path.open(newline="") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    @property
    def forecasts(self) -> dict[str, Any]:
        """The arrays of the test forecasts: ``target_start`` (W), ``true`` and ``forecast`` (W, N, K), the baselines.

        ``target_start`` is the first target step of each window, counted from 0 in the series as it is read: after
        ``data.rows`` has cut, several series end to end. ``time`` (W, N) where there are stamps; the same of
        validation, without baselines, under ``val_...``. Older runs have those of test alone.
        """
        with self._reading(FORECASTS) as path, np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    @contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        try:
            yield self.path / name
        except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError, BadZipFile) as error:
            if name in taken_out(self.path):
                raise missing_for(self.path, name) from None
            mend = "The run is damaged, or did not finish; run it again with --force."
            raise StoreError(f"{name} of the run {self.path.name} cannot be read: {error}", mend=mend) from None


def spec_file(tree: Mapping[str, Any]) -> bytes:
    """Return the content of :data:`SPEC`: the resolved config."""
    return yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True).encode()


def steps_file(steps: Mapping[str, Sequence[float | None]]) -> bytes:
    """Return the content of :data:`STEPS`: they are most of the figures, and a table of runs needs none of them."""
    return json.dumps(dict(steps), allow_nan=False).encode()


def history_file(rows: Sequence[Mapping[str, float]]) -> bytes:
    """Return the content of :data:`HISTORY`: one line for each epoch."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["epoch"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def forecasts_file(arrays: Mapping[str, Any]) -> bytes:
    """Return the content of :data:`FORECASTS`: arrays, compressed."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def write_run(runs: Path, record: RunRecord, files: Mapping[str, bytes]) -> StoredRun:
    """Write a run directory: beside its place, with the record and the manifest, and renamed into it when complete.

    Args:
        runs: The folder of run directories.
        record: Its attempt is given here: the next that is free.
        files: Name in the directory -> content.

    Raises:
        OSError: There is no room, or the folder cannot be written to; nothing is left behind.
    """
    home = runs / record.name
    unfinished = home / f".{record.run_key}-{os.getpid()}"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        for name, content in files.items():
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / name).write_bytes(content)
        return _into_place(unfinished, home, record)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _into_place(unfinished: Path, home: Path, record: RunRecord) -> StoredRun:
    names = sorted(path.relative_to(unfinished).as_posix() for path in unfinished.rglob("*") if path.is_file())
    sums = {name: hash_file(unfinished / name) for name in names}
    while True:
        record = replace(record, attempt=next_attempt(home, record.run_key))
        write_json(unfinished / RECORD, record.as_values())
        write_json(unfinished / MANIFEST, {**sums, RECORD: hash_file(unfinished / RECORD)})
        place = home / record.folder_name
        try:
            unfinished.rename(place)
        except OSError:
            if not place.exists():
                raise
            continue  # another process took the number meanwhile
        return StoredRun(place, record)


def read_run(folder: Path) -> StoredRun:
    """Read the record of a run directory.

    Raises:
        StoreError: It is missing, damaged, or written by a later version.
    """
    try:
        values = from_json((folder / RECORD).read_bytes())  # thousands at a time: json takes 2.6 times as long
        if values.get("schema", 0) > SCHEMA:
            raise StoreError(f"{folder} was written by a later version of seqexp.", mend="Update seqexp.")
        return StoredRun(folder.absolute(), RunRecord.from_values(values))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"The record of {folder} cannot be read: {error}") from None


def taken_out(folder: Path) -> dict[str, str]:
    """Return the files that were taken out of a run to save room, and what wanted it so."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        noted = json.loads((folder / PRUNED).read_text("utf-8"))
        return {str(name): str(noted.get("why", {}).get(name, "seqexp prune")) for name in noted["removed"]}
    return {}


def missing_for(folder: Path, name: str) -> StoreError:
    """Return the error of a file that was taken out of a run."""
    why = taken_out(folder)[name]
    message = f"The run {folder.name} has no {name}: it was taken out to save room ({why})."
    return StoreError(message, mend=f"seqexp rerun {folder.name} makes it again.")


def listed_files(folder: Path) -> list[str]:
    """Return the files that a run's manifest lists.

    Raises:
        StoreError: The manifest is missing or damaged.
    """
    try:
        return [str(name) for name in json.loads((folder / MANIFEST).read_text("utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"The manifest of {folder} cannot be read: {error}") from None


def damaged_files(folder: Path) -> list[str]:
    """Return the files of a run that are missing or differ from its manifest; one without a manifest is damaged."""
    try:
        sums = json.loads((folder / MANIFEST).read_text("utf-8"))
        known = {str(name): str(value) for name, value in sums.items()}
    except (OSError, ValueError, AttributeError):
        return [MANIFEST]
    return [name for name, value in known.items() if not (folder / name).is_file() or hash_file(folder / name) != value]


def published_as(folder: Path) -> dict[str, str]:
    """Return tracking URI -> MLflow run id of a run."""
    with suppress(OSError, ValueError, AttributeError):
        ids = json.loads((folder / PUBLISHED).read_text("utf-8"))
        return {str(uri): str(run_id) for uri, run_id in ids.items()}
    return {}


def note_published(folder: Path, uri: str, run_id: str) -> None:
    """Note which MLflow run shows a run."""
    write_json(folder / PUBLISHED, {**published_as(folder), uri: run_id})


def write_json(path: Path, values: Any) -> None:
    """Write a file of a run directory: the whole of it, or nothing."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(values, indent=1, allow_nan=False), "utf-8")
    new.replace(path)
