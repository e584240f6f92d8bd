"""Read a table from a user's own source: a function that gives a DataFrame."""

from __future__ import annotations

import traceback
from typing import Any

import pandas as pd

from seqexp.errors import DataError
from seqexp.plugins.table import OwnPart, find
from seqexp.spec.sources import OwnSource

_KEY = "data.source"


def find_source(source: OwnSource) -> OwnPart:
    """Return what a source names.

    Raises:
        DataError: It is not registered in this process.
    """
    own = find("source", source.name)
    if own is None:
        raise DataError(f"there is no source {source.name!r} here.", key=_KEY, mend="Name its file: --plugin FILE.py.")
    return own


def read_own_source(source: OwnSource) -> pd.DataFrame:
    """Call the function, and hold what it gives against what a table must be.

    Raises:
        DataError: It fails, or gives something else than rows under names that differ.
    """
    own = find_source(source)
    try:
        table: Any = own.entry(**source.args)
    except Exception as error:  # it is a user's code
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = f"the source {own.name} fails: {type(error).__name__}: {error}"
        raise DataError(message, key=_KEY, mend=f"{frame.filename}:{frame.lineno}: {frame.line}") from None
    if not isinstance(table, pd.DataFrame):
        message = f"the source {own.name} ({own.place}) gives a {type(table).__name__}, no pandas.DataFrame."
        raise DataError(message, key=_KEY)
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    names = [str(name) for name in table.columns]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise DataError(f"the source {own.name} gives more than one column {doubled[0]!r}.", key=_KEY)
    if not len(table):
        raise DataError(f"the source {own.name} gives a table without rows.", key=_KEY)
    named: pd.DataFrame = table.set_axis(names, axis=1)
    return named
