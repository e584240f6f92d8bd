"""The part of a script that splits and cuts windows."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.spec.settings import OriginsSpec
from seqexp.workflows.explain.code import comment, stacked
from seqexp.workflows.explain.folds import (
    is_trained_once,
    split_of_folds,
    stretches,
    windows_of_stretches,
    words_of_fold,
)
from seqexp.workflows.explain.scaling import split_words
from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.several import split_of_several, start_lines, starts_of_several
from seqexp.workflows.explain.transform import lost_lines

_STARTS = '''def window_starts(rows):
    """Return the first input step of every window whose targets all lie in these rows.

    Its input may reach back before them, never past its targets.
    """
    first = max(rows.start - OFFSET, 0)
    last = rows.stop - OUTPUT_LENGTH - OFFSET
    return np.arange(first, last + 1)'''
_CUT = '''def cut(values, starts, length):
    """Cut windows out of a series: (windows, length, columns)."""
    return values[starts[:, None] + np.arange(length)]'''


def split_block(subject: Subject) -> str:
    """Return the rows of each split, as numbers."""
    if subject.is_several:
        return split_of_several(subject)
    evaluation, bounds = subject.spec.evaluation, subject.dataset.bounds
    if evaluation.folds_to_run:
        return split_of_folds(subject)
    rows = f"{len(subject.dataset.series):,} rows"
    told = f"Split in time, before anything is fitted: {split_words(subject, rows)}."
    if evaluation.mode == "backtest":
        told = words_of_fold(subject)
    is_by_fold = is_trained_once(subject)
    names = [name for name in subject.splits if name != "calibration" and not (name == "test" and is_by_fold)]
    left = ", ".join(f"{name}_rows" for name in names)
    right = ", ".join(f"slice({start}, {stop})" for start, stop in map(bounds.of, names))
    lines = [comment(told), f"{left} = {right}", stretches(subject) if is_by_fold else ""]
    if (conformal := subject.spec.evaluation.conformal) is not None:
        start, stop = bounds.calibration
        told = f"Of validation, the last {conformal.share:.0%} are kept for calibration: nothing is chosen by them."
        lines += [comment(told), f"calibration_rows = slice({start}, {stop})"]
    if subject.refits:
        told = "For the last training (training.refit): train and validation together."
        lines += [comment(told), f"whole_rows = slice({bounds.train[0]}, {bounds.validation[1]})"]
    return stacked(lines)


def window_blocks(subject: Subject) -> Iterator[str]:
    """Yield the code that finds the first steps of windows, and the functions that cut them."""
    yield starts_of_several() if subject.is_several else _STARTS
    yield _CUT
    yield stacked(list(_start_lines(subject)))
    yield _batch_function(subject)


def _start_lines(subject: Subject) -> Iterator[str]:
    spec = subject.spec
    trained = ["train", "whole"] if subject.refits else ["train"]
    names = [*trained, *subject.splits[1:]]
    if spec.training.stride > 1:
        yield comment(f"Training windows start every {spec.training.stride} steps.")
    if subject.is_several:
        yield from start_lines(subject)
    else:
        stride = f"[::{spec.training.stride}]" if spec.training.stride > 1 else ""
        by_fold = ["test"] if is_trained_once(subject) else []
        for name in names:
            if name not in by_fold:
                yield f"{name} = window_starts({name}_rows){stride if name in trained else ''}"
        if by_fold:
            yield from windows_of_stretches()
    yield from _origin_lines(
        spec.evaluation.origins,
        subject.splits[1:],
        is_thinned=subject.is_several,
        is_by_fold=is_trained_once(subject),
    )
    yield from lost_lines(subject, names)
    if subject.cuts_out:
        begins = "" if subject.has_holes else " (steps with nothing before them to differ from)"
        yield comment(f"Windows that touch a hole{begins} are left out.")
        yield "input_holes, target_holes = np.isnan(inputs).any(axis=1), np.isnan(targets).any(axis=1)"
        if subject.reads_ahead:
            yield "target_holes |= np.isnan(ahead).any(axis=1)"
        for name in names:
            yield f"{name} = {name}[~cut(input_holes, {name}, TIMESTEPS).any(axis=1)]"
            yield f"{name} = {name}[~cut(target_holes, {name} + OFFSET, OUTPUT_LENGTH).any(axis=1)]"


def _origin_lines(origins: OriginsSpec, names: list[str], *, is_thinned: bool, is_by_fold: bool) -> Iterator[str]:
    if origins.at is not None:
        hours, minutes = (int(part) for part in origins.at.split(":"))
        yield comment(f"Forecasts are issued at {origins.at}: that is the time of the last step that is read.")
        yield f"is_origin = np.asarray((series.index.hour == {hours}) & (series.index.minute == {minutes}))"
        for name in names:
            yield f"{name} = {name}[is_origin[{name} + TIMESTEPS - 1]]"
    if origins.every > 1 and not is_thinned:
        yield comment(f"A forecast every {origins.every} steps.")
        for name in names:
            if name == "test" and is_by_fold:
                yield "by_fold = [test[(test + OFFSET >= rows.start) & (test + OFFSET < rows.stop)] for rows in FOLDS]"
                thinned = f"starts[(starts - starts[:1]) % {origins.every} == 0]"
                yield f"test = np.concatenate([{thinned} for starts in by_fold])"
            elif origins.at is None:
                yield f"{name} = {name}[::{origins.every}]"
            else:
                yield f"{name} = {name}[({name} - {name}[0]) % {origins.every} == 0]"


def _batch_function(subject: Subject) -> str:
    weighted = subject.is_filled
    what = "inputs, targets and weights" if weighted else "inputs and targets"
    lines = ["def windows(starts):", f'    """Return the {what} of the windows that begin at these steps."""']
    if subject.reads_ahead:
        lines.append("    x = cut(inputs, starts, TIMESTEPS), cut(ahead, starts + OFFSET, OUTPUT_LENGTH)")
        lines.append("    y = cut(targets, starts + OFFSET, OUTPUT_LENGTH)")
    else:
        lines.append("    x, y = cut(inputs, starts, TIMESTEPS), cut(targets, starts + OFFSET, OUTPUT_LENGTH)")
    if weighted:
        lines.append("    w = cut(weights, starts + OFFSET, OUTPUT_LENGTH)")
    if not subject.gives_steps:
        lines.append("    # One step is given, without an axis of steps: (windows, columns).")
        lines.append(f"    return x, y[:, 0]{', w[:, 0]' if weighted else ''}")
    else:
        lines.append(f"    return x, y{', w' if weighted else ''}")
    return "\n".join(lines)


def offset_constant(subject: Subject) -> str:
    """Return the line that says where the first target lies."""
    alignment, lead = subject.spec.topology.contract.alignment, subject.spec.data.lead
    if alignment == "next":
        return "OFFSET = TIMESTEPS - OUTPUT_LENGTH + 1  # each of the last N inputs is answered with the step after it"
    if alignment == "same":
        return "OFFSET = TIMESTEPS - OUTPUT_LENGTH  # the targets are labels of the last N input steps themselves"
    if lead:
        return f"OFFSET = TIMESTEPS + {lead}  # steps from the first input to the first target, {lead} between them"
    return "OFFSET = TIMESTEPS  # steps from the first input to the first target: it follows the last input"
