"""The part of a script on backtests: which rows each fold trains on and tests, and the scores of each."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.data.folds import bounds_of_fold, scored_folds
from seqexp.data.splits import Bounds, split_bounds
from seqexp.workflows.explain.code import comment, listed, stacked, statement, tupled
from seqexp.workflows.explain.scope import Subject


def split_of_folds(subject: Subject) -> str:
    """Return the rows of the splits of every fold, as numbers, and the choice of one on the command line."""
    backtest = subject.spec.evaluation.backtest
    gap = f", but for the last {backtest.gap} steps before it" if backtest.gap else ""
    told = f"A backtest: {backtest.folds} stretches, each forecast by a model that is trained on all before it{gap}."
    rows = [
        tupled(f"slice({start}, {stop})" for start, stop in map(bounds.of, subject.splits))
        for bounds in _bounds_of_folds(subject)
    ]
    names = ", ".join(f"{name}_rows" for name in subject.splits)
    chosen = f"# of 0 to {len(rows) - 1}, named behind this script"
    return stacked(
        [
            comment(f"{told} Of every fold, the rows of {', '.join(subject.splits)}."),
            statement("FOLDS = ", listed(rows)),
            f"FOLD = int(sys.argv[1]) if len(sys.argv) > 1 else 0  {chosen}",
            f"{names} = FOLDS[FOLD]",
            "whole_rows = slice(train_rows.start, validation_rows.stop)" if subject.refits else "",
        ]
    )


def _bounds_of_folds(subject: Subject) -> Iterator[Bounds]:
    evaluation, series = subject.spec.evaluation, subject.dataset.series
    whole = split_bounds(subject.spec.data.split, len(series), series.stamps)
    for fold in evaluation.folds_to_run:
        backtest = evaluation.backtest.model_copy(update={"fold": fold})
        one = evaluation.model_copy(update={"backtest": backtest})
        bounds = bounds_of_fold(whole, one, subject.dataset.shape)
        yield bounds if evaluation.conformal is None else bounds.with_calibration(evaluation.conformal.share)


def words_of_fold(subject: Subject) -> str:
    """Return how the splits of one run of a backtest are cut."""
    backtest = subject.spec.evaluation.backtest
    if backtest.refit == "never":
        return f"A backtest: one model, trained on what lies before the first of {backtest.folds} stretches."
    gap = f", but for the last {backtest.gap} steps before it" if backtest.gap else ""
    return f"Fold {backtest.fold} (from 0) of {backtest.folds} in a backtest: trained on all before its stretch{gap}."


def is_trained_once(subject: Subject) -> bool:
    """Whether one model is scored on all folds of a backtest."""
    evaluation = subject.spec.evaluation
    return evaluation.mode == "backtest" and evaluation.backtest.refit == "never"


def stretches(subject: Subject) -> str:
    """Return the rows of every stretch, where one model is scored on all of them."""
    folds = scored_folds(subject.dataset.bounds.test, subject.spec.evaluation)
    return statement("FOLDS = ", listed(f"slice({start}, {stop})" for start, stop in folds.values()))


def windows_of_stretches() -> Iterator[str]:
    """Yield the test windows of every stretch."""
    yield comment("Test windows lie in one stretch each: none reaches from one into the next.")
    yield "test = np.concatenate([window_starts(rows) for rows in FOLDS])"


def fold_scores(subject: Subject) -> str:
    """Return the code that scores each fold by itself, where one model forecasts all of them; else nothing."""
    if not is_trained_once(subject):
        return ""
    model = "final" if subject.refits else "model"
    point = "[QUANTILES.index(0.5)]" if subject.spec.topology.head != "point" else ""
    return stacked(
        [
            comment("The stretches, each by itself."),
            "for fold, rows in enumerate(FOLDS):",
            "    starts = test[(test + OFFSET >= rows.start) & (test + OFFSET < rows.stop)]",
            f"    errors = score({subject.truth_of('starts')}, {subject.forecast_of('starts', model)}{point})",
            '    figures |= {f"test/fold/{fold}/{name}": value for name, value in errors.items()}',
        ]
    )
