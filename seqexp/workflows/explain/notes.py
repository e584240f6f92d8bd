"""What a comment says of a layer: what comes in and goes out, and why it stands where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seqexp.spec.parts import split_part
from seqexp.spec.topology import READS_AHEAD
from seqexp.workflows.explain.scope import Step, Subject

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D")
_SPREADS = ("RepeatVector", "Reshape")
_KEEPS_STEPS = "return_sequences=True: it gives an output at every step, not at the last one alone"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape of one window: ``(14, 1)``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def note_of(subject: Subject, position: int) -> str:
    """Return the comment of one layer: its shapes, and a word on it where there is one to say."""
    step = subject.chain[position]
    words = explanation_of(subject, position)
    shapes = f"{shape_text(step.before)} -> {shape_text(step.after)}"
    return f"{shapes}  {words}" if words else shapes


def explanation_of(subject: Subject, position: int) -> str:
    """Return what there is to say of one layer; empty where its name says it all."""
    name = subject.chain[position].part.name
    if name in RECURRENT or name == "Bidirectional":
        return _recurrent(subject, position)
    written = _NOTES.get(name)
    return written(subject, position) if written else ""


def inner_name(args: Any) -> str:
    """Return the name of the layer that another one wraps."""
    found = split_part(args.get("layer"))
    return found[0] if found else ""


def _recurrent(subject: Subject, position: int) -> str:
    step = subject.chain[position]
    before = [earlier.part.name for earlier in subject.chain[:position]]
    after = [later.part.name for later in subject.chain[position + 1 :]]
    both_ways = step.part.name == "Bidirectional"
    both = (
        "One copy reads the steps forwards, another one backwards, and what they give is joined. " if both_ways else ""
    )
    if len(step.after) > 1:
        if "ZeroPadding1D" in before:
            return f"{both}{_KEEPS_STEPS}, so also at the empty ones, where it has read the whole input."
        if "RepeatVector" in before:
            reads_encoded = any(name in (*RECURRENT, "Bidirectional") for name in before)
            role = "The decoder" if reads_encoded else "Its own state unrolls the repeated vector into a sequence"
            return f"{both}{role}. {_KEEPS_STEPS}."
        return f"{both}{_KEEPS_STEPS}."
    if "RepeatVector" in after:
        return f"{both}The encoder: of its {step.before[0]} outputs it gives the last alone, which sums up all steps."
    return (
        f"{both}It reads the {step.before[0]} steps one after another and gives its last output alone: a vector that "
        "has seen them all."
    )


def _repeat(subject: Subject, position: int) -> str:
    step = subject.chain[position]
    return (
        f"A recurrent layer reads steps, and here is one vector: it is repeated, once for each of the {step.after[0]} "
        "steps to give."
    )


def _reshape(subject: Subject, position: int) -> str:
    step, is_last = subject.chain[position], position == len(subject.chain) - 1
    if is_last and len(step.before) == 1 and len(step.after) == 2:
        return "From one long vector to steps and targets."
    if len(step.before) == 2 and step.before[0] == 1 and len(step.after) == 1:
        return "Drop the axis of time, one step long: RepeatVector takes a vector."
    return "The same numbers in another shape."


def _pad(subject: Subject, position: int) -> str:
    step = subject.chain[position]
    added = step.after[0] - step.before[0]
    return (
        f"{added} empty steps (zeros): behind the input, the layer after them has time to answer once it has read all."
    )


def _call(subject: Subject, position: int) -> str:
    step = subject.chain[position]
    if step.part.args.get("function") != "last_steps":
        return _FUNCTIONS.get(str(step.part.args.get("function")), "")
    kept, given = step.after[0], step.before[0]
    lost = f"The outputs of the first {given - kept} steps are dropped." if given > kept else ""
    if any(earlier.part.name == "ZeroPadding1D" for earlier in subject.chain[:position]):
        return f"Keep the outputs of the {kept} empty steps. {lost}".strip()
    unread = kept - 1
    if not unread or subject.spec.topology.contract.alignment != "future":
        return f"Keep the last {kept} outputs. {lost}".strip()
    return (
        f"Keep the last {kept} outputs. {lost} The first that is kept has not read the last {unread} input steps: what "
        "the slice costs."
    ).replace("  ", " ")


def _dense(subject: Subject, position: int) -> str:
    step, is_last = subject.chain[position], position == len(subject.chain) - 1
    length, outputs = subject.spec.output_length, subject.spec.data.n_targets * subject.spec.topology.outputs_per_target
    follows = any(earlier.part.name in (*RECURRENT, "Bidirectional") for earlier in subject.chain[:position])
    bounded = " A recurrent output is a tanh, between -1 and 1; the head is linear and goes beyond." if follows else ""
    if len(step.after) == 1 and step.after[0] == length * outputs and length > 1:
        return f"All {length} steps at once, {outputs} number(s) each: one output for each of them.{bounded}"
    if is_last or all(_changes_nothing(later) for later in subject.chain[position + 1 :]):
        each = "The head, the same weights at every step." if len(step.after) > 1 < step.after[0] else "The head."
        return f"{each}{bounded}"
    return ""


def _changes_nothing(step: Step) -> bool:
    return step.part.name == "Activation" and step.part.args.get("activation") == "linear"


def _distributed(subject: Subject, position: int) -> str:
    step = subject.chain[position]
    inner = inner_name(step.part.args)
    if inner == "Dense":
        return (
            f"One Dense layer for all steps: TimeDistributed applies it to each. {_dense(subject, position)}".replace(
                "The head, the same weights at every step.", ""
            )
            .replace("  ", " ")
            .strip()
        )
    return f"The same {inner} at every step."


def _activation(subject: Subject, position: int) -> str:
    is_linear = _changes_nothing(subject.chain[position])
    return "Linear: it changes nothing, and says that the output is not bounded." if is_linear else ""


def _join(subject: Subject, position: int) -> str:
    if len(subject.chain[position].before) > 1:
        return "To each step what is known of it ahead: the second input."
    return f"What is known ahead of the {subject.spec.output_length} steps, the second input, all of it in one vector."


def _said(words: str) -> Callable[[Subject, int], str]:
    return lambda subject, position: words


_FUNCTIONS = {
    "first_steps": "Keep the first steps.",
    "take_step": "Take one step: what follows knows a vector and no steps.",
    "reverse_time": "Turn the order of the steps round.",
    "difference": "From values to changes: the value some steps before is taken away, which costs as many steps.",
    "cumulative_sum": "From changes to values: sum up along time.",
    "mean_over_time": "The mean of all steps: a vector.",
    "add_time_axis": "A sequence of one step.",
}
_NOTES: dict[str, Callable[[Subject, int], str]] = {
    "Activation": _activation,
    "AdditiveAttention": _said("Every step looks at every step: query and value are the sequence itself."),
    "Attention": _said("Every step looks at every step: query and value are the sequence itself."),
    "BatchNormalization": _said("Its statistics are those of the batch in training, running means afterwards."),
    "Conv1D": _said("Filters that slide along time: each sees as many steps as its kernel is long."),
    "Cropping1D": _said("Steps at the ends are cut off."),
    "Dense": _dense,
    "Dropout": _said("Active in training alone: a share of the values is set to 0, against overfitting."),
    "Flatten": _said("All steps in one long vector: from here on, their order is that of the weights."),
    "GlobalAveragePooling1D": _said("The mean of all steps: a vector."),
    "GlobalMaxPooling1D": _said("The largest value of all steps: a vector."),
    "GroupQueryAttention": _said("Every step looks at every step: query and value are the sequence itself."),
    "Lambda": _call,
    "LayerNormalization": _said("Every step by itself, to mean 0 and deviation 1, then scaled as is learnt."),
    "MaxPooling1D": _said("The largest of neighbouring steps: a shorter sequence."),
    "AveragePooling1D": _said("The mean of neighbouring steps: a shorter sequence."),
    "MultiHeadAttention": _said("Every step looks at every step: query and value are the sequence itself."),
    READS_AHEAD: _join,
    "RepeatVector": _repeat,
    "Reshape": _reshape,
    "SpatialDropout1D": _said("Active in training alone: whole features are set to 0."),
    "TimeDistributed": _distributed,
    "UpSampling1D": _said("Every step is repeated: a longer sequence."),
    "ZeroPadding1D": _pad,
}
