"""Name a series column by column, so that of changed data can be said which column changed.

Axis letters: T steps, F features, K targets.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from seqexp.data.series import Array, Series, hash_stamps

_BLOCK = 65_536  # steps that are hashed at once: a whole copy would double the memory
_DIGITS = 16


def fingerprint_columns(series: Series) -> dict[str, Any]:
    """Return the fingerprints of the parts of a series, for a record.

    Returns:
        ``columns`` (name -> fingerprint of its values, of features and targets), ``observed`` and, where there are
        stamps, ``stamps``.
    """
    columns = dict(zip(series.feature_names, map(_of_column, series.features_TF.T), strict=True))
    for name, values_T in zip(series.target_names, series.targets_TK.T, strict=True):
        if name not in columns:
            columns[name] = _of_column(values_T)
    prints: dict[str, Any] = {"columns": columns, "observed": _of_column(series.observed_T)}
    if series.stamps is not None:
        content = sha256()
        hash_stamps(content, series.stamps)
        prints["stamps"] = content.hexdigest()[:_DIGITS]
    return prints


def _of_column(values_T: Array) -> str:
    content = sha256()
    for first in range(0, len(values_T), _BLOCK):
        content.update(np.ascontiguousarray(values_T[first : first + _BLOCK], np.float64).data)
    return content.hexdigest()[:_DIGITS]
