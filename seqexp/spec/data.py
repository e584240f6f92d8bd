"""Where the series comes from, what of it is read, and how it is cut into splits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Count, Frozen, Many
from seqexp.spec.parts import PartErrors, shown, split_part


class SineSource(Frozen):
    """A generated series: two sines, a trend and noise, always the same for the same arguments."""

    length: Annotated[int, Field(ge=10, le=1_000_000)] = 1_200
    period: Annotated[int, Field(ge=2)] = 24
    noise: Annotated[float, Field(ge=0)] = 0.1
    trend: float = 0.0
    seed: Annotated[int, Field(ge=0)] = 0


class TableSource(Frozen):
    """A CSV or Parquet file, by ``data.path``."""


class DatasetSource(Frozen):
    """A file that ships with seqexp."""

    file: Literal["household_power_daily.csv", "co2_weekly.csv"]


SOURCES: dict[str, type[Frozen]] = {"table": TableSource, "dataset": DatasetSource, "sine": SineSource}
Source = SineSource | TableSource | DatasetSource


def _read_source(value: Any) -> Any:
    if isinstance(value, Frozen):
        return value
    found = split_part(value)
    if found is None:
        raise PartErrors([Problem(f"expected a source or {{source: {{arguments}}}}, got {shown(value)}.")])
    name, args = found
    if name not in SOURCES:
        raise PartErrors([Problem(f"there is no source {name!r}.", mend=suggest(name, SOURCES))])
    return SOURCES[name].model_validate(args)


def source_name(source: Frozen) -> str:
    """Return the word that stands for a source in YAML."""
    return next(name for name, kind in SOURCES.items() if type(source) is kind)


def _write_source(source: Frozen) -> Any:
    args = source.model_dump()
    return {source_name(source): args} if args else source_name(source)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ReadSpec(Frozen):
    """How a CSV file is written, in pandas' words."""

    sep: Annotated[str, Field(min_length=1, max_length=8)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str = "utf-8"
    date_format: str | None = None
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None


Share = Annotated[float, Field(gt=0, lt=1)] | Annotated[int, Field(ge=0)] | str


class SplitSpec(Frozen):
    """Three stretches of time, one after the other: shares of the rows, numbers of rows, or last dates (inclusive)."""

    train: Share
    validation: Share
    test: Share

    @model_validator(mode="after")
    def _agree(self) -> SplitSpec:
        shares = {"train": self.train, "validation": self.validation, "test": self.test}
        for name in ("train", "test"):
            if shares[name] == 0:
                raise PartErrors([Problem("0 leaves no rows.", name, mend="Only validation may be 0.")])
        kinds = {type(share) for share in shares.values() if share != 0}
        if len(kinds) > 1:
            words = ", ".join(f"{name}: {share}" for name, share in shares.items())
            mend = "Give all three as shares (0.7), as numbers of rows (700) or as last dates (2009-12-31)."
            raise PartErrors([Problem(f"the three splits are written in different ways ({words}).", mend=mend)])
        numbers = [share for share in shares.values() if isinstance(share, float)]
        if sum(numbers) > 1 + 1e-9:
            raise PartErrors([Problem(f"the shares add up to {sum(numbers):g}, more than 1.")])
        for name, share in shares.items():
            if isinstance(share, str):
                _check_date(name, share)
        return self


def _check_date(name: str, text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise PartErrors([Problem(f"expected a date such as 2009-12-31, got {text!r}.", name)]) from None


class DataSpec(Frozen):
    """The series of an experiment.

    ``name``, ``n_targets`` and ``n_features`` are derived when the config is composed, never set.
    """

    name: str
    source: Annotated[Source, BeforeValidator(_read_source), PlainSerializer(_write_source)]
    path: str | None = None
    read: ReadSpec = ReadSpec()
    time: str | None = None
    timezone: str | None = None
    rows: Annotated[Many[int | None], Field(min_length=2, max_length=2)] | None = None
    features: str | Annotated[Many[str], Field(min_length=1)] | None = None
    targets: Annotated[Many[str], Field(min_length=1), BeforeValidator(_one_or_many)]
    frequency: str | None = None
    season: Count | None = None
    missing: Literal["error", "forward_fill", "drop"] = "error"
    duplicates: Literal["error", "first", "last", "mean"] = "error"
    scaler: Literal["standard", "minmax", "robust", "none"] = "standard"
    split: SplitSpec
    n_targets: int
    n_features: int

    @model_validator(mode="after")
    def _consistent(self) -> DataSpec:
        problems = []
        if isinstance(self.source, TableSource) and not self.path:
            problems.append(Problem("data=table needs a file.", "path", mend="Write data.path=my.csv."))
        for key in ("targets", "features"):
            names = getattr(self, key)
            if isinstance(names, tuple) and len(set(names)) < len(names):
                problems.append(Problem("a column is named twice.", key))
        if problems:
            raise PartErrors(problems)
        return self
