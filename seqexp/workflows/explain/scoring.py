"""The part of a script that forecasts validation and test and prints the errors, beside those of persistence."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.workflows.explain.code import stacked
from seqexp.workflows.explain.forecasting import forecast_function
from seqexp.workflows.explain.scope import Subject


def scoring_blocks(subject: Subject) -> Iterator[str]:
    """Yield the code that scores; its last line prints all figures as JSON."""
    yield forecast_function(subject)
    yield _score_function(subject)
    yield stacked(list(_score_lines(subject)))
    yield stacked(
        ["for name, value in figures.items():", '    print(f"{name:22}{value:14,.4f}")', "print(json.dumps(figures))"]
    )


def _score_function(subject: Subject) -> str:
    mean = "np.nanmean" if not subject.has_whole_truth else "np.mean"
    holes = ", over what was observed" if not subject.has_whole_truth else ""
    return "\n".join(
        [
            "def score(true, given):",
            f'    """Return the errors over all windows, steps and targets{holes}."""',
            "    error = given - true",
            f'    return {{"mae": float({mean}(np.abs(error))), "rmse": float(np.sqrt({mean}(error**2)))}}',
        ]
    )


def _score_lines(subject: Subject) -> Iterator[str]:
    splits = '{"val": validation, "test": test}' if subject.has_validation else '{"test": test}'
    yield "figures = {}"
    yield f"for split, starts in {splits}.items():"
    yield "    true = cut(truth, starts + OFFSET, OUTPUT_LENGTH)"
    yield f"    # Persistence, the yardstick: {_what_persists(subject)}."
    yield f"    persistence = {_persistence(subject)}"
    yield '    figures |= {f"{split}/{name}": value for name, value in score(true, forecast(starts)).items()}'
    yield '    figures |= {f"{split}/persistence/{name}": value for name, value in score(true, persistence).items()}'


def _what_persists(subject: Subject) -> str:
    if subject.spec.topology.contract.alignment == "next":
        return "at each step, the value before it"
    return "the last value that is known when the forecast is made, again and again"


def _persistence(subject: Subject) -> str:
    values = "last_known" if not subject.has_whole_truth else "truth"
    alignment = subject.spec.topology.contract.alignment
    if alignment == "next":
        return f"cut({values}, starts + OFFSET - 1, OUTPUT_LENGTH)"
    last = "TIMESTEPS" if alignment == "future" else "OFFSET"
    return f"{values}[starts + {last} - 1][:, None]"
