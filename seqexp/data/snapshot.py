"""A series as arrays and back, with every bit of it: what a copy of the data holds.

The copy is of the series as it was read: chosen, in order, on its grid, with holes filled (examples: laid end to end).
It holds what the fingerprint is made of; names, frequency and season are the spec's and stand in the record of each
run. Two fingerprints are held with it: that of the series, and that of the arrays (of examples they are not the same).

Axis letters: T steps, F features, K targets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from seqexp.data.series import Array, Part, Series, fingerprint_of
from seqexp.data.stamps import year_of
from seqexp.errors import DataError


def name_of(series: Series) -> str:
    """Return the name of the copy of a series: its fingerprint, with the type of its numbers where that is another."""
    kinds = dict.fromkeys(array.dtype.name for array in (series.features_TF, series.targets_TK))
    return "-".join([series.fingerprint, *(kind for kind in kinds if kind != "float64")])


def as_arrays(series: Series) -> dict[str, Array]:
    """Return what a copy holds. NumPy keeps the order of the numbers in memory, by which sums may differ."""
    arrays = {"features": series.features_TF, "observed": series.observed_T}
    if series.targets_TK is not series.features_TF:
        arrays["targets"] = series.targets_TK
    if series.stamps is not None:
        arrays["stamps"] = series.stamps.asi8
        arrays["clock"] = np.array([series.stamps.unit, "" if series.stamps.tz is None else str(series.stamps.tz)])
    if series.several:
        arrays["several"] = np.array([json.dumps([[part.name, part.start, part.stop] for part in series.several])])
    check = fingerprint_of(series.features_TF, series.targets_TK, series.observed_T, series.stamps)
    return {**arrays, "fingerprints": np.array([series.fingerprint, check])}


@dataclass(frozen=True)
class KeptSeries:
    """A series that was kept, and what the record says of it.

    Attributes:
        path: The copy.
        fingerprint: That of its content.
        frequency: As in :class:`Series`, like the rest.
    """

    path: Path
    fingerprint: str
    frequency: str | None
    season: int
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, data: Mapping[str, Any]) -> KeptSeries:
        """Take a copy and the part ``data`` of a record.

        Raises:
            KeyError: The record does not hold all of it.
        """
        names = (tuple(data["features"]), tuple(data["targets"]))
        return cls(path, data["fingerprint"], data["frequency"], data["season"], *names)

    def moved(self, path: str) -> KeptSeries:
        """Return the same for a machine on which the copy lies elsewhere."""
        return replace(self, path=Path(path))

    def read(self) -> Series:
        """Read the series.

        Raises:
            DataError: The copy is missing, or not what was kept.
        """
        features_TF, targets_TK, observed_T, stamps, several = _read_content(self.path, self.fingerprint)
        return Series(
            features_TF=features_TF,
            targets_TK=targets_TK,
            observed_T=observed_T,
            stamps=stamps,
            frequency=self.frequency,
            season=self.season,
            year=year_of(self.frequency, self.season),
            feature_names=self.feature_names,
            target_names=self.target_names,
            fingerprint=self.fingerprint,
            several=several,
        )


def check_copy(path: Path) -> None:
    """Hold a copy against its name.

    Raises:
        DataError: It cannot be read, or its content is another.
    """
    _read_content(path, path.stem.partition("-")[0])


_Content = tuple[Array, Array, Array, pd.DatetimeIndex | None, tuple[Part, ...]]


def _read_content(path: Path, fingerprint: str) -> _Content:
    """Return features ``(T, F)``, targets ``(T, K)``, observed ``(T,)``, stamps and the several series of a copy."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            features_TF, observed_T = arrays["features"], arrays["observed"]
            targets_TK = arrays.get("targets", features_TF)
            several = (
                tuple(Part(*part) for part in json.loads(str(arrays["several"][0]))) if "several" in arrays else ()
            )
            fingerprints = arrays["fingerprints"].tolist()
            stamps = _stamps_of(arrays["stamps"], *arrays["clock"].tolist()) if "stamps" in arrays else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise _damaged(path, str(error) or type(error).__name__) from None
    if fingerprints != [fingerprint, fingerprint_of(features_TF, targets_TK, observed_T, stamps)]:
        raise _damaged(path, "its content has another fingerprint")
    return features_TF, targets_TK, observed_T, stamps, several


def _damaged(path: Path, reason: str) -> DataError:
    mend = "Delete it; the next run on the same data keeps a new one."
    return DataError(f"the copy of the data {path} is damaged: {reason}.", key="data.snapshot", mend=mend)


def _stamps_of(moments_T: Array, unit: str, zone: str) -> pd.DatetimeIndex:
    stamps = pd.DatetimeIndex(moments_T.view(f"M8[{unit}]"))
    return stamps.tz_localize("UTC").tz_convert(zone) if zone else stamps
