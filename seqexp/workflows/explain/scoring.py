"""The part of a script that forecasts validation and test and prints the errors, beside those of a yardstick."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.workflows.explain.code import Code, call, mapped, stacked, statement, value
from seqexp.workflows.explain.folds import fold_scores
from seqexp.workflows.explain.forecasting import forecast_function
from seqexp.workflows.explain.intervals import calibration_block, interval_functions, scored_lines
from seqexp.workflows.explain.scope import Subject

_OF_TOKENS = '''def score(true, logits):
    """Return how often a token is right, how often a whole answer is, and the cross-entropy of a token (nats)."""
    right = true.argmax(axis=-1) == logits.argmax(axis=-1)
    log_chance = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return {
        "accuracy": float(right.mean()),
        "exact_match": float(right.all(axis=1).mean()),
        "cross_entropy": float(-(true * log_chance).sum(axis=-1).mean()),
    }'''


def scoring_blocks(subject: Subject) -> Iterator[str]:
    """Yield the code that scores; its last line prints all figures as JSON."""
    yield forecast_function(subject)
    yield _OF_TOKENS if subject.spec.data.is_tokens else _score_function(subject)
    yield from interval_functions(subject)
    yield calibration_block(subject)
    yield stacked(list(_score_lines(subject)))
    yield fold_scores(subject)
    yield stacked(
        [
            "for name, value in figures.items():",
            f'    print(f"{{name:{26 if subject.spec.data.is_tokens else 22}}}{{value:14,.4f}}")',
            "print(json.dumps(figures))",
        ]
    )


def _score_function(subject: Subject) -> str:
    mean = "np.nanmean" if not subject.has_whole_truth else "np.mean"
    holes = ", over what was observed" if not subject.has_whole_truth else ""
    errors: dict[str, Code] = {"mae": f"float({mean}(np.abs(error)))", "rmse": f"float(np.sqrt({mean}(error**2)))"}
    for part in subject.spec.evaluation.metrics:
        args = {key: value(given) for key, given in part.args.items()}
        errors[part.name] = call("float", call(part.name, "true", "given", **args))
    return "\n".join(
        [
            "def score(true, given):",
            f'    """Return the errors over all windows, steps and targets{holes}."""',
            "    error = given - true",
            statement("return ", mapped(errors), indent=4),
        ]
    )


def _score_lines(subject: Subject) -> Iterator[str]:
    name = "persistence"
    if subject.spec.data.is_tokens:
        name = "majority"
        yield "# The yardstick: how frequent each token is at each step in training, whatever is asked."
        yield 'frequency = targets[train].mean(axis=0, keepdims=True, dtype="float64")'
        yield "majority = np.log(np.maximum(frequency, 1e-7))"
    elif subject.is_examples:
        name = "mean"
        told = "the yardstick: the same for every example"
        yield f'mean = {subject.truth_of("train")}.mean(axis=0, dtype="float64")  # {told}'
    yield "figures = {}"
    if subject.refits:
        yield f'for split, fitted, {subject.places} in (("val", model, validation), ("test", final, test)):'
    else:
        splits = '{"val": validation, "test": test}' if subject.has_validation else '{"test": test}'
        yield f"for split, {subject.places} in {splits}.items():"
    yield f"    true = {subject.truth_of(subject.places)}"
    if not subject.is_examples:
        yield f"    # Persistence, the yardstick: {_what_persists(subject)}."
        yield f"    persistence = {_persistence(subject)}"
    for line in scored_lines(subject):
        yield f"    {line}"
    naive = name
    if subject.spec.evaluation.metrics:  # which may ask for the shape
        yield f"    naive = np.broadcast_to({name}, true.shape)"
        naive = "naive"
    yield f'    figures |= {{f"{{split}}/{name}/{{name}}": value for name, value in score(true, {naive}).items()}}'


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
