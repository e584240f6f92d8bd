"""The part of a script on intervals: their calibration around points, and how they are scored."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.workflows.explain.code import comment, stacked
from seqexp.workflows.explain.scope import Subject


def level_constant(subject: Subject) -> str:
    """Return the line that says how sure intervals around points shall be; empty without."""
    conformal = subject.spec.evaluation.conformal
    return "" if conformal is None else f"LEVEL = {conformal.level}  # the share of the truth that intervals shall hold"


def calibration_block(subject: Subject) -> str:
    """Return the code that finds how far intervals reach from a point forecast; empty without."""
    return stacked(list(_calibration_lines(subject))) if subject.spec.evaluation.conformal else ""


def _calibration_lines(subject: Subject) -> Iterator[str]:
    yield comment(
        "Split conformal prediction: of n errors on windows that nothing was fitted on or chosen by, at each step of "
        "the horizon, the ceil((n + 1) * LEVEL)-th smallest. The truth lies so near with at least that chance. (Less "
        "1e-9, or rounding would count one error too many.)"
    )
    yield f"missed = np.abs({subject.forecast_of('calibration')} - {subject.truth_of('calibration')})"
    less = "- 1e-9"  # (34 + 1) * 0.8 is a little more than 28
    if subject.has_whole_truth:
        yield f"radius = np.sort(missed, axis=0)[math.ceil((len(missed) + 1) * LEVEL {less}) - 1]"
    else:
        yield "known = (~np.isnan(missed)).sum(axis=0, keepdims=True)  # what was not observed is sorted behind"
        yield f"rank = np.ceil((known + 1) * LEVEL {less}).astype(int)"
        yield "radius = np.take_along_axis(np.sort(missed, axis=0), rank - 1, axis=0)[0]"


def interval_functions(subject: Subject) -> Iterator[str]:
    """Yield the functions that score intervals; none where there are none."""
    if not subject.has_intervals:
        return
    known = "[~np.isnan(true)]" if not subject.has_whole_truth else ""
    yield "\n".join(
        [
            "def score_interval(true, lower, upper):",
            '    """Return which share of the truth lies inside, and how wide the interval is."""',
            "    inside, width = (lower <= true) & (true <= upper), upper - lower",
            f'    return {{"coverage": float(inside{known}.mean()), "interval_width": float(width{known}.mean())}}',
        ]
    )
    if subject.spec.topology.head != "point":
        mean = "np.nanmean" if not subject.has_whole_truth else "np.mean"
        yield "\n".join(
            [
                "def score_quantiles(true, given):",
                '    """Return the quantile loss, the mean over all levels."""',
                "    error, levels = true - given, np.reshape(QUANTILES, (-1, 1, 1, 1))",
                f'    return {{"pinball": float({mean}(np.maximum(levels * error, (levels - 1) * error)))}}',
            ]
        )


def scored_lines(subject: Subject) -> Iterator[str]:
    """Yield the lines that score the model in the loop over splits, with what intervals add."""
    if not subject.has_intervals:
        found = f"score(true, {subject.forecast_of(subject.places, 'fitted')})"
        yield f'figures |= {{f"{{split}}/{{name}}": value for name, value in {found}.items()}}'
        return
    yield f"given = {subject.forecast_of(subject.places, 'fitted')}"
    if subject.spec.topology.head == "point":
        yield "errors = score(true, given) | score_interval(true, given - radius, given + radius)"
    else:
        yield "errors = score(true, given[QUANTILES.index(0.5)]) | score_interval(true, given[0], given[-1])"
        yield "errors |= score_quantiles(true, given)"
    yield 'figures |= {f"{split}/{name}": value for name, value in errors.items()}'
