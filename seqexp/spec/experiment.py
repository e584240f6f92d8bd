"""The whole of one experiment, and which of it affects its result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, model_validator

from seqexp.errors import Problem
from seqexp.spec.base import Frozen, Steps
from seqexp.spec.data import DataSpec
from seqexp.spec.execution import ExecutionSpec
from seqexp.spec.parts import PartErrors, shown
from seqexp.spec.settings import EvaluationSpec, OptimizerSpec, TrackingSpec, TrainingSpec
from seqexp.spec.sources import TOKEN_LOSS
from seqexp.spec.topology import HEAD_LOSSES, READS_AHEAD, TopologySpec, fitting_loss

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$", max_length=100)]


class ExperimentSpec(Frozen):
    """One resolved configuration: everything a run needs to know."""

    name: Name
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    timesteps: Steps
    output_length: Steps
    topology: TopologySpec
    data: DataSpec
    optimizer: OptimizerSpec
    training: TrainingSpec
    evaluation: EvaluationSpec
    tracking: TrackingSpec
    execution: ExecutionSpec = ExecutionSpec()

    @model_validator(mode="after")
    def _fit_together(self) -> ExperimentSpec:
        problems = []
        contract = self.topology.contract
        if reason := contract.broken_by(self.timesteps, self.output_length):
            key = "timesteps" if isinstance(contract.timesteps, int) and self.timesteps != contract.timesteps else ""
            message = f"topology {self.topology.name} does not take these lengths: {reason}."
            problems.append(Problem(message, key or "output_length", mend=_mend(self)))
        if self.training.early_stopping and self.data.split.validation == 0:
            mend = "Give data.split.validation some rows, or set training.early_stopping=null."
            problems.append(Problem("early stopping needs a validation split.", "training.early_stopping", mend=mend))
        if self.training.refit and self.data.split.validation == 0:
            mend = "Leave it out: the training split is all there is."
            problems.append(Problem("there is no validation split to add.", "training.refit", mend=mend))
        if self.evaluation.mode == "backtest" and self.data.is_examples:
            message = f"the examples of data={self.data.name} lie in no series, so none is before another."
            problems.append(Problem(message, "evaluation.mode", mend="Leave the backtest out."))
        if self.evaluation.mode == "backtest" and self.data.series:
            message = "several series have no backtest: each would have folds of other steps."
            problems.append(Problem(message, "evaluation.mode", mend="Leave the backtest out, or run one series."))
        if contract.alignment == "same" and not self.data.is_examples:
            features = set(self.feature_names or self.data.targets)
            if self.data.features == "all" or features & set(self.data.targets):
                mend = "Name the input columns in data.features, without the targets."
                message = "with alignment same the targets lie at the input's own steps, so they cannot be features."
                problems.append(Problem(message, "data.features", mend=mend))
            if {"difference", "seasonal_difference"} & set(self.data.transform):
                mend = "Leave the differences out of data.transform."
                message = "with alignment same the targets are labels, and the value before a label is not known."
                problems.append(Problem(message, "data.transform", mend=mend))
        if self.data.lead and contract.alignment != "future":
            message = f"topology {self.topology.name} has alignment {contract.alignment}, which leaves no room for it."
            problems.append(Problem(message, "data.lead", mend="Choose a topology with alignment future."))
        if self.data.future and not self.known_ahead:
            has_layer = self.topology.reads_ahead
            reason = f"its alignment is {contract.alignment}" if has_layer else f"it has no layer {READS_AHEAD}"
            message = f"topology {self.topology.name} cannot read what is known ahead: {reason}."
            mend = "Choose vector_output or encoder_decoder, add the layer, or name the columns in data.features."
            problems.append(Problem(message, "data.future", mend=mend))
        if {"difference", "seasonal_difference"} & set(self.data.transform):
            read = self.feature_names
            if absent := [name for name in self.data.targets if read is not None and name not in read]:
                message = f"a difference is summed up from the last known values, and {absent[0]!r} is not read."
                mend = "Name the targets in data.features, too, or leave the differences out."
                problems.append(Problem(message, "data.transform", mend=mend))
        if self.evaluation.baselines and self.data.is_examples:
            message = f"the examples of {self.data.name} lie in no series, whose past a baseline could know."
            problems.append(Problem(message, "evaluation.baselines", mend="Leave them out."))
        problems += self._problems_of_head()
        if problems:
            raise PartErrors(problems)
        return self

    def _problems_of_head(self) -> Iterator[Problem]:
        topology, training, conformal = self.topology, self.training, self.evaluation.conformal
        if self.data.is_tokens:
            yield from self._problems_of_tokens()
            return
        loss = fitting_loss(topology.head, list(topology.quantiles))
        if loss is not None and training.loss.as_written() != loss:
            message = f"topology.head={topology.head} is trained with {shown(loss)}, not {training.loss.name}."
            yield Problem(message, "training.loss", mend="Leave the loss out: it is set by itself.")
        if loss is None and training.loss.name in HEAD_LOSSES:
            mend = "Set topology.head=quantiles or topology.head=gaussian, which sets it by itself."
            yield Problem(f"{training.loss.name} needs a head with several outputs.", "training.loss", mend=mend)
        if loss is not None and training.metrics:
            message = (
                f"Keras' metrics compare one output with each target, and topology.head={topology.head} gives more."
            )
            yield Problem(message, "training.metrics", mend="Leave them out.")
        if conformal is not None and topology.head != "point":
            message = f"topology.head={topology.head} has intervals of its own."
            yield Problem(message, "evaluation.conformal", mend="Leave one of the two out.")
        if conformal is not None and self.data.split.validation == 0:
            yield Problem(
                "intervals are calibrated on validation, which has no rows.",
                "evaluation.conformal",
                mend="Give data.split.validation some rows.",
            )

    def _problems_of_tokens(self) -> Iterator[Problem]:
        if self.topology.head != "point" or self.evaluation.conformal is not None:
            key = "evaluation.conformal" if self.evaluation.conformal else "topology.head"
            message = "the targets are tokens, and the model gives the logit of each: there is no interval around them."
            yield Problem(message, key, mend="Leave it out.")
        if self.training.loss.as_written() != TOKEN_LOSS:
            message = (
                f"the targets are tokens: they are trained with {shown(TOKEN_LOSS)}, not {self.training.loss.name}."
            )
            yield Problem(message, "training.loss", mend="Leave the loss out: it is set by itself.")
        if self.data.scaler != "none":
            yield Problem("the inputs and targets are one-hot.", "data.scaler", mend="Leave it at none.")
        if self.evaluation.select != "val/cross_entropy":
            message = f"tokens have no {self.evaluation.select}."
            yield Problem(message, "evaluation.select", mend="Leave it out: it is set by itself.")

    @property
    def known_ahead(self) -> tuple[str, ...]:
        """The columns that the model reads at the steps of the forecast."""
        reads = self.topology.reads_ahead and self.topology.contract.alignment == "future"
        return self.data.known_ahead if reads else ()

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The input columns, or None for every numeric column of the source."""
        features = self.data.features
        if features is None:
            return self.data.targets
        if isinstance(features, str):
            return None if features == "all" else (features,)
        return features

    def as_tree(self) -> dict[str, Any]:
        """Return the spec as plain values, in the form in which YAML states it."""
        return self.model_dump(mode="json")

    def what_affects_the_result(self) -> dict[str, Any]:
        """Return the part of the spec that a run key is made of.

        The name, the tracking, the execution, the number of threads, the checkpoints, the figure that runs are ranked
        by, the path of the data file and whether a copy is kept change nothing in the result but last bits (threads).
        The content of the data enters a run key by its own fingerprint. How folds are cut changes nothing where there
        are none.
        """
        tree = self.as_tree()
        del tree["name"], tree["tracking"], tree["execution"]
        del tree["training"]["threads"], tree["training"]["checkpoint"]
        del tree["data"]["path"], tree["data"]["name"], tree["data"]["snapshot"], tree["evaluation"]["select"]
        if self.evaluation.mode == "holdout":
            del tree["evaluation"]["mode"], tree["evaluation"]["backtest"]
        return tree


def _mend(spec: ExperimentSpec) -> str:
    fixed = spec.topology.contract.fixed_lengths(spec.timesteps)
    if fixed:
        words = " and ".join(f"{key}={value}" for key, value in fixed.items())
        return f"Leave the length out ({words} is set by itself), or choose another topology."
    return "Shorten output_length, lengthen timesteps, or choose another topology."
