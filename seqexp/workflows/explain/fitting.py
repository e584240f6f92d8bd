"""The part of a script that compiles and fits: the same batches, in the same order, as a run of the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqexp.spec.catalogue import canonical_name
from seqexp.spec.parts import Part, split_part
from seqexp.workflows.explain.code import Code, call, comment, listed, stacked, statement, text, value
from seqexp.workflows.explain.heads import loss_block, loss_name
from seqexp.workflows.explain.scope import Subject

_PLAIN = {"MeanSquaredError": "mse", "MeanAbsoluteError": "mae"}
_LEAST_EVALUATED = 256  # windows that are evaluated at once, at least


def fitting_blocks(subject: Subject) -> Iterator[str]:
    """Yield the code from the model to a fitted one."""
    yield loss_block(subject)
    yield _compile(subject)
    yield _batches(subject)
    yield stacked([comment(_kept(subject)), statement("", call("model.fit", "batches()", **_fit_named(subject)))])


def _compile(subject: Subject) -> str:
    spec = subject.spec
    metrics = [_part("keras.metrics", "metrics", part) for part in spec.training.metrics]
    named: dict[str, Code] = {"optimizer": _optimizer(spec.optimizer.name, spec.optimizer.args), "loss": _loss(subject)}
    if metrics:
        named["weighted_metrics" if subject.is_filled else "metrics"] = listed(metrics)
    lines = [statement("", call("model.compile", **named))]
    if spec.optimizer.name == "ScheduleFreeAdamW":
        lines.append(comment("Built inside fit, it would lose the weights that it starts from."))
        lines.append("model.optimizer.build(model.trainable_variables)")
    return stacked(lines)


def _optimizer(name: str, args: Mapping[str, Any]) -> Code:
    written = {key: _learning_rate(given) if key == "learning_rate" else _plain(given) for key, given in args.items()}
    return call(f"keras.optimizers.{canonical_name('optimizers', name)}", **written)


def _learning_rate(given: Any) -> Code:
    found = split_part(given)
    if found is None:
        return value(given)
    name, args = found
    made = {key: _plain(item) for key, item in args.items()}
    return call(f"keras.optimizers.schedules.{canonical_name('schedules', name)}", **made)


def _plain(given: Any) -> Code:
    return listed(_plain(item) for item in given) if isinstance(given, (list, tuple)) else value(given)


def _loss(subject: Subject) -> Code:
    if subject.spec.topology.head != "point":
        return loss_name(subject)
    part = subject.spec.training.loss
    name = canonical_name("losses", part.name)
    if subject.is_filled:  # the mean is taken over the steps that weigh something
        return _part("keras.losses", "losses", part, reduction=text("mean_with_sample_weight"))
    return text(_PLAIN[name]) if name in _PLAIN and not part.args else _part("keras.losses", "losses", part)


def _part(module: str, section: str, part: Part, **more: Code) -> Code:
    made = {key: value(given) for key, given in part.args.items()}
    return call(f"{module}.{canonical_name(section, part.name)}", **made, **more)


def _batches(subject: Subject) -> str:
    if subject.spec.training.shuffle:
        order = "np.random.default_rng([SEED, epoch]).permutation(len(train))"
        told = "each in an order of its own"
    else:
        order, told = "np.arange(len(train))", "in the order of time"
    counted = "epoch" if subject.spec.training.shuffle else "_"
    return "\n".join(
        [
            "def batches():",
            f'    """Yield batches of training windows, epoch after epoch, {told}."""',
            f"    for {counted} in itertools.count():",
            f"        order = {order}",
            "        for first in range(0, len(order), BATCH_SIZE):",
            "            yield windows(train[order[first : first + BATCH_SIZE]])",
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
