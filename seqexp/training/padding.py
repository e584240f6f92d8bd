"""The sizes to which series are padded, so that data sets share programs. It needs no TensorFlow."""

from __future__ import annotations


def padded_rows(n: int) -> int:
    """Return the size to which a series of n steps is padded, so that series of about one length share a program.

    Powers of two up to a million steps, where they cost nothing; then eight sizes to an octave.

    >>> [padded_rows(n) for n in (1, 1438, 1_048_576, 1_100_000, 10_000_000)]
    [1024, 2048, 1048576, 1179648, 10485760]
    """
    size = 1024
    while size < n:
        size *= 2
    if size <= 2**20:
        return size
    eighth = size // 16
    return -(-n // eighth) * eighth
