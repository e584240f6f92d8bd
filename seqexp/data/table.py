"""Read a table: a CSV or Parquet file, a file that ships with seqexp, a generated series, or a user's own source."""

from __future__ import annotations

import codecs
import re
import warnings
from collections import OrderedDict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from seqexp.data.own_source import find_source, read_own_source
from seqexp.errors import DataError
from seqexp.fingerprint import hash_values
from seqexp.spec.data import DataSpec, ReadSpec
from seqexp.spec.sources import DatasetSource, OwnSource, SineSource

CSV, PARQUET = (".csv", ".txt", ".tsv"), (".parquet", ".pq")
_MOST_KEPT = 200_000_000  # bytes of tables that are held for the runs to come
_kept: OrderedDict[tuple[Any, ...], pd.DataFrame] = OrderedDict()


def read_table(spec: DataSpec) -> pd.DataFrame:
    """Return the columns of a source as they are, in the order of the file.

    A file is read once for all the runs of a process, as long as it does not change and is not very large.

    Raises:
        DataError: The file is missing, empty, of another kind, or cannot be read as ``data.read`` says.
    """
    if isinstance(spec.source, SineSource):
        return generate_sine(spec.source)
    key: tuple[Any, ...]
    if isinstance(spec.source, OwnSource):
        key = (find_source(spec.source).code.digest, spec.source.name, hash_values(spec.source.args))
        if key not in _kept:
            _kept[key] = read_own_source(spec.source)
        _kept.move_to_end(key)
        return _kept[key]
    if isinstance(spec.source, DatasetSource):
        path = Path(str(files("seqexp.data").joinpath("datasets", spec.source.file)))
    else:
        path = Path(spec.path or "")
    key = (path, _stamp_of(path), spec.read)
    if key not in _kept:
        _kept[key] = _read_file(path, spec.read)
    _kept.move_to_end(key)
    return _kept[key]


def release_tables() -> None:
    """Let go of the tables read longest ago, or of a very large one: what was needed of them has been taken."""
    while sum(int(table.memory_usage().sum()) for table in _kept.values()) > _MOST_KEPT:
        _kept.popitem(last=False)
    pyarrow.default_memory_pool().release_unused()


def source_label(spec: DataSpec) -> str:
    """Return what messages call the source: the file's name, or the kind of series."""
    if isinstance(spec.source, DatasetSource):
        return spec.source.file
    return Path(spec.path).name if spec.path else spec.name


def place_of(spec: DataSpec, row: object) -> str:
    """Return where a row, counted from 0 as pandas does, stands in its file, counted as people do."""
    if spec.path and Path(spec.path).suffix.lower() in CSV and isinstance(row, (int, np.integer)):
        return f"line {row + 2}"  # the first line names the columns
    return f"row {row}"


def numeric_columns(spec: DataSpec) -> list[str]:
    """Return the columns that ``features: all`` means: every numeric one but the time and what names the series."""
    table = read_table(spec)
    numeric = [str(name) for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
    return [name for name in numeric if name not in (spec.time, spec.series)]


def generate_sine(source: SineSource) -> pd.DataFrame:
    """Generate a sine with its second harmonic, a linear trend and Gaussian noise; one column, ``value``."""
    step_T = np.arange(source.length)
    angle_T = 2 * np.pi * step_T / source.period
    noise_T = np.random.default_rng(source.seed).normal(0.0, source.noise, source.length)
    return pd.DataFrame({"value": np.sin(angle_T) + 0.5 * np.sin(2 * angle_T) + source.trend * step_T + noise_T})


def _stamp_of(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        mend = (
            "A relative path counts from the YAML file that states it, on the command line from the working directory."
        )
        raise DataError(f"there is no file {path}.", key="data.path", mend=mend) from None
    if path.is_dir():
        raise DataError(f"{path} is a folder.", key="data.path", mend="Name a .csv or .parquet file.")
    if status.st_size == 0:
        raise DataError(f"the file {path.name} is empty.", key="data.path")
    return status.st_mtime_ns, status.st_size


def _read_file(path: Path, read: ReadSpec) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix in PARQUET:
        table = _read_parquet(path)
    elif suffix in CSV:
        table = _read_csv(path, read)
    else:
        message = f"{path.name} is neither CSV ({', '.join(CSV)}) nor Parquet ({', '.join(PARQUET)})."
        own = (
            f"Code gives rows as a function with @seqexp.source: --plugin {path.name} data=table data.source=FUNCTION."
        )
        raise DataError(message, key="data.path", mend=own if suffix == ".py" else "Unpack or rename the file.")
    if not len(table):
        raise DataError(f"the file {path.name} has a header and no rows.", key="data.path")
    if table.columns.has_duplicates:
        _refuse_doubled(list(table.columns), path)
    return table


def _read_csv(path: Path, read: ReadSpec) -> pd.DataFrame:
    _check_encoding(path, read.encoding)
    options: dict[str, Any] = {"sep": read.sep, "encoding": read.encoding, "engine": "python"}
    if len(read.sep) == 1:  # pandas reads a longer one as a regular expression, which only its slow engine knows
        options |= {"engine": "c", "low_memory": False}
    options |= {"compression": None}  # never unpacked: a small archive may hold more than the memory does
    try:
        with warnings.catch_warnings():
            # Longer rows than the header would otherwise be cut, or shift every column by one.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(path, header=None, nrows=1, dtype=str, **options)
            _refuse_doubled([name for name in header.iloc[0] if isinstance(name, str)], path)
            options |= {"decimal": read.decimal, "thousands": read.thousands, "index_col": False}
            table: pd.DataFrame = pd.read_csv(path, **options)
        return table
    except pd.errors.ParserWarning:
        message = f"{path.name} has rows with more fields than its header names."
        mend = "Name every column in the first line, or look at data.read: sep, decimal, thousands."
        raise DataError(message, key="data.read", mend=mend) from None
    except UnicodeDecodeError as error:
        mend = "Name the file's encoding, for example data.read.encoding=latin-1."
        raise DataError(f"{path.name} is not {read.encoding}: {error}.", key="data.read.encoding", mend=mend) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OSError, re.error) as error:
        reason = str(error).strip().splitlines()[0]
        mend = "Look at data.read: sep, decimal, thousands, encoding."
        raise DataError(f"{path.name} cannot be read as CSV: {reason}", key="data.read", mend=mend) from None


def _check_encoding(path: Path, encoding: str) -> None:
    try:
        is_text = codecs.lookup(encoding)._is_text_encoding
    except LookupError:
        is_text = False
    if not is_text:
        raise DataError(f"there is no text encoding {encoding!r}.", key="data.read.encoding", mend="For example utf-8.")
    with path.open("rb") as file:
        packed = file.read(4).startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zX"))
    if packed:
        raise DataError(f"{path.name} is a compressed file.", key="data.path", mend="Unpack it first.")


def _refuse_doubled(names: list[str], path: Path) -> None:
    doubled = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if doubled:
        message = f"{path.name} has more than one column {doubled[0]!r}."
        raise DataError(message, key="data.path", mend="Give every column a name of its own.")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        file = pyarrow.parquet.read_table(path, pre_buffer=False)
        # Column by column, each let go as it is taken over: else the table is there twice.
        table: pd.DataFrame = file.to_pandas(split_blocks=True, self_destruct=True)
        del file
        pyarrow.default_memory_pool().release_unused()
        return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    except Exception as error:  # pyarrow raises many kinds, none of them documented
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path.name} cannot be read as Parquet: {reason}", key="data.path") from None
