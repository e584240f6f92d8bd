"""The points of a sweep: one experiment each, composed, and held against the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqexp.compose.composer import Composed, ContractBroken
from seqexp.compose.origin import Origin, Setting
from seqexp.errors import SeqexpError
from seqexp.fingerprint import hash_values
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import FOLD
from seqexp.workflows.identity import program_key_of, run_key_of, title_of
from seqexp.workflows.project import Project
from seqexp.workflows.running.again import FIRST, Again

_LONGEST = 48  # characters of one key and value in a title: a list of layers is longer


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        label: What sets it apart.
        composed: Its spec, and where the values came from.
        run_key: The fingerprint of what affects its result, the content of the data among it.
        program_key: Shared by the runs that can share a compiled program.
        fingerprint: That of the content of the data.
        again: Which run it repeats, if it repeats one.
        snapshot: The copy of the data that is to be kept, as the record will say it.
    """

    label: str
    composed: Composed
    run_key: str = ""
    program_key: str = ""
    fingerprint: str = ""
    again: Again = FIRST
    snapshot: Mapping[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> ExperimentSpec:
        """What is run."""
        return self.composed.spec

    @property
    def title(self) -> str:
        """A readable name, with what the sweep varies besides topology, lengths and seed."""
        told = ("topology=", "timesteps=", "output_length=", "seed=", f"{FOLD}=")
        varied = [word for word in self.label.split() if "=" in word and not word.startswith(told)]
        return " ".join(
            [title_of(self.spec), *(word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…" for word in varied)]
        )

    def as_values(self) -> dict[str, Any]:
        """Return the point as plain values, whole."""
        return {"label": self.label, "run_key": self.run_key, "spec": self.spec.as_tree()}


@dataclass(frozen=True)
class LeftOut:
    """A point that is not run, and why."""

    label: str
    reason: str


class PointMaker:
    """Makes points from the values of their axes."""

    def __init__(self, project: Project, below: Sequence[Setting], above: Sequence[Setting]) -> None:
        """Take what all points have in common: settings that an axis wins over, and settings that win over it."""
        self._project, self._below, self._above = project, below, above
        self._data: dict[str, tuple[str, int, Mapping[str, str]]] = {}

    def make_all(self, values: dict[str, Any]) -> list[Point | LeftOut]:
        """Compose what values stand for: a point, or of a backtest one for each of its folds.

        Raises:
            ConfigError: A point is wrong for another reason than that its topology cannot take its lengths.
        """
        made = self.make(values)
        folds = [] if isinstance(made, LeftOut) else made.spec.evaluation.folds_to_run
        return [self.make({**values, FOLD: fold}) for fold in folds] or [made]

    def make(self, values: dict[str, Any]) -> Point | LeftOut:
        """Compose a point; one whose lengths its topology cannot take is left out.

        The fold comes last of all: it is no setting that another one takes the place of.

        Raises:
            ConfigError: It is wrong for another reason.
        """
        settings = [Setting(key, value, Origin("axis", f"{key}={_short(value)}")) for key, value in values.items()]
        label = " ".join(setting.origin.text for setting in settings) or "the one run"
        try:
            fold = [setting for setting in settings if setting.key == FOLD]
            others = [setting for setting in settings if setting.key != FOLD]
            composed = self._project.compose([*self._below, *others, *self._above, *fold])
        except ContractBroken as broken:
            return LeftOut(label, broken.problems[0].message)
        except SeqexpError as error:
            raise _at_point(error, label) from None
        return Point(label, composed)

    def identify(self, point: Point) -> Point:
        """Find out whether the data carry a point, and what it is called.

        Raises:
            DataError: They do not.
        """
        from seqexp.data.dataset import prepare_dataset
        from seqexp.workflows.running.kept_data import plan_snapshot

        spec = point.spec
        tree = spec.as_tree()
        needs = {key: tree[key] for key in ("data", "timesteps", "output_length")}
        needs |= {key: tree["evaluation"][key] for key in ("mode", "backtest", "origins", "conformal")}
        needs |= {"alignment": spec.topology.contract.alignment, "known_ahead": spec.known_ahead}
        identity = hash_values(needs)
        if identity not in self._data:
            try:
                with point.composed.explained():
                    dataset = prepare_dataset(spec)
            except SeqexpError as error:
                raise _at_point(error, point.label) from None
            series = dataset.series
            self._data[identity] = series.fingerprint, len(series), plan_snapshot(spec, dataset)
        fingerprint, rows, kept = self._data[identity]
        run_key, program_key = run_key_of(spec, fingerprint), program_key_of(spec, rows)
        return replace(point, run_key=run_key, program_key=program_key, fingerprint=fingerprint, snapshot=kept)


def _short(value: Any) -> str:
    return str(value).replace(" ", "").replace("'", "") if isinstance(value, (list, dict)) else str(value)


def _at_point(error: SeqexpError, label: str) -> SeqexpError:
    """Say at which point of the sweep an error stands, beside where its value came from."""
    return type(error)(
        [replace(problem, where=", ".join(filter(None, (problem.where, f"at {label}")))) for problem in error.problems]
    )
