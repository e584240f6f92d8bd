"""The part of a script that forecasts: from what the model gives to the units of the data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.transform import undo_lines


def forecast_function(subject: Subject) -> str:
    """Return the function that forecasts windows."""
    lines = [
        "def forecast(starts):",
        '    """Forecast in the units of the data: (windows, OUTPUT_LENGTH, targets)."""',
        "    given = model.predict(windows(starts)[0], batch_size=256, verbose=0)",
    ]
    return "\n".join([*lines, textwrap.indent("\n".join(_to_units(subject)), "    ")])


def _to_units(subject: Subject) -> Iterator[str]:
    steps = [f"given = {_shaped(subject)}", *_unscaled(subject)]
    if subject.dataset.transform.steps:
        yield from steps
        yield from undo_lines(subject)
    else:
        yield from steps[:-1]
        yield steps[-1].replace("given = ", "return ", 1)


def _shaped(subject: Subject) -> str:
    return 'given.reshape(-1, OUTPUT_LENGTH, len(TARGETS)).astype("float64")'


def _unscaled(subject: Subject) -> Iterator[str]:
    if subject.spec.data.scaler == "none":
        return
    if subject.has_whole_truth:
        yield "given = given * scale[TARGETS].to_numpy() + center[TARGETS].to_numpy()"
    else:
        yield "given = given * target_scale.to_numpy() + target_center.to_numpy()"
