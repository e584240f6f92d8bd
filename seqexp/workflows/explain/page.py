"""A topology explained on a page of Markdown: words, drawing, table of layers, contract."""

from __future__ import annotations

from seqexp.spec.contract import Contract
from seqexp.workflows.explain.diagram import draw
from seqexp.workflows.explain.notes import explanation_of, inner_name
from seqexp.workflows.explain.scope import Subject
from seqexp.workflows.explain.words import in_words, when_to_use

_ALIGNED = {
    "future": "the N steps after the input",
    "next": "the steps after each of the last N input steps",
    "same": "labels of the last N input steps themselves",
}
_LEGEND = (
    "One column is one step: `x` in, `y` out; dots stand for the steps between. `L` (`G`, `R`) is a step of an LSTM (a "
    "GRU, a simple RNN), which hands its state on along the arrow; `D` is a Dense layer, `v` the repeated vector, `0` "
    "an empty step, `·` another layer."
)


def write_page(subject: Subject) -> str:
    """Return the page."""
    spec = subject.spec
    weights = sum(step.weights for step in subject.chain)
    parts = [
        f"# {spec.topology.name}: {spec.timesteps} → {spec.output_length}",
        in_words(subject),
        f"```text\n{draw(subject)}\n```",
        _LEGEND,
        _table(subject),
        f"{weights:,} weights. Shapes are those of one window: steps and features, or one vector.",
        f"## Its contract\n\n{_contract(spec.topology.contract)}",
        f"## When to use it\n\n{when_to_use(subject)}",
    ]
    return "\n\n".join(parts) + "\n"


def _table(subject: Subject) -> str:
    spec = subject.spec
    rows = [f"| input | {_shape((spec.timesteps, spec.data.n_features))} | 0 | |"]
    for position, step in enumerate(subject.chain):
        inner = inner_name(step.part.args)
        name = f"{step.part.name}({inner})" if inner else step.part.name
        rows.append(f"| {name} | {_shape(step.after)} | {step.weights:,} | {explanation_of(subject, position)} |")
    return "\n".join(["| layer | output shape | weights | why |", "|---|---|---:|---|", *rows])


def _shape(shape: tuple[int, ...]) -> str:
    return f"(batch, {', '.join(map(str, shape))})"


def _contract(contract: Contract) -> str:
    lengths = {"any": "any length", "timesteps": "as long as the input", "<= timesteps": "at most as long as the input"}
    reads = "any length" if contract.timesteps == "any" else f"{contract.timesteps} step(s)"
    gives = lengths.get(str(contract.output_length), f"{contract.output_length} step(s)")
    return "\n".join(
        [
            f"- It reads: {reads} (`timesteps: {contract.timesteps}`).",
            f"- It gives: {gives} (`output_length: {contract.output_length}`).",
            f"- Its targets are {_ALIGNED[contract.alignment]} (`alignment: {contract.alignment}`).",
        ]
    )
