"""Read a table: a CSV or Parquet file, a file that ships with seqexp, or a generated series."""

from __future__ import annotations

import codecs
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqexp.errors import DataError
from seqexp.spec.data import DatasetSource, DataSpec, ReadSpec, SineSource

CSV, PARQUET = (".csv", ".txt", ".tsv"), (".parquet", ".pq")


def read_table(spec: DataSpec) -> pd.DataFrame:
    """Return the columns of a source as they are, in the order of the file.

    A file is read once for all the runs of a process, as long as it does not change.

    Raises:
        DataError: The file is missing, empty, of another kind, or cannot be read as ``data.read`` says.
    """
    if isinstance(spec.source, SineSource):
        return generate_sine(spec.source)
    if isinstance(spec.source, DatasetSource):
        path = Path(str(files("seqexp.data").joinpath("datasets", spec.source.file)))
    else:
        path = Path(spec.path or "")
    return _read_file(path, _stamp_of(path), spec.read)


def source_label(spec: DataSpec) -> str:
    """Return what messages call the source: the file's name, or the kind of series."""
    if isinstance(spec.source, DatasetSource):
        return spec.source.file
    return Path(spec.path).name if spec.path else spec.name


def numeric_columns(spec: DataSpec) -> list[str]:
    """Return the columns that ``features: all`` means: every numeric one but the time."""
    table = read_table(spec)
    numeric = [str(name) for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
    return [name for name in numeric if name != spec.time]


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


@lru_cache(maxsize=4)
def _read_file(path: Path, stamp: tuple[int, int], read: ReadSpec) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix in PARQUET:
        table = _read_parquet(path)
    elif suffix in CSV:
        table = _read_csv(path, read)
    else:
        message = f"{path.name} is neither CSV ({', '.join(CSV)}) nor Parquet ({', '.join(PARQUET)})."
        raise DataError(message, key="data.path", mend="Unpack or rename the file.")
    if not len(table):
        raise DataError(f"the file {path.name} has a header and no rows.", key="data.path")
    return table


def _read_csv(path: Path, read: ReadSpec) -> pd.DataFrame:
    try:
        codecs.lookup(read.encoding)
    except LookupError:
        raise DataError(f"there is no encoding {read.encoding!r}.", key="data.read.encoding") from None
    options: dict[str, Any] = {"sep": read.sep, "decimal": read.decimal, "thousands": read.thousands}
    try:
        # Never unpacked: a small archive may hold more than the memory does.
        table: pd.DataFrame = pd.read_csv(path, encoding=read.encoding, compression=None, low_memory=False, **options)
        return table
    except UnicodeDecodeError as error:
        mend = "Name the file's encoding, for example data.read.encoding=latin-1."
        raise DataError(f"{path.name} is not {read.encoding}: {error}.", key="data.read.encoding", mend=mend) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        mend = "Look at data.read: sep, decimal, thousands, encoding."
        raise DataError(f"{path.name} cannot be read as CSV: {reason}", key="data.read", mend=mend) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
        return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    except Exception as error:  # pyarrow raises many kinds, none of them documented
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path.name} cannot be read as Parquet: {reason}", key="data.path") from None
