"""A search with Optuna: what to try next, what came of it, which runs to end early.

It is kept in a file, and goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.compose.axes import Axes, Axis, Interval
from seqexp.errors import ExecutionError
from seqexp.extras import require
from seqexp.search.draw import readable, size_of
from seqexp.spec.execution import ExecutionSpec

if TYPE_CHECKING:
    import optuna

_NEEDS = {"gp": ("torch", "scipy"), "cmaes": ("cmaes",), "qmc": ("scipy",)}
_FAILED, _AGAIN = "failed", "again"  # what is noted of trials: that its run failed; which one it repeats


@dataclass(frozen=True)
class Trial:
    """One combination of values that is tried."""

    number: int
    values: dict[str, Any]
    failed: bool = False


class Search:
    """Chooses combinations by what the ones before them gave; less is better."""

    def __init__(self, axes: Axes, execution: ExecutionSpec, path: Path, *, epochs: int) -> None:
        """Begin a search, or go on with the one in the file.

        Args:
            axes: Key -> a list of values or an interval.
            execution: Sampler, seed, pruning.
            path: The file.
            epochs: The most that a run has.

        Raises:
            ExecutionError: Optuna, or what a sampler needs besides, is not installed.
        """
        require("optuna", key="execution.search")
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._axes = axes
        self._distributions = {key: _distribution(axis) for key, axis in axes.items()}
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path))), study_name="search", load_if_exists=True
        )
        self._study.pruner = _pruner(execution.pruning, epochs)
        # A sampler begins its draws anew with its seed: without the shift, a search that goes on would repeat itself.
        self._study.sampler = _sampler(execution, execution.search_seed + len(self._study.trials))
        self._open: dict[int, optuna.Trial] = {}
        for trial in self._study.get_trials(
            states=[optuna.trial.TrialState.RUNNING]
        ):  # when the search was interrupted
            self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            self._study.enqueue_trial(trial.params)

    @property
    def size(self) -> int | None:
        """How many combinations there are, None where they have no end."""
        return size_of(self._axes)

    def tried(self) -> Iterator[Trial]:
        """Yield what was tried before, well or not; neither what was interrupted nor what could not be run."""
        repeated = {trial.user_attrs.get(_AGAIN) for trial in self._study.trials}
        for trial in self._study.trials:
            is_over = trial.state.is_finished() and (trial.state.name != "FAIL" or trial.user_attrs.get(_FAILED))
            if is_over and trial.number not in repeated:
                yield Trial(trial.number, self._values(trial.params), bool(trial.user_attrs.get(_FAILED)))

    def again(self, trial: Trial) -> None:
        """Let a trial that failed be asked for once more."""
        params = self._study.trials[trial.number].params
        self._study.enqueue_trial(params, user_attrs={_AGAIN: trial.number})

    def ask(self) -> Trial:
        """Choose what to try next."""
        trial = self._study.ask(self._distributions)
        self._open[trial.number] = trial
        return Trial(trial.number, self._values(trial.params))

    def promises_nothing(self, trial: Trial, epoch: int, value: float) -> bool:
        """Hear how a run goes on, and say whether to end it.

        Args:
            trial: What it is of.
            epoch: Counted from 1.
            value: Its validation loss.
        """
        known = self._open[trial.number]
        known.report(value, epoch)
        return known.should_prune()

    def gave(self, trial: Trial, value: float) -> None:
        """Hear what came of a trial."""
        self._study.tell(self._open.pop(trial.number), value)

    def was_pruned(self, trial: Trial) -> None:
        """Hear that it was ended early."""
        import optuna

        self._study.tell(self._open.pop(trial.number), state=optuna.trial.TrialState.PRUNED)

    def failed(self, trial: Trial) -> None:
        """Hear that its run failed."""
        self._open[trial.number].set_user_attr(_FAILED, True)
        self.gave_nothing(trial)

    def gave_nothing(self, trial: Trial) -> None:
        """Hear that it could not be run."""
        import optuna

        self._study.tell(self._open.pop(trial.number), state=optuna.trial.TrialState.FAIL)

    def _values(self, params: dict[str, Any]) -> dict[str, Any]:
        return {key: _value(axis, params[key]) for key, axis in self._axes.items()}


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(axis, list):
        return CategoricalDistribution([_choice(value) for value in axis])
    if axis.is_whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(float(axis.low), float(axis.high), log=axis.log)


def _choice(value: Any) -> Any:
    """Return a value as Optuna takes it: lists and mappings as text."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (list, dict)) else value


def _value(axis: Axis, chosen: Any) -> Any:
    if isinstance(axis, Interval):
        return readable(chosen, axis)
    return next(value for value in axis if _choice(value) == chosen and type(_choice(value)) is type(chosen))


def _sampler(execution: ExecutionSpec, seed: int) -> Any:
    from optuna import samplers

    make: dict[str, Callable[[], Any]] = {
        "tpe": lambda: samplers.TPESampler(seed=seed, constant_liar=True),  # several trials run at a time
        "random": lambda: samplers.RandomSampler(seed=seed),
        "gp": lambda: samplers.GPSampler(seed=seed),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
        "qmc": lambda: samplers.QMCSampler(seed=seed, warn_independent_sampling=False),
    }
    for package in _NEEDS.get(execution.sampler, ()):  # Optuna itself would say so in the middle of a search
        if find_spec(package) is None:
            message = f"the sampler {execution.sampler} needs {package}, which is not installed."
            raise ExecutionError(message, key="execution.sampler", mend=f"pip install {package}")
    return make[execution.sampler]()


def _pruner(name: str, epochs: int) -> Any:
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner()
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=1, max_resource=max(epochs, 2))
    return pruners.NopPruner()
