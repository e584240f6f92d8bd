"""Cut a series in time: train, then validation, then test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from seqexp.errors import DataError
from seqexp.spec.data import SplitSpec

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Bounds:
    """First step (inclusive) and last step (exclusive) of each split, counted from the start of the series.

    ``calibration`` is the tail of validation that nothing is chosen by, where intervals are wanted; else it is empty.
    """

    train: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]
    calibration: tuple[int, int] = (0, 0)

    def with_calibration(self, share: float) -> Bounds:
        """Return bounds whose last share of validation is for calibration alone."""
        start, stop = self.validation
        cut = stop - round(share * (stop - start))
        return replace(self, validation=(start, cut), calibration=(cut, stop))

    def moved(self, steps: int) -> Bounds:
        """Return the same splits counted from so many steps earlier: those of a series that stands behind others."""
        return Bounds(**{name: (self.of(name)[0] + steps, self.of(name)[1] + steps) for name in SPLITS})

    def of(self, split: str) -> tuple[int, int]:
        """Return the bounds of a split by its name."""
        bounds: tuple[int, int] = getattr(self, split)
        return bounds

    def size(self, split: str) -> int:
        """Return the number of steps in a split."""
        start, stop = self.of(split)
        return stop - start


def split_bounds(split: SplitSpec, n_steps: int, stamps: pd.DatetimeIndex | None = None) -> Bounds:
    """Return where each split starts and stops.

    Shares are rounded to whole steps at each boundary; numbers of rows count from the start and leave the rest unused;
    dates name the last step of each split, inclusive.

    Raises:
        DataError: The splits need more steps than there are, or dates without stamps, or dates out of order.

    >>> split_bounds(SplitSpec(train=0.7, validation=0.15, test=0.15), 100)
    Bounds(train=(0, 70), validation=(70, 85), test=(85, 100), calibration=(0, 0))
    """
    ends = []
    shares = [getattr(split, name) for name in SPLITS]
    if any(isinstance(share, str) for share in shares):
        ends = _ends_of_dates(shares, stamps)
    elif any(isinstance(share, float) for share in shares):
        total = 0.0
        for share in shares:
            total += share
            ends.append(round(total * n_steps))
    else:
        for share in shares:
            ends.append(share + (ends[-1] if ends else 0))
        if ends[-1] > n_steps:
            message = (
                f"the splits need {ends[-1]} steps ({' + '.join(map(str, shares))}), but the series has {n_steps}."
            )
            raise DataError(message, key="data.split", mend="Give them fewer rows, or shares such as 0.7.")
    starts = [0, *ends[:-1]]
    bounds = Bounds(*zip(starts, ends, strict=True))
    for name, share in zip(SPLITS, shares, strict=True):
        if share != 0 and bounds.size(name) < 1:
            raise DataError(f"the {name} split has no steps.", key=f"data.split.{name}", mend="Look at data.split.")
    return bounds


def _ends_of_dates(shares: list[str | int], stamps: pd.DatetimeIndex | None) -> list[int]:
    if stamps is None:
        mend = "Name the column of stamps in data.time, or give shares or numbers of rows."
        raise DataError("dates need stamps, and this source has none.", key="data.split", mend=mend)
    ends: list[int] = []
    for name, share in zip(SPLITS, shares, strict=True):
        if share == 0:
            ends.append(ends[-1])
            continue
        whole_day = len(str(share)) <= len("2009-12-31")
        last = _in_zone_of(stamps, pd.Timestamp(str(share)) + pd.Timedelta(days=int(whole_day)), name, whole_day)
        ends.append(int(stamps.searchsorted(last, side="left" if whole_day else "right")))
        if len(ends) > 1 and ends[-1] <= ends[-2]:
            message = f"{share} leaves no step for it: the series runs from {stamps[0]} to {stamps[-1]}."
            raise DataError(message, key=f"data.split.{name}", mend="The dates must rise and lie inside the series.")
    return ends


def _in_zone_of(stamps: pd.DatetimeIndex, moment: pd.Timestamp, name: str, starts_day: bool) -> pd.Timestamp:
    if stamps.tz is None:
        if moment.tz is not None:
            message = f"{moment} has an offset from UTC, and the stamps of the series have none."
            raise DataError(message, key=f"data.split.{name}", mend="Leave the offset out.")
        return moment
    if moment.tz is not None:
        return moment.tz_convert(stamps.tz)
    # A day begins with its first midnight, or later where the clock skips it; an hour that comes twice ends twice.
    return moment.tz_localize(stamps.tz, ambiguous=starts_day, nonexistent="shift_forward")
