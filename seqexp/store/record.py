"""What a run left behind, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Status = Literal["FINISHED", "FAILED", "KILLED"]
# 2: the spec is in the record, single steps in a file of their own; 3: evaluation.origins in the spec; 4: fingerprints
# of columns and weights, flags, seqexp's own code and what the run is a rerun of.
SCHEMA = 4
_UNNAMED = ("series/mae", "series/rmse")  # one value for each series, in their order, as earlier releases wrote them


@dataclass(frozen=True)
class RunRecord:
    """One attempt of one run.

    Attributes:
        name: The experiment it belongs to.
        run_key: The fingerprint of what affects the result.
        attempt: Counted from 1.
        status: How it ended; the words are MLflow's.
        started: In seconds since 1970.
        ended: In seconds since 1970.
        title: The topology, lengths and seed, for people.
        spec: The resolved config; empty in a record of schema 1.
        error: ``{"reason", "message"}`` of a run that did not finish, else empty.
        metrics: ``val/mae``, ``test/mae`` ...; in source units.
        baselines: ``baseline/persistence/mae`` (test), ``val/baseline/...``.
        steps: ``step/mae`` ...: one value for each step of the horizon; empty but in a record of schema 1.
        diagnostics: Word -> sentence: what is worth a look in the run.
        fit: Best epoch, epochs run, whether it stopped early, number of weights, threads, and hashes of the weights
            before and after.
        data: Fingerprints of all and of each column, whether a copy was kept, rows, windows and bounds of the splits,
            scaler values, season, first and last stamps.
        timings: Stage -> seconds.
        environment: Versions, machine, flags, git commit of the working directory, seqexp's own code.
        rerun_of: ``<run key>-<attempt>`` of the run that this one repeats, the MLflow run id of one that MLflow alone
            shows; empty where it repeats none.
    """

    name: str
    run_key: str
    attempt: int
    status: Status
    started: float
    ended: float
    title: str
    spec: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    baselines: dict[str, float] = field(default_factory=dict)
    steps: dict[str, list[float | None]] = field(default_factory=dict)
    diagnostics: dict[str, str] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    rerun_of: str = ""
    schema: int = SCHEMA

    @property
    def folder_name(self) -> str:
        """The name of its directory."""
        return f"{self.run_key}-{self.attempt}"

    @property
    def standing(self) -> tuple[bool, int, int]:
        """How an attempt stands among those at its run: a bare run key means the one that stands highest.

        That is the last finished one that was not made to check another of them: what a rerun found does not take the
        place of what it is held against. ``--force`` does, and so does any attempt where nothing else finished. A rerun
        of what MLflow alone shows is the first of its key here, and a check where there are others.
        """
        repeated = self.rerun_of.rpartition("-")[0]
        own = 0 if repeated == self.run_key else 1 if self.rerun_of and not repeated else 2
        return self.status == "FINISHED", own, self.attempt

    def as_values(self) -> dict[str, Any]:
        """Return the record as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> RunRecord:
        """Make a record of what JSON gave.

        Raises:
            TypeError: A value is missing, unknown, or of another kind than a record's.
        """
        record = cls(**values)
        for item in fields(record):
            value, kind = getattr(record, item.name), _KINDS[str(item.type)]
            wrong = [value] if not isinstance(value, kind) else []
            if str(item.type) == "dict[str, float]" and not wrong:
                wrong = [number for number in value.values() if not isinstance(number, (int, float))]
            if wrong:
                raise TypeError(f"{item.name} cannot be {wrong[0]!r}")
        return record


def current_spec(tree: dict[str, Any], schema: int) -> dict[str, Any]:
    """Return the spec of a record as this release states it."""
    evaluation = dict(tree.get("evaluation", {}))
    if schema < 3 and "stride" in evaluation:
        evaluation["origins"] = {"every": evaluation.pop("stride"), "at": None}
        return {**tree, "evaluation": evaluation}
    return tree


def current_steps(steps: dict[str, list[float | None]], series: Sequence[str]) -> dict[str, list[float | None]]:
    """Return the figures of each step as this release states them: those of each series under its name.

    >>> current_steps({"step/mae": [1.0, 2.0], "series/mae": [1.0, 3.0]}, ["north", "south"])
    {'step/mae': [1.0, 2.0], 'series/north/mae': [1.0], 'series/south/mae': [3.0]}
    """
    told: dict[str, list[float | None]] = {}
    for name, values in steps.items():
        if name.removeprefix("val/") in _UNNAMED and len(values) == len(series):
            before, _, metric = name.rpartition("/")
            told |= {f"{before}/{one}/{metric}": [value] for one, value in zip(series, values, strict=True)}
        else:
            told[name] = values
    return told


#: What JSON gives for each kind of field.
_KINDS: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "Status": str,
    "int": int,
    "float": (int, float),
    "dict[str, str]": dict,
    "dict[str, float]": dict,
    "dict[str, list[float | None]]": dict,
    "dict[str, Any]": dict,
}
