"""Say what is another in a series that was read again.

Axis letters: T steps, C steps that both have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from seqexp.data.series import Array, Part, Series

_LAID_OUT = "the same values are laid out in another way"
_MOST_SERIES = 3  # that are told of


def describe_change(before: Series, after: Series) -> str:
    """Return which columns and how many rows differ, and the first and the last of them.

    Rows are matched by their stamps where both have stamps, else by their numbers, counted from 0; of several series
    each by itself.
    """
    if not (before.several or after.several):
        return _describe(before, after)
    old, new = ({part.name: part for part in series.parts} for series in (before, after))
    pairs = [(name, _part(before, old[name]), _part(after, new[name])) for name in old if name in new]
    changed = [(name, one, two) for name, one, two in pairs if not _are_equal(one, two)]
    told = [f"series {name}: {_describe(one, two)}" for name, one, two in changed[:_MOST_SERIES]]
    told += [f"{len(changed) - _MOST_SERIES} series more"] if len(changed) > _MOST_SERIES else []
    for word, names in (("new", [name for name in new if name not in old]), ("gone", [n for n in old if n not in new])):
        told += [f"series {', '.join(names)} {word}"] if names else []
    return "; ".join(told) or _LAID_OUT


def _part(series: Series, part: Part) -> Series:
    rows = slice(part.start, part.stop)
    return replace(
        series,
        features_TF=series.features_TF[rows],
        targets_TK=series.targets_TK[rows],
        observed_T=series.observed_T[rows],
        stamps=None if series.stamps is None else series.stamps[rows],
        several=(),
    )


def _are_equal(one: Series, two: Series) -> bool:
    return _describe(one, two) == _LAID_OUT


def _describe(before: Series, after: Series) -> str:
    places = (_places(before), _places(after))
    if before.stamps is None or after.stamps is None or before.stamps.tz != after.stamps.tz:
        places = (pd.RangeIndex(len(before)), pd.RangeIndex(len(after)))
    _, old_C, new_C = np.intersect1d(*places, return_indices=True)
    told = [*_zones(before, after), *_columns(before, after, places[0], old_C, new_C)]
    for there, others, word in ((places[1], places[0], "new"), (places[0], places[1], "gone")):
        only = there.difference(others)
        if len(only):
            told.append(f"{_rows(len(only))} {'is' if len(only) == 1 else 'are'} {word} ({_span(only)})")
    return "; ".join(told) or _LAID_OUT


def _places(series: Series) -> pd.Index:
    return pd.RangeIndex(len(series)) if series.stamps is None else series.stamps


def _zones(before: Series, after: Series) -> Iterator[str]:
    zones = [None if series.stamps is None else str(series.stamps.tz) for series in (before, after)]
    if zones[0] != zones[1]:
        said = ["no stamps" if zone is None else "no zone" if zone == "None" else zone for zone in zones]
        yield f"the zone of the stamps is another ({said[0]} -> {said[1]})"


def _columns(before: Series, after: Series, places: pd.Index, old_C: Array, new_C: Array) -> Iterator[str]:
    """Tell of the columns in which rows differ that both have, with the first and the last such row of all columns."""
    old, new = _by_name(before), _by_name(after)
    changed_C = np.zeros(len(old_C), bool)
    told = []
    for name in (name for name in old if name in new):
        one_C, two_C = np.asarray(old[name][old_C], float), np.asarray(new[name][new_C], float)
        differ_C = (one_C != two_C) & ~(np.isnan(one_C) & np.isnan(two_C))
        changed_C |= differ_C
        if differ_C.any():
            told.append(f"{int(differ_C.sum())} of {name!r}")
    if told:
        rows = int(changed_C.sum())
        yield f"{_rows(rows)} differ{'s' if rows == 1 else ''}: {', '.join(told)} ({_span(places[old_C[changed_C]])})"
    holes_C = before.observed_T[old_C] != after.observed_T[new_C]
    if holes_C.any():
        yield f"{_rows(int(holes_C.sum()))} changed between observed and filled"
    for word, names in (("new", new.keys() - old.keys()), ("gone", old.keys() - new.keys())):
        if names:
            yield f"column{'s' if len(names) > 1 else ''} {', '.join(sorted(names))} {word}"


def _by_name(series: Series) -> dict[str, Array]:
    targets = dict(zip(series.target_names, series.targets_TK.T, strict=True))
    return {**targets, **dict(zip(series.feature_names, series.features_TF.T, strict=True))}


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _span(rows: pd.Index) -> str:
    """Return the first and the last of some rows: stamps, or numbers."""
    first, last = (str(row) if isinstance(row, pd.Timestamp) else f"row {row}" for row in (rows.min(), rows.max()))
    return first if first == last else f"{first} to {last}"
