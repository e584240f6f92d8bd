"""The state of a training on disk, from which a run that was stopped goes on to the very end it would have come to.

One file, an NPZ without pickle, holds all of it: the variables of model and optimizer (weights, moments, the number of
steps, the seeds of dropout), the best weights so far, what the watch knows, and the epochs that are over. The order of
windows is drawn from seed and epoch, and needs no state. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.training.arrays import Array

FORMAT = 1


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds besides the variables.

    Attributes:
        best: The best weights so far, or None.
        watch: What the watch knows.
        epochs: One mapping for each epoch that is over.
    """

    best: list[Array] | None
    watch: dict[str, Any]
    epochs: list[dict[str, Any]]


class Checkpoint:
    """The checkpoint of one training, written beside its place and renamed, so that it is whole or not there.

    Attributes:
        resumed_at: The epoch after which the training went on; 0 where it began anew.
        notice: What a person is to be told: that it goes on, or why the checkpoint that is there is not used.
        trouble: The same for the record, where something was not as it should be; else empty.
    """

    def __init__(self, path: Path, *, every: int, last: int, made_by: Mapping[str, str], request: str = "") -> None:
        """Touch nothing yet.

        Args:
            path: The file.
            every: Epochs between two checkpoints.
            last: The number of the last epoch, after which there is one in any case.
            made_by: What must be alike for the numbers to be: the run key, the data, versions, the processor.
            request: Where it is given, only a checkpoint with the same is used: nothing from before ``--force``.
        """
        self._path, self._every, self._last = path, every, last
        self._made_by, self._request = dict(made_by), request
        self._arrays: list[Any] = []
        self._best: list[Any] = []
        self._lines: list[str] = []
        self._is_given_up = False
        self.resumed_at = 0
        self.notice = self.trouble = ""

    def load(self, variables: Sequence[Any], kept: Sequence[Any], *, devices: str) -> Saved | None:
        """Give variables their values of the last checkpoint, if there is one that fits.

        Args:
            variables: Those of model and optimizer.
            kept: Those of which the best values are kept.
            devices: What is computed on, which must be alike too.

        Returns:
            What else it holds; None where the training begins anew.
        """
        self._made_by["devices"] = devices
        self._arrays, self._best = _described(variables), _described(kept)
        try:
            header, values, best, lines = _read(self._path)
            if self._request and header["request"] != self._request:
                return None
            reason = self._misfit(header)
            if not reason:
                arrays = _parted(values, self._arrays)
                saved = Saved(_parted(best, self._best) if len(best) else None, header["watch"], _rows(lines))
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever a flipped bit leads to
            reason = f"it is damaged ({str(error) or type(error).__name__})"
        if reason:
            self.trouble = f"the checkpoint in {self._path} was not used: {reason}"
            self.notice = f"starts from the beginning: {self.trouble}"
            return None
        for variable, value in zip(variables, arrays, strict=True):
            variable.assign(value)
        self._lines, self.resumed_at = lines, len(lines)
        self.notice = f"goes on after epoch {self.resumed_at}, from its checkpoint"
        return saved

    def note(self, epoch: Mapping[str, Any]) -> None:
        """Keep an epoch that is over; each is written as text once, for there may be many."""
        self._lines.append(json.dumps(dict(epoch)))

    def is_due(self, *, is_over: bool) -> bool:
        """Whether the state is to be written after the epoch that was noted last."""
        epoch = len(self._lines)
        return not self._is_given_up and (is_over or epoch == self._last or epoch % self._every == 0)

    def save(self, values: Sequence[Array], best: Sequence[Array] | None, watch: Mapping[str, Any]) -> None:
        """Write the state; where that cannot be done, the training goes on without checkpoints.

        Args:
            values: Those of the variables that were loaded, in their order.
            best: The same of the kept ones at their best, or None.
            watch: What the watch knows.
        """
        header = {
            "format": FORMAT,
            "made_by": self._made_by,
            "request": self._request,
            "arrays": self._arrays,
            "best": self._best,
            "watch": dict(watch),
        }
        content = io.BytesIO()
        np.savez(
            content,
            allow_pickle=False,
            header=_bytes(json.dumps(header).encode()),
            values=_joined(values),
            best=_joined(best or ()),
            epochs=_bytes("\n".join(self._lines).encode()),
        )
        new = unfinished(self._path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(content.getbuffer())
            new.replace(self._path)
        except OSError as error:
            self._is_given_up = True
            self.trouble = (
                f"none was written from epoch {len(self._lines)} on: {error.strerror or error} ({new.parent})"
            )
            with suppress(OSError):
                new.unlink()

    def described(self) -> dict[str, Any]:
        """Return what the record says of it."""
        resumed = {"resumed_at": self.resumed_at} if self.resumed_at else {}
        return {**resumed, **({"checkpoint": self.trouble} if self.trouble else {})}

    def _misfit(self, header: Mapping[str, Any]) -> str:
        """Return why a checkpoint is not this training's; empty if it is."""
        if header["format"] != FORMAT:
            return f"it has the format {header['format']}, and this release reads {FORMAT}"
        made_by = header["made_by"]
        for name in {**made_by, **self._made_by}:
            there, here = made_by.get(name, "missing"), self._made_by.get(name, "missing")
            if there != here:
                return f"it was made with {name} {there}, and here it is {here}"
        if [header["arrays"], header["best"]] != [self._arrays, self._best]:
            return "its arrays are not those of this model and optimizer"
        return ""


def unfinished(path: Path) -> Path:
    """Return where a checkpoint lies while it is written."""
    return path.with_name(f".{path.name}.new")


def _read(path: Path) -> tuple[dict[str, Any], Array, Array, list[str]]:
    """Return header, values, best values and the lines of the epochs; the sums in the file are checked on the way."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        header = json.loads(file["header"].tobytes())
        lines = file["epochs"].tobytes().decode().split("\n")
        return header, file["values"], file["best"], lines


def _rows(lines: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def _described(variables: Sequence[Any]) -> list[Any]:
    """Return name, shape and type of variables, as JSON gives them back."""
    return [[variable.path, list(variable.shape), str(np.dtype(variable.dtype))] for variable in variables]


def _joined(values: Sequence[Array]) -> Array:
    """Return the bytes of arrays, one after another: one array is written faster than dozens."""
    return _bytes(b"".join(np.ascontiguousarray(value).tobytes() for value in values))


def _bytes(content: bytes) -> Array:
    return np.frombuffer(content, np.uint8)


def _parted(content: Array, described: Sequence[Any]) -> list[Array]:
    """Part bytes into arrays again.

    Raises:
        ValueError: There are more or fewer.
    """
    raw, first, values = content.tobytes(), 0, []
    for _, shape, kind in described:
        size = int(np.prod(shape, dtype=np.int64))
        values.append(np.frombuffer(raw, kind, size, first).reshape(shape))
        first += size * np.dtype(kind).itemsize
    if first != len(raw):
        raise ValueError(f"{len(raw)} bytes, expected {first}")
    return values
