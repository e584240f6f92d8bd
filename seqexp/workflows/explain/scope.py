"""What is explained: an experiment, its data and what its layers do to shapes; and what no script is written for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seqexp.data.dataset import Dataset
from seqexp.errors import ConfigError, Problem
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part
from seqexp.spec.shapes import Shape
from seqexp.spec.topology import READS_AHEAD
from seqexp.spec.weights import follow_layers
from seqexp.workflows.check import check_layers

_MEND = "Leave it out, or take what is explained without it as a start."


@dataclass(frozen=True)
class Step:
    """One layer in its place: the shape of one window before and after it, and its weights."""

    part: Part
    before: Shape
    after: Shape
    weights: int


@dataclass(frozen=True)
class Subject:
    """An experiment that is to be explained.

    Attributes:
        spec: The experiment.
        dataset: Its data, as a run would read them.
        chain: Its layers; one that has nothing to read is left out, as it is when the model is built.
    """

    spec: ExperimentSpec
    dataset: Dataset
    chain: tuple[Step, ...]

    @property
    def has_validation(self) -> bool:
        """Whether there are windows to validate on."""
        return len(self.dataset.starts["validation"]) > 0

    @property
    def is_filled(self) -> bool:
        """Whether targets were filled: such steps are neither trained on nor scored."""
        return self.dataset.weights_T is not None

    @property
    def gives_steps(self) -> bool:
        """Whether the output has an axis of steps; one step may be given without."""
        return len(self.chain[-1].after) == 2


def follow_chain(spec: ExperimentSpec) -> tuple[Step, ...]:
    """Follow the shapes through the layers; TensorFlow is asked where a layer is not known, or something is wrong.

    Raises:
        ModelError: Keras refuses a layer, or the output has not the shape that the experiment needs.
    """
    layers = [part for part in spec.topology.layers if part.name != READS_AHEAD or spec.known_ahead]
    start = (spec.timesteps, spec.data.n_features)
    try:
        found = follow_layers(layers, start, (spec.output_length, len(spec.known_ahead)))
    except ConfigError:
        found = []
    if not found or not _is_output(spec, found[-1][1]):
        rows = check_layers(spec)[1:]  # it raises, and explains, if the shape is wrong
        found = [(row.weights, tuple(int(size or 0) for size in row.output_shape[1:])) for row in rows]
    shapes = [start, *(shape for _, shape in found)]
    return tuple(
        Step(part, before, after, weights)
        for part, before, after, (weights, _) in zip(layers, shapes, shapes[1:], found, strict=False)
    )


def _is_output(spec: ExperimentSpec, shape: Shape) -> bool:
    width = spec.data.n_targets * spec.topology.outputs_per_target
    return shape == (spec.output_length, width) or (spec.output_length == 1 and shape == (width,))


def refuse_unwritten(spec: ExperimentSpec) -> None:
    """Refuse what the script would leave out: it reaches the figures of the run, or it is not written.

    Raises:
        ConfigError: With one problem for each key that no code is written for.
    """
    problems = [
        Problem(f"explain does not write {key} yet.", key, f"{_MEND} --markdown explains the layers alone.")
        for key in _unwritten(spec)
    ]
    if problems:
        raise ConfigError(problems)


def _unwritten(spec: ExperimentSpec) -> Iterator[str]:
    for key in ("future", "calendar", "transform"):
        if getattr(spec.data, key):
            yield f"data.{key}"
    if spec.topology.head != "point":
        yield "topology.head"
    if spec.evaluation.conformal is not None:
        yield "evaluation.conformal"
