"""How a model is trained, evaluated and recorded."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Frozen, Many, Steps
from seqexp.spec.catalogue import arguments_of, known_names
from seqexp.spec.parts import Baseline, Loss, Metric, PartErrors, Score, problems_of_arguments, shown, with_floats

DEFAULT_SELECT = "val/mae"
#: The figures of validation that runs are ranked by, the lowest first; besides these a user's own scores.
SELECTED = (DEFAULT_SELECT, "val/rmse", "val/mse", "val/smape", "val/mase", "val/pinball", "val/cross_entropy")
FOLD = "evaluation.backtest.fold"
_HIGHEST = "its highest is best, and runs are ranked from the lowest up"
_UNRANKED = {  # figures of validation that rank no runs, and why
    "mape": "it is not defined where a true value is 0",
    "wape": "over the same windows it orders runs as val/mae does",
    "rmsse": "of one target it orders runs as val/rmse does",
    "skill": f"{_HIGHEST}; over the same windows it orders them as val/mae does",
    "r2": f"{_HIGHEST}; of one target it orders them as val/mse does",
    "breakeven_step": _HIGHEST,
    "accuracy": _HIGHEST,
    "exact_match": _HIGHEST,
    "coverage": "it is best near the level of the intervals, not at its lowest",
    "interval_width": "the narrowest intervals are not the best",
    "loss": "it is in the units of the loss, and chooses the epoch of each run",
}


class OptimizerSpec(Frozen):
    """An optimizer of Keras by name, its arguments beside the name."""

    name: str
    args: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _gather_arguments(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "args" in value:
            return value
        name = value.get("name")
        if not isinstance(name, str):
            raise PartErrors([Problem(f"expected the name of an optimizer, got {shown(name)}.", "name")])
        known = arguments_of("optimizers", name)
        if known is None:
            mend = suggest(name, known_names("optimizers"))
            raise PartErrors([Problem(f"there is no optimizer {name!r}.", "name", mend=mend)])
        args = {key: item for key, item in value.items() if key != "name"}
        problems = list(problems_of_arguments(name, args, known, ""))
        if problems:
            raise PartErrors(problems)
        return {"name": name, "args": with_floats(args, known)}

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        return {"name": self.name, **self.args}


class EarlyStoppingSpec(Frozen):
    """Stop when the validation loss has not fallen by ``min_delta`` for ``patience`` epochs."""

    patience: Annotated[int, Field(ge=0, le=100_000)] = 10
    min_delta: Annotated[float, Field(ge=0)] = 0.0


class CheckpointSpec(Frozen):
    """Write down the state of a training every so many epochs, for a run that is stopped to go on from."""

    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class TrainingSpec(Frozen):
    """The fit. ``threads`` (null: what suits the engine) changes how long it takes, and last bits at most.

    With ``checkpoint`` the same comes out as without.

    With ``refit`` the model is trained again from its first weights, on what validation held back too, for as many
    epochs as were best; it is what forecasts the test split, while validation figures stay those of the first training.
    """

    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    loss: Loss
    metrics: Many[Metric] = ()
    early_stopping: EarlyStoppingSpec | None = None
    engine: Literal["compiled", "keras"] = "compiled"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    stride: Annotated[int, Field(ge=1, le=100_000)] = 1
    shuffle: bool = True
    refit: Literal["train+validation"] | None = None
    checkpoint: CheckpointSpec | None = None

    @property
    def cores(self) -> int | None:
        """Cores to compute on, None for all: a compiled program is slower on two than on one."""
        return self.threads or (1 if self.engine == "compiled" else None)


class OriginsSpec(Frozen):
    """From which steps forecasts are issued: every so many, those at a time of the day, or every so many from one such.

    An origin is the last step that a forecast may know of.
    """

    every: Annotated[int, Field(ge=1, le=100_000)] = 1
    at: str | None = None

    @model_validator(mode="after")
    def _is_time(self) -> OriginsSpec:
        if self.at is not None and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at):
            mend = 'For example evaluation.origins.at="10:00".'
            raise PartErrors([Problem(f"expected a time of the day, got {shown(self.at)}.", "at", mend)])
        return self


class ConformalSpec(Frozen):
    """Intervals around a point forecast, as wide as the errors on a tail of validation that nothing is chosen by.

    Attributes:
        level: The share of the true values that shall lie inside.
        share: Of validation that is kept for it.
    """

    level: Annotated[float, Field(gt=0, lt=1)] = 0.9
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5

    @property
    def least_windows(self) -> int:
        """How many windows of calibration the level needs: with fewer, the largest error may be too small."""
        return math.ceil(self.level / (1 - self.level) - 1e-9)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


class BacktestSpec(Frozen):
    """The test split as several stretches that follow each other, each forecast by what was known before it.

    Attributes:
        folds: How many stretches there are.
        step: Steps of each; None for as many as fit.
        refit: Whether a model is trained anew before every stretch, or once before the first.
        gap: Steps before a stretch that nothing is fitted on or chosen by.
        fold: The stretch that a run is for, counted from 0, the oldest; None for all of them. A sweep sets it.
    """

    folds: Annotated[int, Field(ge=1, le=1000)] = 5
    step: Steps | None = None
    refit: Literal["every_fold", "never"] = "every_fold"
    gap: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    fold: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _has_fold(self) -> BacktestSpec:
        if self.fold is None:
            return self
        if self.refit == "never":
            mend = "Leave it out, or set evaluation.backtest.refit=every_fold."
            message = f"expected null, got {self.fold}: with refit never one run is scored on all folds."
            raise PartErrors([Problem(message, "fold", mend)])
        if self.fold >= self.folds:
            message = f"expected a fold from 0 to {self.folds - 1}, got {self.fold}."
            raise PartErrors([Problem(message, "fold", "Leave it out, and every fold is run.")])
        return self


class EvaluationSpec(Frozen):
    """Which forecasts are scored, and how.

    Attributes:
        mode: One test split, or a backtest: the test split in folds, and what is trained moves along with them.
        backtest: How the folds are cut.
        origins: From which steps of validation and test a forecast is scored.
        conformal: Intervals around point forecasts; None for none.
        scaled: Whether errors are given in units of the scaler, too, as the tables of many papers are.
        select: The figure of validation that runs are ranked by, the lowest first: one of seqexp's, or of ``metrics``.
        metrics: Scores of a user's own.
        baselines: Baselines of a user's own.
    """

    mode: Literal["holdout", "backtest"] = "holdout"
    backtest: BacktestSpec = BacktestSpec()
    origins: OriginsSpec = OriginsSpec()
    conformal: ConformalSpec | None = None
    scaled: bool = False
    select: str = DEFAULT_SELECT
    metrics: Annotated[Many[Score], BeforeValidator(_one_or_many)] = ()
    baselines: Annotated[Many[Baseline], BeforeValidator(_one_or_many)] = ()

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not used: the run keys of all others stay as they are."""
        return {key: value for key, value in write(self).items() if value or key not in ("metrics", "baselines")}

    @model_validator(mode="after")
    def _selects_a_figure(self) -> EvaluationSpec:
        split, _, name = self.select.rpartition("/")
        own = [part.name for part in self.metrics]
        if self.select in SELECTED or (split == "val" and name in own):
            return self
        there = [figure.partition("/")[2] for figure in SELECTED] + own
        listed = f"There is: {', '.join(f'val/{known}' for known in there)}."
        if split == "test":
            mend = listed if name in _UNRANKED else f"Select by validation: val/{name}."
            raise PartErrors([Problem(f"test figures choose nothing, and this is {self.select}.", "select", mend)])
        if split in ("val", "") and name in _UNRANKED:
            raise PartErrors([Problem(f"val/{name} ranks no runs: {_UNRANKED[name]}.", "select", listed)])
        if split == "val" and name in known_names("scores"):
            mend = f"Have it scored: evaluation.metrics=[{', '.join([*own, name])}]."
            raise PartErrors([Problem(f"the metric {name} is not scored.", "select", mend)])
        mend = suggest(name, there).replace("Did you mean ", "Did you mean val/")
        if not mend.startswith("Did"):
            mend = f"{listed}\n  If it is your own, name its file: --plugin FILE.py, "
            mend += "and have it scored: evaluation.metrics."
        raise PartErrors([Problem(f"there is no figure of validation {self.select!r}.", "select", mend)])

    @model_validator(mode="after")
    def _uses_backtest(self) -> EvaluationSpec:
        if self.mode == "holdout" and self.backtest != BacktestSpec():
            known = BacktestSpec().model_dump()
            key = next(key for key, value in self.backtest.model_dump().items() if value != known[key])
            message = f"expected nothing, got {shown(getattr(self.backtest, key))}: evaluation.mode is holdout."
            raise PartErrors([Problem(message, f"backtest.{key}", "Add evaluation.mode=backtest, or leave it out.")])
        return self

    @property
    def folds_to_run(self) -> range:
        """The folds that a request means, a run each; none where it means one run."""
        has_runs = self.mode == "backtest" and self.backtest.refit == "every_fold" and self.backtest.fold is None
        return range(self.backtest.folds if has_runs else 0)


Kept = Literal["all", "best", "none"]


class KeepSpec(Frozen):
    """Whose models and forecasts stay when a run or a sweep is over; one word stands for both.

    ``best`` of a sweep: the runs that rank first by validation, with all of their seeds and folds. A run by itself is
    its own best.
    """

    models: Kept = "all"
    forecasts: Kept = "all"

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in get_args(Kept):
            mend = suggest(value, get_args(Kept))
            raise PartErrors([Problem(f"expected all, best or none, got {shown(value)}.", "", mend)])
        return {"models": value, "forecasts": value}


class TrackingSpec(Frozen):
    """Where a run is shown besides its own directory, and what stays in that.

    Attributes:
        mlflow: Whether it is shown in MLflow.
        uri: Of the store; None for what the environment says, or the workspace's own.
        log_model: Whose models go to MLflow; None for that of every single run, of a sweep the best's.
        keep: Whose models and forecasts stay. MLflow gets the forecasts that stay.
        tags: A user's own.
    """

    mlflow: bool = True
    uri: str | None = None
    log_model: Literal["all", "best", "none"] | None = None
    keep: KeepSpec = KeepSpec()
    tags: dict[Annotated[str, Field(min_length=1, max_length=250)], str] = {}
