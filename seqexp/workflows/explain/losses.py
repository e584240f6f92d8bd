"""The loss of a script: one of Keras', that of a head, or a user's own."""

from __future__ import annotations

from seqexp.plugins.table import OwnPart, find
from seqexp.spec.catalogue import canonical_name
from seqexp.spec.parts import Part
from seqexp.workflows.explain.code import Code, call, flat, stacked, statement, text, value
from seqexp.workflows.explain.heads import head_loss_block, head_loss_name
from seqexp.workflows.explain.scope import Subject

_PLAIN = {"MeanSquaredError": "mse", "MeanAbsoluteError": "mae"}
_OF_WEIGHTED = "mean_with_sample_weight"  # the mean is taken over the steps that weigh something


def keras_part(section: str, part: Part, **more: Code) -> Code:
    """Return the call that makes a loss or a metric of Keras."""
    made = {key: value(given) for key, given in part.args.items()}
    return call(f"keras.{section}.{canonical_name(section, part.name)}", **made, **more)


def loss_code(subject: Subject) -> Code:
    """Return what the model is compiled with as its loss."""
    if subject.spec.topology.head != "point":
        return head_loss_name(subject)
    part = subject.spec.training.loss
    if (own := find("loss", part.name)) is not None:
        return "loss" if _own_loss_block(subject, own, part) else _own_call(own, part)
    name = canonical_name("losses", part.name)
    if subject.is_filled:
        return keras_part("losses", part, reduction=text(_OF_WEIGHTED))
    return text(_PLAIN[name]) if name in _PLAIN and not part.args else keras_part("losses", part)


def loss_block(subject: Subject) -> str:
    """Return the code of a loss that Keras has not; empty where that needs none."""
    if subject.spec.topology.head != "point":
        return head_loss_block(subject)
    part = subject.spec.training.loss
    own = find("loss", part.name)
    return "" if own is None else _own_loss_block(subject, own, part)


def _own_call(own: OwnPart, part: Part) -> Code:
    args = {key: value(given) for key, given in part.args.items()}
    return call(own.name, **args) if isinstance(own.entry, type) else own.name


def _own_loss_block(subject: Subject, own: OwnPart, part: Part) -> str:
    """Return what has to be done to an own loss first: its arguments given, or the steps weighed."""
    args = {key: value(given) for key, given in part.args.items()}
    if isinstance(own.entry, type):
        reduction = _OF_WEIGHTED if subject.is_filled else "sum_over_batch_size"
        if own.entry(**part.args).reduction == reduction:
            return ""
        return stacked([statement("loss = ", _own_call(own, part)), f"loss.reduction = {text(reduction)}"])
    called = f"return {flat(call(own.name, 'y_true', 'y_pred', **args))}"
    if subject.is_filled:
        told = f'    """{own.name}: the mean over the steps that weigh something."""'
        head = [
            "class OwnLoss(keras.losses.Loss):",
            told,
            "",
            "    def call(self, y_true, y_pred):",
            f"        {called}",
        ]
        return "\n".join([*head, "", "", f"loss = OwnLoss(reduction={text(_OF_WEIGHTED)})"])
    if args:
        told = f'    """{own.name}, with the arguments of the experiment."""'
        return "\n".join(["def loss(y_true, y_pred):", told, f"    {called}"])
    return ""
