"""A record that came from elsewhere is looked over before it is believed: kinds of values, names, sizes.

What a record of one's own cannot hold is refused here in words; behind this, a fetched run is a run like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqexp.compose.yaml_file import read_yaml
from seqexp.errors import SeqexpError, StoreError
from seqexp.fingerprint import KEY_LENGTH
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import HISTORY, STEPS, StoredRun, read_run
from seqexp.workflows.user_code import PLUGINS

_KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # of an experiment: one folder, and none above it
_COPY = re.compile(r"[0-9a-z-]{1,100}")  # of data
_CODE = re.compile(rf"{PLUGINS}/[A-Za-z0-9_-]{{1,100}}\.py")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # what moves a terminal's cursor, or worse
_LARGEST = 1e308


def look_over(folder: Path) -> RunRecord:
    """Return the record of a folder with the files of a run, whose every part is of the kind that it should be.

    Raises:
        StoreError: It cannot be read, was written by a later version, or holds what no record holds.
    """
    stored = read_run(folder)
    record = stored.record
    if any(map(_CONTROL.search, _texts_in(record.as_values()))):
        raise _other("a text in it has control characters")
    for what, is_right in _parts(record).items():
        if not is_right:
            raise _other(f"{what} is not what it should be")
    _check_figures(stored)
    return record


def look_over_yaml(path: Path) -> None:
    """See that a file holds plain values: no tags, no aliases.

    Raises:
        StoreError: It does not.
    """
    try:
        read_yaml(path)
    except SeqexpError as error:
        raise _other(error.problems[0].message.rstrip(".")) from None


def _parts(record: RunRecord) -> dict[str, bool]:
    """Return what is looked at -> whether it is as it should be; the values themselves are not shown."""
    environment, data = record.environment, record.data
    copy = data.get("snapshot", {})
    codes = environment.get(PLUGINS) or []
    return {
        "run_key": bool(_KEY.fullmatch(record.run_key)),
        "attempt": record.attempt >= 1,
        "name": bool(_NAME.fullmatch(record.name)),
        "status": record.status in ("FINISHED", "FAILED", "KILLED"),
        "spec": all(isinstance(record.spec.get(part, {}), dict) for part in ("evaluation", "tracking")),
        "spec.name": record.spec.get("name", record.name) == record.name,
        "environment": all(_is_texts(environment.get(part, {})) for part in ("versions", "flags")),
        "environment.machine": isinstance(environment.get("machine", {}), dict),
        "environment.code": all(_is_state(environment.get(part, {})) for part in ("code", "git")),
        "environment.plugins": isinstance(codes, list) and all(map(_is_code, codes)),
        "data.columns": _is_texts(data.get("columns", {})),
        "data.snapshot": _is_texts(copy) and bool(_COPY.fullmatch(copy.get("file", "-"))),
        "data.features": all(_are_texts(data.get(part, [])) for part in ("features", "targets")),
        "data.fingerprint": isinstance(data.get("fingerprint", ""), str),
        "data.season": isinstance(data.get("season", 1), int) and isinstance(data.get("frequency") or "", str),
        "data.radius": _is_radius(data.get("radius")),
        "fit.refit_of": isinstance(record.fit.get("refit_of", ""), str),
    }


def _is_texts(values: Any) -> bool:
    return isinstance(values, Mapping) and all(isinstance(value, str) for value in values.values())


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_state(values: Any) -> bool:
    return isinstance(values, Mapping) and all(isinstance(value, (str, bool)) for value in values.values())


def _is_code(code: Any) -> bool:
    return (
        isinstance(code, Mapping)
        and isinstance(code.get("file"), str)
        and bool(_CODE.fullmatch(code["file"]))
        and isinstance(code.get("sha256"), str)
        and _are_texts(code.get("parts"))
    )


def _is_radius(values: Any) -> bool:
    """Say whether intervals may be so wide: a number for each step and target, or None where there are none."""
    return values is None or (
        isinstance(values, list) and all(isinstance(row, list) and all(map(_is_number, row)) for row in values)
    )


def _check_figures(stored: StoredRun) -> None:
    """See that single steps and history can be held against others.

    Raises:
        StoreError: They cannot.
    """
    figures = {**stored.record.metrics, **stored.record.baselines}
    if wrong := [name for name, value in figures.items() if not _is_number(value)]:
        raise _other(f"{wrong[0]} is no number")
    for name, values in stored.steps.items():
        if not isinstance(values, list) or not all(value is None or _is_number(value) for value in values):
            raise _other(f"{name} in {STEPS} is no list of numbers")
    if not all("epoch" in row for row in stored.history):
        raise _other(f"{HISTORY} has no column epoch")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def _texts_in(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield str(key)
            yield from _texts_in(value)
    elif isinstance(values, list):
        for value in values:
            yield from _texts_in(value)


def _other(reason: str) -> StoreError:
    return StoreError(f"the record that was fetched is none of seqexp's: {reason}.")
