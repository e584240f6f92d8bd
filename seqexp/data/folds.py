"""Cut the test split into folds: stretches that follow each other, each forecast by what was known before it.

Rolling origin, the training growing from fold to fold: Tashman, "Out-of-sample tests of forecasting accuracy", 2000,
https://doi.org/10.1016/S0169-2070(00)00065-0.
"""

from __future__ import annotations

from dataclasses import replace

from seqexp.data.splits import Bounds
from seqexp.data.windows import WindowShape
from seqexp.errors import DataError
from seqexp.spec.settings import BacktestSpec, EvaluationSpec

Stretch = tuple[int, int]  # first step (inclusive) and last step (exclusive)
_KEY = "evaluation.backtest"


def cut_folds(test: Stretch, backtest: BacktestSpec, output_length: int) -> list[Stretch]:
    """Return the stretches of a test split, oldest first: all of one length, and the last ends where the split ends.

    Raises:
        DataError: They do not fit into the split, or are too short for one forecast.

    >>> cut_folds((70, 100), BacktestSpec(folds=3, step=8), 7)
    [(76, 84), (84, 92), (92, 100)]
    """
    start, stop = test
    folds, asked = backtest.folds, backtest.step
    step = asked or (stop - start) // folds
    fewer = f"{_KEY}.folds" if asked is None else f"{_KEY}.step"
    mend = f"Lower {_KEY}.folds{'' if asked is None else f' or {_KEY}.step'}, or give data.split.test more."
    if folds * step > stop - start:
        message = f"{folds} folds of {step} steps need {folds * step} steps, and the test split has {stop - start}."
        raise DataError(message, key=fewer, mend=mend)
    if step < output_length:
        message = f"each of {folds} folds has {step} of the {stop - start} steps of the test split, and a forecast"
        mend = f"Raise {_KEY}.step." if asked is not None else mend
        raise DataError(f"{message} is {output_length} steps long.", key=fewer, mend=mend)
    first = stop - folds * step
    return [(first + fold * step, first + (fold + 1) * step) for fold in range(folds)]


def bounds_of_fold(bounds: Bounds, evaluation: EvaluationSpec, shape: WindowShape) -> Bounds:
    """Return the splits of one fold, given those of the data; without a backtest these are the same.

    Validation keeps its length and ends ``gap`` steps before the stretch that is tested; training is everything before
    it. Trained once, a model has the train and validation of fold 0, and all stretches are its test split.

    Args:
        bounds: The three splits, as ``data.split`` gives them.
        evaluation: Which fold; 0 where it names none.
        shape: Of the windows: the targets of one have to fit into a stretch, and the whole of it into training.

    Raises:
        DataError: The folds do not fit, or leave too little to train on.

    >>> backtest, shape = BacktestSpec(folds=3, gap=2, fold=1), WindowShape.of(14, 7, "future")
    >>> bounds_of_fold(Bounds((0, 60), (60, 70), (70, 100)), EvaluationSpec(mode="backtest", backtest=backtest), shape)
    Bounds(train=(0, 68), validation=(68, 78), test=(80, 90), calibration=(0, 0))
    """
    if evaluation.mode == "holdout":
        return bounds
    backtest = evaluation.backtest
    stretches = cut_folds(bounds.test, backtest, shape.output_length)
    start, stop = stretches[backtest.fold or 0]
    known, begin = start - backtest.gap, bounds.train[0]
    trained = known - bounds.size("validation")
    least = shape.offset + shape.output_length
    if backtest.gap and trained - begin < least:
        said = f"{bounds.size('validation')} steps of validation and a gap of {backtest.gap} before fold "
        said += f"{backtest.fold or 0}, which begins at step {start}, leave {max(trained - begin, 0)} to train on, and "
        mend = "Lower it, or give data.split.train more."
        raise DataError(f"{said}a window needs {least}.", key=f"{_KEY}.gap", mend=mend)
    if backtest.refit == "never":
        stop = stretches[-1][1]
    return replace(bounds, train=(begin, trained), validation=(trained, known), test=(start, stop))


def stretches_of_test(test: Stretch, evaluation: EvaluationSpec) -> list[Stretch]:
    """Return the stretches that the test windows of one run lie in, each window in one of them.

    A model that is trained once is scored on the windows that models of each fold are: none of these reaches from one
    fold into the next.
    """
    return list(scored_folds(test, evaluation).values()) or [test]


def scored_folds(test: Stretch, evaluation: EvaluationSpec) -> dict[int, Stretch]:
    """Return fold -> its stretch, of the folds that one run is scored on; none without a backtest.

    Args:
        test: The test split of the run, see :func:`bounds_of_fold`.
        evaluation: What it was told.
    """
    if evaluation.mode == "holdout":
        return {}
    backtest = evaluation.backtest
    if backtest.refit == "every_fold":
        return {backtest.fold or 0: test}
    step = (test[1] - test[0]) // backtest.folds
    return dict(enumerate(cut_folds(test, backtest.model_copy(update={"step": step}), step)))
