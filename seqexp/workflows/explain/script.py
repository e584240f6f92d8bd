"""A stand-alone Keras script that does what a run does, as a person would have written it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import pairwise

from seqexp.workflows.explain.code import WIDTH, stacked
from seqexp.workflows.explain.diagram import draw
from seqexp.workflows.explain.examples import example_blocks
from seqexp.workflows.explain.fitting import fitting_blocks
from seqexp.workflows.explain.heads import quantiles_constant
from seqexp.workflows.explain.imports import import_block, needed_imports
from seqexp.workflows.explain.intervals import level_constant
from seqexp.workflows.explain.layers import units_constant
from seqexp.workflows.explain.model import model_blocks
from seqexp.workflows.explain.own_code import bound_names, read_own_code
from seqexp.workflows.explain.reading import column_constants, data_constant, reading_blocks
from seqexp.workflows.explain.scaling import scaling_block
from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.scoring import scoring_blocks
from seqexp.workflows.explain.tasks import task_constant
from seqexp.workflows.explain.transform import transform_block
from seqexp.workflows.explain.windows import offset_constant, split_block, window_blocks
from seqexp.workflows.explain.words import in_words

_THREADS = """\
# One thread adds up in one order: the figures are the same every time.
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)"""


def write_script(subject: Subject) -> str:
    """Return the script of an experiment that code is written for (:func:`refuse_unwritten` says which is not)."""
    own = read_own_code(subject.spec)
    blocks = [block for block in _blocks(subject) if block]
    plain = _joined(blocks)
    needed = needed_imports(plain)
    own.check_names({*bound_names(plain), *(line.bound for line in set(needed) - set(own.imports))})
    body = _joined([blocks[0], _heading("Own code"), *own.blocks, *blocks[1:]]) if own.blocks else plain
    imports = import_block([*needed, *own.imports])
    script = f"{_docstring(subject, body)}\n\n{imports}\n\n{body}\n"
    return "\n".join(line if len(line) <= WIDTH else f"{line}  # noqa: E501" for line in script.split("\n"))


def _blocks(subject: Subject) -> Iterator[str]:
    spec = subject.spec
    yield stacked(
        [
            data_constant(spec.data),
            "" if subject.is_examples else column_constants(subject),
            task_constant(spec.data.source),
            f"TIMESTEPS = {spec.timesteps}  # T, how many steps the model reads",
            f"OUTPUT_LENGTH = {spec.output_length}  # N, how many steps it gives",
            "" if subject.is_examples else offset_constant(subject),
            units_constant(subject),
            quantiles_constant(subject),
            level_constant(subject),
            f"EPOCHS = {spec.training.epochs}",
            f"BATCH_SIZE = {spec.training.batch_size}",
            f"SEED = {spec.seed}",
        ]
    )
    yield _heading("The data")
    if subject.is_examples:
        yield from example_blocks(subject)
    else:
        yield from reading_blocks(subject)
        yield split_block(subject)
        yield transform_block(subject)
        yield scaling_block(subject)
        yield from window_blocks(subject)
    yield _heading("The model")
    yield _THREADS
    yield from model_blocks(subject)
    yield _heading("The fit")
    yield from fitting_blocks(subject)
    yield _heading("How often it is right" if spec.data.is_tokens else "The errors, in the units of the data")
    yield from scoring_blocks(subject)


def _heading(words: str) -> str:
    return f"# {'-' * 8} {words}"


def _joined(blocks: list[str]) -> str:
    """Join blocks with one empty line, with two around functions, as is usual."""
    joined = blocks[0]
    for before, block in pairwise(blocks):
        wide = _is_function(before) or _is_function(block) or block.startswith("# ----")
        joined += ("\n\n\n" if wide else "\n\n") + block
    return joined


def _is_function(block: str) -> bool:
    return any(line.startswith(("def ", "class ")) for line in block.split("\n"))


def _docstring(subject: Subject, body: str) -> str:
    spec = subject.spec
    steps = f"{spec.timesteps} step{'s' * (spec.timesteps > 1)} in, {spec.output_length} out"
    title = f"{spec.topology.name}: {steps}, in plain Keras."
    words = textwrap.fill(in_words(subject), WIDTH, break_long_words=False)
    used = [name for name, use in (("numpy", "np."), ("pandas", "pd."), ("holidays", "holidays.")) if use in body]
    made = f"Written by `seqexp explain`. It needs {', '.join(used)} and tensorflow, and no seqexp."
    content = "\n\n".join([title, words, textwrap.indent(draw(subject), "    "), made])
    return f'"""{content}\n"""'.replace("\\", "\\\\")
