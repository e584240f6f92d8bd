"""The part of a script that fits: the same batches, in the same order, as a run of the same seed."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.workflows.explain.code import Code, call, comment, listed, stacked, statement, text
from seqexp.workflows.explain.compiling import compile_lines
from seqexp.workflows.explain.losses import loss_block
from seqexp.workflows.explain.scope import Subject

_LEAST_EVALUATED = 256  # windows that are evaluated at once, at least


def fitting_blocks(subject: Subject) -> Iterator[str]:
    """Yield the code from the model to a fitted one."""
    if not subject.refits:
        yield loss_block(subject)
        yield stacked(list(compile_lines(subject)))
    yield _batches(subject)
    before, batches = ("history = ", "batches(train)") if subject.refits else ("", "batches()")
    yield stacked([comment(_kept(subject)), statement(before, call("model.fit", batches, **_fit_named(subject)))])
    if subject.refits:
        yield _last_training()


def _last_training() -> str:
    named = {"steps_per_epoch": "math.ceil(len(whole) / BATCH_SIZE)", "epochs": "best", "shuffle": "False"}
    told = "Once more from the first weights, on train and validation, for as many epochs as were best: this model "
    return stacked(
        [
            comment(f"{told}forecasts the test split. It has seen validation, which the first one is scored on."),
            'best = int(np.argmin(history.history["val_loss"])) + 1',
            "final = build_model()",
            statement("", call("final.fit", "batches(whole)", **named, verbose="2")),
        ]
    )


def _batches(subject: Subject) -> str:
    trained, given, what = ("starts", "starts", "these") if subject.refits else ("train", "", "training")
    if subject.spec.training.shuffle:
        order = f"np.random.default_rng([SEED, epoch]).permutation(len({trained}))"
        told = "each in an order of its own"
    else:
        order, told = f"np.arange(len({trained}))", "in the order of time"
    counted = "epoch" if subject.spec.training.shuffle else "_"
    return "\n".join(
        [
            f"def batches({given}):",
            f'    """Yield batches of {what} windows, epoch after epoch, {told}."""',
            f"    for {counted} in itertools.count():",
            f"        order = {order}",
            "        for first in range(0, len(order), BATCH_SIZE):",
            f"            yield windows({trained}[order[first : first + BATCH_SIZE]])",
        ]
    )


def _kept(subject: Subject) -> str:
    stopping = subject.spec.training.early_stopping
    if not subject.has_validation:
        return "There is no validation split: the weights of the last epoch stay."
    if stopping is None:
        return "The weights of the epoch with the lowest validation loss are kept; it never stops before its time."
    least = f" by more than {stopping.min_delta:g}" if stopping.min_delta else ""
    return (
        f"It stops when the validation loss has not fallen{least} for more than {stopping.patience} epochs, and keeps "
        "the weights of the epoch in which it was lowest. (Keras counts the epoch in which it stops as one of them.)"
    )


def _fit_named(subject: Subject) -> dict[str, Code]:
    named: dict[str, Code] = {"steps_per_epoch": "math.ceil(len(train) / BATCH_SIZE)", "epochs": "EPOCHS"}
    named["shuffle"] = "False"
    if subject.has_validation:
        named["validation_data"] = "windows(validation)"
        named["validation_batch_size"] = str(max(subject.spec.training.batch_size, _LEAST_EVALUATED))
        named["callbacks"] = listed(_callbacks(subject))
    named["verbose"] = "2"
    return named


def _callbacks(subject: Subject) -> Iterator[Code]:
    stopping = subject.spec.training.early_stopping
    keep = {"monitor": text("val_loss"), "restore_best_weights": "True"}
    if stopping is None or stopping.min_delta:  # with min_delta Keras would not keep the very best
        yield call("keras.callbacks.EarlyStopping", patience="EPOCHS", **keep)
    if stopping is not None:
        # Keras ends in the epoch in which its patience is used up; a run ends in the one after.
        patience = str(stopping.patience + 1)
        if stopping.min_delta:
            given = {"monitor": text("val_loss"), "patience": patience, "min_delta": repr(stopping.min_delta)}
            yield call("keras.callbacks.EarlyStopping", **given)
        else:
            yield call("keras.callbacks.EarlyStopping", patience=patience, **keep)
