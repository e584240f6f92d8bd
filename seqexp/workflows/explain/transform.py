"""The part of a script that transforms the targets (``data.transform``), and takes forecasts back to their units."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.data.transform import LOG
from seqexp.workflows.explain.code import comment, stacked
from seqexp.workflows.explain.scope import Subject

# What the targets are called after each step of a transform.
_LEVELS = {"log": "logs", "difference": "changes", "seasonal_difference": "seasonal_changes"}
_SAID = {
    "log": "the logarithm",
    "difference": "the difference from the step before",
    "seasonal_difference": "the difference from the season before, {lag} steps back",
}


def transform_block(subject: Subject) -> str:
    """Return the code that transforms the targets in ``series``; empty where nothing is done to them."""
    return stacked(list(_lines(subject))) if subject.spec.data.transform else ""


def _lines(subject: Subject) -> Iterator[str]:
    words, lags = subject.spec.data.transform, subject.dataset.transform.steps
    told = ", then ".join(_SAID[word].format(lag=lag) for word, lag in zip(words, lags, strict=True))
    yield comment(f"What is learnt of a target (data.transform): {told}. Forecasts are taken back to its units.")
    levels = _levels(subject)
    if subject.has_whole_truth or lags[0] != LOG:
        yield f"{levels[0]} = series[TARGETS].to_numpy()"
    for position, lag in enumerate(lags):
        if position and lag != LOG:
            yield f"{levels[position]} = series[TARGETS].to_numpy()"
        yield f"series[TARGETS] = {_changed(subject, lag)}"


def _changed(subject: Subject, lag: int) -> str:
    if lag == LOG:
        return "np.log(series[TARGETS])"
    each = ".groupby(which)" if subject.is_several else ""
    return f"series[TARGETS]{each}.diff({'' if lag == 1 else lag})"


def undo_lines(subject: Subject) -> Iterator[str]:
    """Yield the lines that take ``given``, unscaled forecasts, back to the units of the data; the last returns them."""
    lags, levels = subject.dataset.transform.steps, _levels(subject)
    for position in reversed(range(len(lags))):
        before = "return " if position == 0 else "given = "
        yield from _undone(subject, lags[position], levels[position], before)


def _undone(subject: Subject, lag: int, level: str, before: str) -> Iterator[str]:
    length = subject.spec.output_length
    if lag == LOG:
        yield f"{before}np.exp(given)"
    elif lag >= length or subject.spec.topology.contract.alignment == "next":
        yield f"{before}cut({level}, starts + OFFSET - {lag}, OUTPUT_LENGTH) + given"
    elif lag == 1:
        yield comment("What is known last, and the changes since then.")
        yield f"{before}{level}[starts + OFFSET - 1][:, None] + np.cumsum(given, axis=1)"
    else:
        yield comment(f"Each is added to the value {lag} steps before it: the first are known, later ones forecast.")
        yield "for step in range(OUTPUT_LENGTH):"
        yield f"    known = {level}[starts + OFFSET + step - {lag}]"
        yield f"    given[:, step] += given[:, step - {lag}] if step >= {lag} else known"
        if before.startswith("return"):
            yield "return given"


def _levels(subject: Subject) -> list[str]:
    """Return what the targets are called before each step of the transform."""
    first = "truth" if subject.has_whole_truth else "values"
    return [first, *(_LEVELS[word] for word in subject.spec.data.transform[:-1])]


def lost_lines(subject: Subject, names: list[str]) -> Iterator[str]:
    """Yield the lines that leave out the windows which begin where there is no difference yet."""
    lost = subject.dataset.transform.lags
    if not lost or subject.cuts_out:  # of holes, these are the first
        return
    first = "The first step has nothing before it" if lost == 1 else f"The first {lost} steps have nothing before them"
    yield comment(f"{first} to differ from.")
    for name in names:
        begin = subject.dataset.bounds.train[0] if name == "whole" else subject.dataset.bounds.of(name)[0]
        if begin - subject.dataset.shape.offset < lost:
            yield f"{name} = {name}[{name} >= {lost}]"
