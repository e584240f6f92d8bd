"""Write a table where a person wants it: CSV or Parquet, by the name of the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seqexp.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".txt", "")


def check_target(path: Path) -> None:
    """Refuse a file that could not be written, before anything is computed.

    Raises:
        DataError: Its folder is not there, it is a folder itself, or its name stands for neither form.
    """
    if not path.resolve().parent.is_dir():
        raise DataError(f"there is no folder {path.parent}.", key="--output", mend="Make it first.")
    if path.is_dir():
        raise DataError(f"{path} is a folder.", key="--output", mend="Name a file in it.")
    if path.suffix.lower() not in (*_CSV, *_PARQUET):
        mend = "For example forecast.csv or forecast.parquet."
        raise DataError(f"{path.name} is neither .csv nor .parquet.", key="--output", mend=mend)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index.

    Raises:
        DataError: There is no room, or no leave to write.
    """
    try:
        if path.suffix.lower() in _PARQUET:
            table.to_parquet(path, index=False)
        else:
            path.write_text(table.to_csv(index=False), "utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.", key="--output") from None
