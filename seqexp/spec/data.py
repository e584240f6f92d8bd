"""Where the series comes from, what of it is read, and how it is cut into splits."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Count, Frozen, Many, Text
from seqexp.spec.calendar import calendar_columns, problems_of_calendar
from seqexp.spec.catalogue import arguments_of, known_names
from seqexp.spec.parts import (
    OF_YOUR_OWN,
    Part,
    PartErrors,
    or_your_own,
    problems_of_part,
    shown,
    split_part,
    with_floats,
)
from seqexp.spec.sources import (
    EXAMPLES,
    TOKENS,
    OwnSource,
    Source,
    TableSource,
    WindowsSource,
    read_source,
    source_name,
    write_source,
)

SCALERS = ("standard", "minmax", "robust", "none")


def _read_scaler(value: Any) -> Any:
    """Take one of seqexp's scalers as the word it is, and a user's as a part."""
    found = split_part(value)
    if isinstance(value, Part) or (isinstance(value, str) and value in SCALERS):
        return value
    if found is None or arguments_of("scalers", found[0]) is None:
        names = [*SCALERS, *known_names("scalers")]
        message = f"expected {', '.join(names[:-1])} or {names[-1]}, got {shown(value)}."
        near = suggest(found[0], names) if found else ""
        mend = or_your_own(near) if near.startswith("Did") else OF_YOUR_OWN  # the message names the rest
        raise PartErrors([Problem(message, mend=mend if found else "")])
    if problems := list(problems_of_part(value, "scalers")):
        raise PartErrors(problems)
    name, args = found
    return Part(name=name, args=with_floats(args, arguments_of("scalers", name)))


def _write_scaler(value: str | Part) -> Any:
    return value.as_written() if isinstance(value, Part) else value


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ReadSpec(Frozen):
    """How a CSV file is written, in pandas' words."""

    sep: Annotated[str, Field(min_length=1, max_length=8)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: Text = "utf-8"
    date_format: Text | None = None
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None


def _check_share(value: float | int | str) -> float | int | str:
    if isinstance(value, str) or (0 < value <= 1 if isinstance(value, float) else value >= 0):
        return value
    message = f"expected a share above 0 and up to 1, a number of rows or a last date, got {shown(value)}."
    raise PartErrors([Problem(message)])


Share = Annotated[float | int | str, AfterValidator(_check_share)]


class SplitSpec(Frozen):
    """Three stretches of time, one after the other: shares of the rows, numbers of rows, or last dates (inclusive).

    A model that is trained once more after all was measured reads every row: ``{train: 1.0, validation: 0, test: 0}``.
    """

    train: Share
    validation: Share
    test: Share

    @model_validator(mode="after")
    def _agree(self) -> SplitSpec:
        shares = {"train": self.train, "validation": self.validation, "test": self.test}
        for name in ("train", "test"):
            if shares[name] == 0 and not self.holds_nothing_back:
                raise PartErrors([Problem("0 leaves no rows.", name, mend="Only validation may be 0.")])
        kinds = {type(share) for share in shares.values() if share != 0}
        if len(kinds) > 1:
            words = ", ".join(f"{name}: {share}" for name, share in shares.items())
            mend = "Give all three as shares (0.7), as numbers of rows (700) or as last dates (2009-12-31)."
            raise PartErrors([Problem(f"the three splits are written in different ways ({words}).", mend=mend)])
        numbers = [share for share in shares.values() if isinstance(share, float)]
        if sum(numbers) > 1 + 1e-9:
            words = ", ".join(f"{name}: {share}" for name, share in shares.items())
            raise PartErrors([Problem(f"the shares add up to {sum(numbers):g}, more than 1 ({words}).")])
        for name, share in shares.items():
            if isinstance(share, str):
                _check_date(name, share)
        return self

    @property
    def holds_nothing_back(self) -> bool:
        """Whether every row is trained on, and no figure can be claimed."""
        return (self.train, self.validation, self.test) == (1.0, 0, 0) and isinstance(self.train, float)


_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")


def _check_date(name: str, text: str) -> None:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        raise PartErrors([Problem(f"expected a date such as 2009-12-31, got {text!r}.", name)]) from None


class DataSpec(Frozen):
    """The series of an experiment.

    ``name``, ``n_targets`` and ``n_features`` are derived when the config is composed, never set.

    Attributes:
        features: The columns whose past the model reads; None for the targets, ``all`` for every numeric column.
        series: The column that says which of several series a row belongs to; None where there is one.
        static: Columns that never change within a series; read at every step.
        future: Columns that are known ahead. Their past is read, too; at the steps of the forecast they are read by
            topologies with a layer ``ConcatFuture``.
        calendar: What is made of the stamps, known ahead like ``future``.
        lead: Steps between the last one that is read and the first that is forecast.
        missing: What is done about holes. ``drop`` leaves the series in segments, and no window crosses a hole;
            ``segment`` is read as the same.
        snapshot: Whether a copy of the series is kept beside the runs, for reruns when the file has changed.
        transform: What is done to the target columns, before they are scaled.
        scaler: One of :data:`SCALERS`, or a part that names a user's own.
    """

    name: str
    source: Annotated[Source, BeforeValidator(read_source), PlainSerializer(write_source)]
    path: Text | None = None
    read: ReadSpec = ReadSpec()
    time: Text | None = None
    timezone: Text | None = None
    rows: Annotated[Many[int | None], Field(min_length=2, max_length=2)] | None = None
    features: Text | Annotated[Many[Text], Field(min_length=1)] | None = None
    series: Text | None = None
    static: Annotated[Many[Text], BeforeValidator(_one_or_many)] = ()
    future: Annotated[Many[Text], BeforeValidator(_one_or_many)] = ()
    calendar: Annotated[Many[Text], BeforeValidator(_one_or_many)] = ()
    targets: Annotated[Many[Text], Field(min_length=1), BeforeValidator(_one_or_many)]
    frequency: Text | None = None
    season: Count | None = None
    lead: Annotated[int, Field(ge=0, le=100_000)] = 0
    missing: Annotated[
        Literal["error", "forward_fill", "seasonal_fill", "drop"],
        BeforeValidator(lambda word: "drop" if word == "segment" else word),  # another word for it, of one meaning
    ] = "error"
    duplicates: Literal["error", "first", "last", "mean"] = "error"
    snapshot: Literal["copy", "reference"] = "copy"
    transform: Annotated[Many[Literal["log", "difference", "seasonal_difference"]], BeforeValidator(_one_or_many)] = ()
    scaler: Annotated[Any, BeforeValidator(_read_scaler), PlainSerializer(_write_scaler)] = "standard"
    split: SplitSpec
    n_targets: int
    n_features: int

    @model_validator(mode="after")
    def _consistent(self) -> DataSpec:
        problems = []
        if isinstance(self.source, TableSource) and not self.path:
            problems.append(Problem("data=table needs a file.", "path", mend="Write data.path=my.csv."))
        if isinstance(self.source, WindowsSource) and not self.path:
            problems.append(Problem("data=windows needs a file.", "path", mend="Write data.path=my.npz."))
        if isinstance(self.source, EXAMPLES):
            for key in ("time", "rows", "series", "future", "calendar", "season", "lead", "transform"):
                if getattr(self, key):
                    message = f"the examples of the source {source_name(self.source)} lie in no series."
                    problems.append(Problem(message, key, mend="Leave it out."))
        if self.path and not isinstance(self.source, (TableSource, WindowsSource)):
            message = f"the source {source_name(self.source)} reads no file."
            problems.append(Problem(message, "path", mend="Your own file: data=table data.path=my.csv."))
        for key in ("frequency", "timezone", "calendar"):
            if getattr(self, key) and not self.time:
                mend = "Name the column of stamps in data.time."
                if key == "frequency":
                    mend = f"{mend[:-1]}, or set data.season if that is what is wanted."
                problems.append(Problem("needs stamps, and data.time names none.", key, mend=mend))
        for key in ("targets", "features", "static", "future", "transform"):
            names = getattr(self, key)
            if isinstance(names, tuple) and len(set(names)) < len(names):
                told = "a word stands twice." if key == "transform" else "a column is named twice."
                problems.append(Problem(told, key))
        problems += problems_of_calendar(self.calendar)
        if self.static and not self.series:
            mend = "Name the column that tells the series apart in data.series."
            problems.append(Problem("what never changes within a series tells one series nothing.", "static", mend))
        if self.series and not isinstance(self.source, (TableSource, OwnSource)):
            message = f"the source {source_name(self.source)} is one series."
            problems.append(Problem(message, "series", "Leave it out."))
        if known := [name for name in self.future if name in self.targets]:
            message = f"the target {known[0]!r} is what is to be forecast, it cannot be known ahead."
            problems.append(Problem(message, "future"))
        if "log" in self.transform[1:]:
            message = "a logarithm comes first: differences may be below 0."
            problems.append(Problem(message, "transform", "Write data.transform=[log,difference]."))
        if problems:
            raise PartErrors(problems)
        return self

    @property
    def is_examples(self) -> bool:
        """Whether there are windows that lie in no series."""
        return isinstance(self.source, EXAMPLES)

    @property
    def is_tokens(self) -> bool:
        """Whether the targets are one-hot, and the model gives the logit of each."""
        return source_name(self.source) in TOKENS

    @property
    def known_ahead(self) -> tuple[str, ...]:
        """The columns that are known at the steps of the forecast."""
        return (*self.future, *calendar_columns(self.calendar))
