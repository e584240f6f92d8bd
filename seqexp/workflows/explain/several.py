"""The part of a script on several series of one table: they are put end to end, and no window crosses a border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqexp.workflows.explain.code import comment, indented, listed, stacked, statement, text, tupled
from seqexp.workflows.explain.scaling import split_words
from seqexp.workflows.explain.scope import Subject

_STARTS = '''def window_starts(split, every=1):
    """Return the first input step of every window whose targets all lie in a split of one of the series.

    Its input may reach back before the split, never past its targets, nor into another series.
    """
    found = []
    for bounds in BOUNDS:
        first = max(bounds[split] - OFFSET, bounds[0])
        last = bounds[split + 1] - OUTPUT_LENGTH - OFFSET
        found.append(np.arange(first, last + 1, every))
    return np.concatenate(found)'''


def several_blocks(subject: Subject, source: Sequence[str], one: Sequence[str]) -> Iterator[str]:
    """Yield the code that reads each series by itself, given the lines that read the table, and those of one series."""
    yield stacked(source)
    given = "series" if subject.has_whole_truth else "series, truth"
    head = ["def read_one(table):", '    """Return the numbers of one series, given its rows."""']
    yield stacked([*head, *indented(one), f"    return {given}"])
    yield stacked(list(_joining_lines(subject)))


def _joining_lines(subject: Subject) -> Iterator[str]:
    yield comment("Several series stand in the table; each is read by itself, and then they are put end to end.")
    yield f"each = [read_one(rows) for _, rows in table.groupby({text(str(subject.spec.data.series))}, sort=False)]"
    if subject.has_whole_truth:
        yield "series = pd.concat(each)"
    else:
        yield "series, truth = map(pd.concat, zip(*each))"
    if subject.dataset.transform.lags or not subject.has_whole_truth:
        rows = "rows" if subject.has_whole_truth else "rows, _"
        told = "the series that each row belongs to"
        yield f"which = np.repeat(np.arange(len(each)), [len(rows) for {rows} in each])  # {told}"


def split_of_several(subject: Subject) -> str:
    """Return the rows of each split of each series, as numbers."""
    words = split_words(subject, "its rows")
    order = ", ".join(f"the end of its {name}" for name in subject.splits)
    told = f"Each series is split in time by itself, before anything is fitted: {words}. Its first row, then {order}."
    bounds = [
        tupled([str(each.train[0]), *(str(each.of(name)[1]) for name in subject.splits)])
        for each in subject.dataset.splits
    ]
    lines = [comment(told), statement("BOUNDS = ", listed(bounds))]
    lines.append(f"{', '.join(map(str.upper, subject.splits))} = range({len(subject.splits)})")
    lines.append("train_rows = np.concatenate([np.arange(bounds[TRAIN], bounds[TRAIN + 1]) for bounds in BOUNDS])")
    return stacked(lines)


def starts_of_several() -> str:
    """Return the function that finds windows in a split of every series."""
    return _STARTS


def start_lines(subject: Subject) -> Iterator[str]:
    """Yield the lines that find the windows of each split."""
    stride, origins = subject.spec.training.stride, subject.spec.evaluation.origins
    yield f"train = window_starts(TRAIN{f', every={stride}' if stride > 1 else ''})"
    if subject.refits:
        yield comment("For the last training, on train and validation together.")
        last = "bounds[VALIDATION + 1] - OUTPUT_LENGTH - OFFSET + 1"
        step = f", {stride}" if stride > 1 else ""
        yield f"whole = np.concatenate([np.arange(bounds[0], {last}{step}) for bounds in BOUNDS])"
    for name in subject.splits[1:]:
        every = f", every={origins.every}" if origins.every > 1 else ""
        yield f"{name} = window_starts({name.upper()}{every})"
