"""The part of a script that reads the series: file or formula, columns, stamps, holes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from seqexp.data.own_source import find_source
from seqexp.data.stamps import has_offsets
from seqexp.data.table import PARQUET, read_table
from seqexp.spec.calendar import calendar_columns
from seqexp.spec.data import DataSpec
from seqexp.spec.sources import AddingSource, AdditionSource, CopyMemorySource, DatasetSource, OwnSource, SineSource
from seqexp.workflows.explain.calendar import calendar_block
from seqexp.workflows.explain.code import WIDTH, Group, call, comment, listed, stacked, statement, text, value
from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.several import several_blocks

_SINE = '''def generate_sine(length, period, noise, trend, seed):
    """Return a table with a sine, its second harmonic, a trend and noise; always the same for the same arguments."""
    step = np.arange(length)
    angle = 2 * np.pi * step / period
    disturbance = np.random.default_rng(seed).normal(0.0, noise, length)
    return pd.DataFrame({"value": np.sin(angle) + 0.5 * np.sin(2 * angle) + trend * step + disturbance})'''

_WITHOUT_FILE = (SineSource, AddingSource, CopyMemorySource, AdditionSource, OwnSource)


def data_constant(spec: DataSpec) -> str:
    """Return the line that says where the data lie; empty where a formula makes them."""
    if isinstance(spec.source, _WITHOUT_FILE):
        return ""
    if isinstance(spec.source, DatasetSource):
        return f"DATA = Path(__file__).with_name({text(spec.source.file)})  # it lies beside this script"
    path = text(str(Path(spec.path or "").absolute()))
    if len(f"DATA = {path}") > WIDTH >= len(f"    {path}"):
        return f"DATA = (\n    {path}\n)"
    return f"DATA = {path}"


def column_constants(subject: Subject) -> str:
    """Return the lines that name the columns."""
    series, ahead = subject.dataset.series, subject.spec.known_ahead
    lines = [statement("TARGETS = ", listed(text(name) for name in series.target_names))]
    if ahead:
        lines.append(statement("KNOWN_AHEAD = ", listed(text(name) for name in ahead)))
    if series.feature_names == series.target_names:
        lines.append("FEATURES = TARGETS  # the model reads the past of what it forecasts")
    else:
        others = [text(name) for name in series.feature_names if name not in ahead]
        lines.append(statement("FEATURES = ", listed([*others, *(["*KNOWN_AHEAD"] if ahead else [])])))
    return stacked(lines)


def reading_blocks(subject: Subject) -> Iterator[str]:
    """Yield the blocks of code from the source to ``series``, a table of numbers in source units."""
    spec = subject.spec.data
    if isinstance(spec.source, SineSource):
        yield _SINE
    if subject.is_several:
        yield from several_blocks(subject, list(_source_lines(subject)), [*_one_lines(subject), *_hole_lines(subject)])
    else:
        yield stacked([*_source_lines(subject), *_one_lines(subject)])
        yield stacked(list(_hole_lines(subject)))
    if spec.calendar:
        yield calendar_block(spec.calendar, spec.timezone)


def _source_lines(subject: Subject) -> Iterator[str]:
    spec = subject.spec.data
    yield statement("table = ", _source(spec))
    if spec.rows is not None:
        start, stop = ("" if bound is None else str(bound) for bound in spec.rows)
        yield comment("Rows that are left out: data.rows of the config.")
        yield f"table = table.iloc[{start}:{stop}]"


def _one_lines(subject: Subject) -> Iterator[str]:
    spec = subject.spec.data
    if spec.time is not None:
        yield from _stamp_lines(spec)
    series, made = subject.dataset.series, calendar_columns(spec.calendar)
    if series.feature_names == series.target_names:
        yield 'series = table[FEATURES].astype("float64")'
    elif made:
        names = dict.fromkeys(name for name in (*series.feature_names, *series.target_names) if name not in made)
        yield statement("columns = ", listed(text(name) for name in names))
        yield 'series = table[columns].astype("float64")'
    else:
        yield 'series = table[list(dict.fromkeys(FEATURES + TARGETS))].astype("float64")'


def _source(spec: DataSpec) -> Group:
    source = spec.source
    if isinstance(source, SineSource):
        return call("generate_sine", **{key: repr(given) for key, given in source.model_dump().items()})
    if isinstance(source, DatasetSource):
        return call("pd.read_csv", "DATA")
    if isinstance(source, OwnSource):
        own = find_source(source)
        made = call(own.name, **{key: value(given) for key, given in source.args.items()})
        has_index = not isinstance(own.entry(**source.args).index, pd.RangeIndex)
        return Group(made.head, made.items, f"{made.tail}.reset_index()" if has_index else made.tail)
    if Path(spec.path or "").suffix.lower() in PARQUET:
        return call("pd.read_parquet", "DATA")
    usual = {"sep": ",", "decimal": ".", "encoding": "utf-8", "thousands": None}
    options = {key: getattr(spec.read, key) for key in usual}
    written = {key: text(given) for key, given in options.items() if given is not None and given != usual[key]}
    if len(spec.read.sep) > 1:
        written["engine"] = text("python")
    return call("pd.read_csv", "DATA", **written)


def _stamp_lines(spec: DataSpec) -> Iterator[str]:
    column = read_table(spec)[str(spec.time)]
    stamps = f"table[{text(str(spec.time))}]"
    options = {"format": text(spec.read.date_format)} if spec.read.date_format else {}
    if pd.api.types.is_numeric_dtype(column):
        stamps += ".astype(str)"
    moments = has_offsets(column)
    if moments:
        options["utc"] = "True"
    parsed = call("pd.to_datetime", stamps, **options)
    yield statement("table.index = ", call("pd.DatetimeIndex", parsed) if spec.timezone else parsed)
    if spec.timezone is not None and (moments or getattr(column.dtype, "tz", None) is not None):
        yield f"table.index = table.index.tz_convert({text(spec.timezone)})"
    elif spec.timezone is not None:
        yield comment("Local times: where the clock is set back, the order of the rows tells the two hours apart.")
        yield f'table.index = table.index.tz_localize({text(spec.timezone)}, ambiguous="infer")'


def _hole_lines(subject: Subject) -> Iterator[str]:
    spec, series = subject.spec.data, subject.dataset.series
    if spec.time is not None and spec.duplicates == "mean":
        yield comment("Stamps that stand twice: the mean of their values.")
        yield "series = series.groupby(level=0).mean()"
    elif spec.time is not None and spec.duplicates != "error":
        yield comment(f"Stamps that stand twice: the {spec.duplicates} of them counts.")
        yield f"series = series[~series.index.duplicated(keep={text(spec.duplicates)})]"
    if spec.missing == "error":
        return
    if spec.time is not None:
        yield comment("One row for every step, also for those that the file leaves out.")
        yield f"series = series.asfreq({text(str(series.frequency))})"
    if not subject.has_whole_truth:
        yield comment(
            "The targets as they were observed, NaN in steps where one is missing: such steps are neither trained on "
            "nor scored."
        )
        yield "truth = series[TARGETS].dropna().reindex(series.index)"
    if spec.missing == "drop":
        return
    if spec.missing == "seasonal_fill":
        yield comment(f"A hole takes the value of the same place in the season before, {series.season} steps long.")
        yield f"series = series.groupby(np.arange(len(series)) % {series.season}).ffill().ffill()"
    else:
        yield comment("A hole takes the value before it: nothing of the future is used.")
        yield "series = series.ffill()"
