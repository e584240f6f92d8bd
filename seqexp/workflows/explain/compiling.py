"""The part of a script that compiles the model: optimizer, loss, metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqexp.spec.catalogue import canonical_name
from seqexp.spec.parts import split_part
from seqexp.workflows.explain.code import Code, call, comment, listed, statement, value
from seqexp.workflows.explain.losses import keras_part, loss_code
from seqexp.workflows.explain.scope import Subject


def compile_lines(subject: Subject, indent: int = 0) -> Iterator[str]:
    """Yield the lines that compile the model."""
    spec = subject.spec
    metrics = [keras_part("metrics", part) for part in spec.training.metrics]
    optimizer = _optimizer(spec.optimizer.name, spec.optimizer.args)
    named: dict[str, Code] = {"optimizer": optimizer, "loss": loss_code(subject)}
    if metrics:
        named["weighted_metrics" if subject.is_filled else "metrics"] = listed(metrics)
    yield statement("", call("model.compile", **named), indent=indent)
    if spec.optimizer.name == "ScheduleFreeAdamW":
        yield comment("Built inside fit, it would lose the weights that it starts from.", indent=indent)
        yield f"{' ' * indent}model.optimizer.build(model.trainable_variables)"


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
