"""The part of a script that reads windows which lie in no series, from a task or a file, splits and scales them."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.data.examples import span_of
from seqexp.spec.parts import Part
from seqexp.spec.sources import WindowsSource
from seqexp.workflows.explain.code import comment, stacked, statement
from seqexp.workflows.explain.scaling import own_scaler, scaled_with, split_words
from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.tasks import Task, task_call, task_functions

_STATISTICS = {
    "standard": ("{rows}.mean(axis=(0, 1))", "{rows}.std(axis=(0, 1))"),
    "minmax": ("{rows}.min(axis=(0, 1))", "np.ptp({rows}, axis=(0, 1))"),
    "robust": ("np.median({rows}, axis=(0, 1))", "np.subtract(*np.quantile({rows}, [0.75, 0.25], axis=(0, 1)))"),
}


def example_blocks(subject: Subject) -> Iterator[str]:
    """Yield the code from the source to ``inputs``, ``targets`` and the positions of the examples of each split."""
    source = subject.spec.data.source
    names = "x, y" if subject.is_scaled else "inputs, targets"
    if isinstance(source, WindowsSource):
        exact = "float64" if subject.is_scaled else "float32"
        read = ", ".join(f'arrays["{array}"].astype("{exact}")' for array in ("x", "y"))
        yield f"arrays = np.load(DATA)\n{names} = {read}"
    elif isinstance(source, Task):
        yield from task_functions(source)
        yield statement(f"{names} = ", task_call(source))
    yield _split(subject)
    yield stacked(list(_scaling_lines(subject)))
    yield stacked(list(_thinning_lines(subject)))
    yield _batch_function(subject)


def _split(subject: Subject) -> str:
    span = span_of(subject.dataset.shape)
    ranges = []
    for name in subject.splits:
        start, stop = subject.dataset.bounds.of(name)
        first, last = -(-start // span), stop // span  # the tail that is kept for calibration may start in an example
        ranges.append(f"np.arange({f'{first}, ' if first else ''}{last})")
    words = split_words(subject, f"{len(subject.dataset.series) // span:,} examples")
    lines = [comment(f"Split as they stand, before anything is fitted: {words}.")]
    if (conformal := subject.spec.evaluation.conformal) is not None:
        told = f"Of validation, the last {conformal.share:.0%} are kept for calibration: nothing is chosen by them."
        lines.append(comment(told))
    lines += [f"{name} = {places}" for name, places in zip(subject.splits, ranges, strict=True)]
    if subject.refits:
        last = subject.dataset.bounds.validation[1] // span
        lines += [comment("For the last training: train and validation together."), f"whole = np.arange({last})"]
    return stacked(lines)


def _scaling_lines(subject: Subject) -> Iterator[str]:
    if not subject.is_scaled:
        return
    kind = subject.spec.data.scaler
    yield comment(f"Scaled with {scaled_with(kind)} of the training examples alone.")
    scalers = {"x": subject.dataset.feature_scaler, "y": subject.dataset.target_scaler}
    for name, scaler in scalers.items():
        if isinstance(kind, Part):
            columns = f"{name}[train].reshape(-1, {name}.shape[-1]).T"
            fitted = f"np.transpose([{own_scaler(kind, 'column')} for column in {columns}])"
        else:
            fitted = ", ".join(pattern.format(rows=f"{name}[train]") for pattern in _STATISTICS[kind])
        yield f"{name}_center, {name}_scale = {fitted}"
        if (scaler.scale_F == 1.0).any():
            yield comment("A column that never changes is only centred.")
            yield f"{name}_scale = np.where({name}_scale > 1e-12 * np.abs({name}_center), {name}_scale, 1.0)"
    yield 'inputs = ((x - x_center) / x_scale).astype("float32")'
    yield 'targets = ((y - y_center) / y_scale).astype("float32")'


def _thinning_lines(subject: Subject) -> Iterator[str]:
    stride, every = subject.spec.training.stride, subject.spec.evaluation.origins.every
    if stride > 1:
        yield f"train = train[::{stride}]  # not all of them are trained on"
        if subject.refits:
            yield f"whole = whole[::{stride}]"
    if every > 1:
        for name in subject.splits[1:]:
            yield f"{name} = {name}[::{every}]"


def _batch_function(subject: Subject) -> str:
    lines = ["def windows(chosen):", '    """Return the inputs and targets of these examples."""']
    if subject.gives_steps:
        return "\n".join([*lines, "    return inputs[chosen], targets[chosen]"])
    told = "    # One step is given, without an axis of steps: (examples, columns)."
    return "\n".join([*lines, told, "    return inputs[chosen], targets[chosen, 0]"])
