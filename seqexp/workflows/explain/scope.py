"""What is explained: an experiment, its data and what its layers do to shapes; and what no script is written for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqexp.data.dataset import Dataset
from seqexp.errors import ConfigError, Problem
from seqexp.plugins.table import find
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part, split_part
from seqexp.spec.shapes import Shape
from seqexp.spec.topology import READS_AHEAD
from seqexp.spec.weights import follow_layers
from seqexp.workflows.checking.check import check_layers

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
    def splits(self) -> list[str]:
        """The splits that there are windows of, in the order of time."""
        names = ["train", "validation", "test"] if self.has_validation else ["train", "test"]
        return [*names[:-1], "calibration", "test"] if self.spec.evaluation.conformal else names

    @property
    def is_several(self) -> bool:
        """Whether several series stand end to end."""
        return bool(self.dataset.series.several)

    @property
    def refits(self) -> bool:
        """Whether a second model is trained, on train and validation, for the test split."""
        return self.spec.training.refit is not None

    @property
    def cuts_out(self) -> bool:
        """Whether windows have to be held against holes, or against the begin of each of several series."""
        return self.has_holes or (self.is_several and self.dataset.transform.lags > 0)

    def forecast_of(self, places: str, model: str = "model") -> str:
        """Return the call that forecasts some windows; which model does is said where there are two."""
        return f"forecast({model}, {places})" if self.refits else f"forecast({places})"

    @property
    def is_examples(self) -> bool:
        """Whether there are windows that lie in no series."""
        return self.spec.data.is_examples

    @property
    def is_scaled(self) -> bool:
        """Whether the model does not see the data as they are."""
        return bool(self.spec.data.scaler != "none")

    @property
    def features_written(self) -> str:
        """How the number of features stands in the script."""
        return "inputs.shape[-1]" if self.is_examples else "len(FEATURES)"

    @property
    def targets_written(self) -> str:
        """How the number of targets stands in the script."""
        return "targets.shape[-1]" if self.is_examples else "len(TARGETS)"

    @property
    def places(self) -> str:
        """What the script calls some windows: their first steps, or the positions of examples."""
        return "chosen" if self.is_examples else "starts"

    def truth_of(self, places: str) -> str:
        """Return the expression of the targets of some windows in the units of the data."""
        if self.is_examples:
            return f"{'y' if self.is_scaled else 'targets'}[{places}]"
        return f"cut(truth, {places} + OFFSET, OUTPUT_LENGTH)"

    @property
    def has_intervals(self) -> bool:
        """Whether forecasts say between which values the truth is expected."""
        return self.spec.topology.head != "point" or self.spec.evaluation.conformal is not None

    @property
    def is_filled(self) -> bool:
        """Whether targets were filled: such steps are neither trained on nor scored."""
        return self.dataset.weights_T is not None

    @property
    def has_whole_truth(self) -> bool:
        """Whether every target was observed, so that the script need not keep apart those that were."""
        return not (self.is_filled or self.has_holes)

    @property
    def has_holes(self) -> bool:
        """Whether steps are left without a value, and windows that touch one are left out."""
        if self.spec.data.missing != "drop":
            return False
        lost = self.dataset.transform.lags  # steps that have no value because nothing stands before them
        parts = [slice(part.start + lost, part.stop) for part in self.dataset.series.parts]
        is_whole = all(np.isfinite(self.dataset.inputs_TF[part]).all() for part in parts)
        return not (is_whole and self.dataset.series.observed_T.all())

    @property
    def reads_ahead(self) -> bool:
        """Whether the model has a second input, what is known of the steps of the forecast."""
        return bool(self.spec.known_ahead)

    @property
    def draws_in_training(self) -> bool:
        """Whether a layer draws random numbers while it is trained."""
        return any(_draws(step.part.name, step.part.args) for step in self.chain)

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


def _draws(name: str, args: Mapping[str, Any]) -> bool:
    if (own := find("layer", name)) is not None:  # as far as its file shows
        return any(word in own.code.content for word in (b"random", b"Dropout"))
    if "Dropout" in name or name == "GaussianNoise" or args.get("dropout") or args.get("recurrent_dropout"):
        return True
    inner = split_part(args.get("layer")) or split_part(args.get("cell"))
    return inner is not None and _draws(*inner)


def refuse_unwritten(spec: ExperimentSpec) -> None:
    """Refuse what the script would leave out: it reaches the figures of the run, or it is not written.

    Raises:
        ConfigError: With one problem for each key that no code is written for.
    """
    problems = [Problem(message, key, f"{_MEND} --markdown explains the layers alone.") for key, message in _gaps(spec)]
    if problems:
        raise ConfigError(problems)


def _gaps(spec: ExperimentSpec) -> Iterator[tuple[str, str]]:
    """Yield the keys that no code is written for, and why."""
    origins = spec.evaluation.origins
    if spec.data.split.holds_nothing_back:
        yield "data.split", "nothing is held back, so there are no figures that a script could reach."
    if spec.data.series and origins.at and origins.every > 1:
        yield "evaluation.origins.every", "explain does not write so many steps from a time on for several series."
    if spec.data.is_tokens and spec.evaluation.metrics:
        yield "evaluation.metrics", "explain does not write own scores of tokens."
