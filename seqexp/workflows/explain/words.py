"""What each shipped topology is, in words, and when it is the one to take."""

from __future__ import annotations

from dataclasses import dataclass

from seqexp.spec.topology import READS_AHEAD
from seqexp.workflows.explain.scope import Subject


@dataclass(frozen=True)
class _Known:
    """A topology that ships: its layers tell it from one of the same name in a workspace."""

    layers: tuple[str, ...]
    what: str
    when: str


_KNOWN = (
    _Known(
        ("Dense",),
        "One step in, one step out. No sequence is processed, so a Dense layer is all there is.",
        "As the yardstick for all that process sequences: what they add, they add to this.",
    ),
    _Known(
        ("Reshape", "RepeatVector", "LSTM(sequences)", "Dense"),
        "One step in, a sequence out. Keras has no layer for it: the step is repeated {n} times, and an LSTM, which "
        "reads the same vector at every step, unrolls it with the help of its own state.",
        "When a sequence follows from one vector: a caption, a profile, the course of a day from its settings.",
    ),
    _Known(
        ("LSTM", "Dense"),
        "A sequence in, one step out. The LSTM reads {t} steps one after another and gives its last output alone; a "
        "linear Dense layer takes it to the scale of the targets.",
        "When one value is wanted for a whole sequence: the next step, a label. To forecast several steps, see "
        "vector_output.",
    ),
    _Known(
        ("LSTM(sequences)", "Dense"),
        "One output for every input step, so both lengths are equal. return_sequences=True gives an output at every "
        "step, and the same Dense layer takes each to the scale of the targets.",
        "When every step has an answer of its own: labels of steps, the next step at each. With targets after the "
        "input, as here, the first output has read one step alone.",
    ),
    _Known(
        ("LSTM(sequences)", "Lambda", "Dense"),
        "The lengths differ, and the output is the shorter one: the LSTM gives an output at each of {t} steps, and a "
        "slice keeps the last {n}.",
        "When the output is much shorter than the input. The first of {n} outputs has not read the last {unread} input "
        "step(s): that is what the slice costs, and vector_output and encoder_decoder do not pay it.",
    ),
    _Known(
        ("ZeroPadding1D", "LSTM(sequences)", "Lambda", "Dense"),
        "The lengths differ: {n} empty steps are put behind the input, the LSTM gives an output at each of all {all} "
        "steps, and a slice keeps the last {n}. So every output comes after the whole input was read.",
        "When one recurrent layer shall do, and each output shall know the whole input. It walks {n} more steps than "
        "the input has.",
    ),
    _Known(
        ("LSTM", "Dense", "Reshape"),
        "The vanilla LSTM: it reads {t} steps into one vector, one Dense layer emits all {n} steps of it at once, and "
        "Reshape parts them into steps and targets.",
        "As the first choice for a fixed horizon: fast, every output knows the whole input, and each step of the "
        "horizon has weights of its own. The steps do not know of each other.",
    ),
    _Known(
        ("LSTM", "RepeatVector", "LSTM(sequences)", "TimeDistributed", "Activation"),
        "Two LSTMs. The encoder reads {t} steps and gives its last output alone; that vector is repeated {n} times, "
        "once for each step to give; the decoder reads the copies and gives an output at each, which the same Dense "
        "layer takes to the scale of the targets.",
        "When the lengths differ and the steps of the output depend on each other, or the horizon is long: its head "
        "does not grow with it. It has the most weights and takes the longest.",
    ),
)


def in_words(subject: Subject) -> str:
    """Return what a topology does, in a sentence or three."""
    known = _known(subject)
    if known is not None:
        return _filled(known.what, subject)
    names = ", ".join(step.part.name for step in subject.chain)
    spec = subject.spec
    return (
        f"It reads {spec.timesteps} step(s) of {spec.data.n_features} feature(s) and gives {spec.output_length} "
        f"step(s) of {spec.data.n_targets} target(s), by these layers: {names}."
    )


def when_to_use(subject: Subject) -> str:
    """Return when a topology is the one to take; of one's own topology, nobody but its author knows."""
    known = _known(subject)
    if known is not None:
        return _filled(known.when, subject)
    return "A topology of your own: hold it against vector_output and encoder_decoder at equal lengths and seeds."


def _known(subject: Subject) -> _Known | None:
    layers = tuple(
        f"{step.part.name}{'(sequences)' if step.part.args.get('return_sequences') else ''}"
        for step in subject.chain
        if step.part.name != READS_AHEAD
    )
    return next((known for known in _KNOWN if known.layers == layers), None)


def _filled(words: str, subject: Subject) -> str:
    t, n = subject.spec.timesteps, subject.spec.output_length
    return words.format(t=t, n=n, all=t + n, unread=n - 1)
