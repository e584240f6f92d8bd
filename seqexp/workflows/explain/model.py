"""The part of a script that builds the model, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.plugins.table import find
from seqexp.spec.topology import READS_AHEAD
from seqexp.workflows.explain.code import Group, comment, stacked, statement, text
from seqexp.workflows.explain.compiling import compile_lines
from seqexp.workflows.explain.layers import FUNCTIONS_WRITTEN, called_function, layer_call, layer_names
from seqexp.workflows.explain.losses import loss_block
from seqexp.workflows.explain.notes import note_of
from seqexp.workflows.explain.scope import Subject

_LIST_OF_TWO = ("Attention", "AdditiveAttention")
_TWO_ARGUMENTS = ("MultiHeadAttention", "GroupQueryAttention")
#: They draw from the seed when they are built, so between one layer and the next; own layers may do it, too.
_FUNCTIONAL = (*_LIST_OF_TWO, *_TWO_ARGUMENTS, "SpectralNormalization")
_SEED = "keras.utils.set_random_seed(SEED)  # of the first weights, and of dropout where there is any"


def model_blocks(subject: Subject) -> Iterator[str]:
    """Yield the functions that a Lambda calls, and the model."""
    if not subject.refits:
        yield _SEED
    for name in dict.fromkeys(called_function(step.part.name, step.part.args) for step in subject.chain):
        if name in FUNCTIONS_WRITTEN:
            yield FUNCTIONS_WRITTEN[name]
    if not subject.refits:
        yield stacked([*_model_lines(subject, 0), "model.summary()"])
        return
    yield loss_block(subject)
    yield stacked(
        [
            "def build_model():",
            '    """Build and compile the model; it begins with the same weights every time."""',
            f"    {_SEED}",
            *_model_lines(subject, 4),
            *compile_lines(subject, 4),
            "    return model",
        ]
    )
    yield "model = build_model()\nmodel.summary()"


def _model_lines(subject: Subject, indent: int) -> Iterator[str]:
    names = [name for step in subject.chain for name in layer_names(step.part.name, step.part.args)]
    if subject.reads_ahead or any(name in _FUNCTIONAL or find("layer", name) for name in names):
        return _functional(subject, indent)
    return _sequential(subject, indent)


def _sequential(subject: Subject, indent: int) -> Iterator[str]:
    space = " " * indent
    yield f"{space}model = keras.Sequential("
    yield f"{space}    ["
    yield f"{space}        keras.Input((TIMESTEPS, {subject.features_written})),"
    for position, step in enumerate(subject.chain):
        yield comment(note_of(subject, position), indent=indent + 8)
        yield statement("", layer_call(subject, step.part), indent=indent + 8, after=",")
    yield f"{space}    ],"
    yield f"{space}    name={text(subject.spec.topology.name)},"
    yield f"{space})"


def _functional(subject: Subject, indent: int) -> Iterator[str]:
    space = " " * indent
    yield f"{space}past = keras.Input((TIMESTEPS, {subject.features_written}))"
    if subject.reads_ahead:
        yield f"{space}known = keras.Input((OUTPUT_LENGTH, len(KNOWN_AHEAD)))"
    given = "past"
    for position, step in enumerate(subject.chain):
        yield comment(note_of(subject, position), indent=indent)
        if step.part.name == READS_AHEAD:
            known = "known" if len(step.before) > 1 else "layers.Flatten()(known)"
            yield f"{space}x = layers.Concatenate()([{given}, {known}])"
            given = "x"
            continue
        read = given
        if step.part.name in _TWO_ARGUMENTS:
            read = f"{given}, {given}"
        elif step.part.name in _LIST_OF_TWO:
            read = f"[{given}, {given}]"
        made = layer_call(subject, step.part)
        yield statement("x = ", Group(made.head, made.items, f"{made.tail}({read})"), indent=indent)
        given = "x"
    inputs = "[past, known]" if subject.reads_ahead else "past"
    yield f"{space}model = keras.Model({inputs}, x, name={text(subject.spec.topology.name)})"
