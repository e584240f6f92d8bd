"""The part of a script that forecasts: from what the model gives to the units of the data."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.workflows.explain.code import indented
from seqexp.workflows.explain.heads import shaped_lines
from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.transform import undo_lines


def forecast_function(subject: Subject) -> str:
    """Return the function that forecasts windows."""
    if subject.spec.data.is_tokens:
        return _logits_function(subject)
    what, first = ("Forecast", "") if subject.spec.topology.head == "point" else ("Forecast quantiles", "levels, ")
    lines = [
        f"def {subject.forecast_of(subject.places)}:",
        f'    """{what} in the units of the data: ({first}windows, OUTPUT_LENGTH, targets)."""',
        f"    given = model.predict(windows({subject.places})[0], batch_size=256, verbose=0)",
    ]
    return "\n".join([*lines, *indented(_to_units(subject))])


def _logits_function(subject: Subject) -> str:
    axis = "" if subject.gives_steps else ".reshape(-1, 1, targets.shape[-1])"
    return "\n".join(
        [
            f"def {subject.forecast_of('chosen')}:",
            '    """Return the logits of every token: (examples, OUTPUT_LENGTH, tokens)."""',
            f'    return model.predict(inputs[chosen], batch_size=256, verbose=0){axis}.astype("float64")',
        ]
    )


def _to_units(subject: Subject) -> Iterator[str]:
    steps = [*shaped_lines(subject), *_unscaled(subject)]
    if subject.dataset.transform.steps:
        yield from steps
        yield from undo_lines(subject)
    else:
        yield from steps[:-1]
        yield steps[-1].replace("given = ", "return ", 1)


def _unscaled(subject: Subject) -> Iterator[str]:
    if not subject.is_scaled:
        return
    if subject.is_examples:
        yield "given = given * y_scale + y_center"
    elif subject.has_whole_truth:
        yield "given = given * scale[TARGETS].to_numpy() + center[TARGETS].to_numpy()"
    else:
        yield "given = given * target_scale.to_numpy() + target_center.to_numpy()"
