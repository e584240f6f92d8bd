"""Experiments beside each other whether they were run or not: in which keys they differ, and what came of them so far.

A word may be a study (its file, or the name of one that ships), a file of a config group such as a topology, overrides
in one word (``'topology=conv_gru timesteps=28'``), or anything that is recorded: a run, a sweep, an experiment.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqexp.compose.composer import MISSING
from seqexp.compose.groups import GROUPS
from seqexp.compose.study import find_study
from seqexp.errors import ConfigError, SeqexpError, StoreError
from seqexp.spec.settings import DEFAULT_SELECT, FOLD
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import StoredRun
from seqexp.store.sweep_dir import list_sweeps, read_plan
from seqexp.workflows.project import Project
from seqexp.workflows.reading.attempts import is_attempt, latest_runs, set_apart
from seqexp.workflows.reading.compare import Comparison, compare_found, runs_meant, told_keys
from seqexp.workflows.reading.labels import with_lists
from seqexp.workflows.reading.leaderboard import Row, build_leaderboard
from seqexp.workflows.reading.where import as_written
from seqexp.workflows.sweeping.plan import Plan, compose_sweep
from seqexp.workflows.sweeping.points import Point, PointMaker

NOT_RUN = "not run yet"
_DATA, _ABSENT = "(data)", "-"
_MOST_VALUES = 8
_BY_TOPOLOGY = ("topology.layers", "topology.contract")  # what its name says already, where topologies differ
_FIGURES = ("val/skill", "test/mae", "test/rmse", "test/mase", "test/skill")


@dataclass(frozen=True)
class Side:
    """One of several experiments.

    Attributes:
        word: What was asked for.
        specs: Of every run that it means, done or not: value by key.
        runs: Those that are done.
        planned: How many there are in all.
        axes: What a search chooses from, by key; its points are not known before.
        note: What a reader has to know besides.
    """

    word: str
    specs: list[dict[str, Any]]
    runs: list[StoredRun]
    planned: int
    axes: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def progress(self) -> str:
        """How many runs there are, and how many are missing."""
        missing = self.planned - len(self.runs)
        if not self.runs:
            return NOT_RUN if self.planned == 1 else f"{self.planned}, {NOT_RUN}"
        return str(self.planned) if missing <= 0 else f"{self.planned}, {missing} of them {NOT_RUN}"

    @property
    def keys(self) -> list[str]:
        """Every key of its specs."""
        return list(dict.fromkeys([*(key for spec in self.specs for key in spec), *self.axes]))

    def value(self, key: str) -> str:
        """Return what the runs say of a key: one value, or those that it takes."""
        if key in self.axes:
            return self.axes[key]
        values = list(dict.fromkeys(as_written(spec[key]) if key in spec else _ABSENT for spec in self.specs))
        more = f" ... ({len(values)})" if len(values) > _MOST_VALUES else ""
        return "" if values == [_ABSENT] else ", ".join(values[:_MOST_VALUES]) + more

    @property
    def best(self) -> Row | None:
        """The row that ranks first, or the one row; None where there is none, or where several do not compare."""
        blocks = build_leaderboard(self.runs)
        rows = [row for row in blocks[0].rows if row.run] if len(blocks) == 1 else []
        return rows[0] if rows and (rows[0].rank == 1 or len(rows) == 1) else None


def is_request(project: Project, word: str) -> bool:
    """Say whether a word means what may be run, and not only what was: overrides, a file, or the name of a study.

    What is recorded under the name of a study wins: it is what the name has meant before.
    """
    if "=" in word or word.endswith((".yaml", ".yml")):
        return True
    return not (project.runs / word).exists() and find_study(word) is not None


def put_side_by_side(project: Project, words: Sequence[str]) -> list[Side]:
    """Find out what words mean, resolve what was not run, and look up what was.

    Raises:
        ConfigError: A file or an override is wrong.
        StoreError: A word means nothing that is recorded.
    """
    done = {run.record.run_key: run for run in latest_runs(list_runs(project.runs))}
    return [
        _planned(project, word, done) if is_request(project, word) else _recorded(word, runs_meant(project, word))
        for word in words
    ]


def differing_keys(sides: Sequence[Side]) -> list[tuple[str, list[str]]]:
    """Return every key that is not the same everywhere, with what each side says of it; swept keys among them."""
    keys = dict.fromkeys(key for side in sides for key in side.keys)
    topologies = {side.value("topology.name") for side in sides}
    by_name = len(topologies) > 1 or any("," in name for name in topologies)
    rows = [(key, [side.value(key) for side in sides]) for key in keys]
    return [
        (key, values)
        for key, values in rows
        if (len(set(values)) > 1 or _takes_several(key, sides))
        and not (by_name and key.startswith(_BY_TOPOLOGY))
        and (key != FOLD or any(value.isdigit() for value in values))  # all folds are told by the other keys
    ]


def figures(sides: Sequence[Side]) -> list[tuple[str, list[float | str | None]]]:
    """Return the figures of each side's best row, as far as any has them; words where a side was not run."""
    best = [side.best for side in sides]
    selects = [str(run.spec["evaluation"].get("select", DEFAULT_SELECT)) for side in sides for run in side.runs[:1]]
    names = dict.fromkeys([*selects, *_FIGURES])
    rows: list[tuple[str, list[float | str | None]]] = []
    for name in names:
        cells = [
            row.metrics.get(name) if row else NOT_RUN if not side.runs else None
            for row, side in zip(best, sides, strict=True)
        ]
        if any(isinstance(cell, float) for cell in cells):
            rows.append((name, cells))
    return rows


def compare_done(sides: Sequence[Side], *, where: str | None = None, on_common: bool = False) -> list[Comparison]:
    """Compare what of the sides was run, as :func:`compare_runs` does.

    Raises:
        ConfigError: Conditions or a common ground are asked for, and nothing was run.
    """
    runs = list({run.path: run for side in sides for run in side.runs}.values())
    named = {run.path: side.word for side in sides for run in side.runs if is_attempt(side.word, run)}
    if not runs and (on_common or where is not None):
        key = "--on common" if on_common else "--where"
        raise ConfigError("chooses among runs, and nothing of this was run yet.", key=key, mend="Leave it out.")
    return compare_found(set_apart(runs, named), where=where, on_common=on_common)


def as_values(sides: Sequence[Side]) -> dict[str, Any]:
    """Return what ``--json`` prints of the sides."""
    return {
        "experiments": [
            {"word": side.word, "planned": side.planned, "run": len(side.runs), "note": side.note} for side in sides
        ],
        "changed": [{"key": key, "values": values} for key, values in differing_keys(sides)],
        "best": [
            {"figure": name, "values": [cell if isinstance(cell, float) else None for cell in cells]}
            for name, cells in figures(sides)
        ],
    }


def _takes_several(key: str, sides: Sequence[Side]) -> bool:
    return any(key in side.axes or len({str(spec.get(key)) for spec in side.specs}) > 1 for side in sides)


def _recorded(word: str, runs: Sequence[StoredRun]) -> Side:
    latest = latest_runs(runs)
    specs = [{**_told(run.spec), _DATA: run.record.data.get("fingerprint", "")[:12]} for run in latest or runs]
    keys = {run.record.run_key for run in runs}
    return Side(word, specs, latest, len(keys), note="" if latest else "none of it finished")


def _planned(project: Project, word: str, done: Mapping[str, StoredRun]) -> Side:
    plan, maker, note = _composed(project, _words_of(project, word))
    if plan.search:
        example = plan.search.example
        axes = {
            key: f"{', '.join(map(str, axis)) if isinstance(axis, list) else axis} (searched)"
            for key, axis in plan.search.as_values()["axes"].items()
        }
        return Side(word, [_spec_of(example)], _tried(project, plan, done), plan.size, axes)
    if not plan.points:
        reasons = "; ".join(point.reason for point in plan.left_out)
        raise ConfigError(f"{word} means no run: {reasons}", key=word)
    points, note = (plan.points, note) if note else _identified(maker, plan.points)
    runs = [done[point.run_key] for point in points if point.run_key in done]
    return Side(word, [_spec_of(point) for point in points], runs, len(points), note=note)


def _composed(project: Project, words: list[str]) -> tuple[Plan, PointMaker, str]:
    """Compose a request; the file of a study whose data do not ship need not be named to read what it says."""
    try:
        return *compose_sweep(project, words), ""
    except ConfigError as error:
        if any(problem.key != "data.path" or problem.message != MISSING for problem in error.problems):
            raise
    note = "data.path is not given, so what was run of it is not known"
    return *compose_sweep(project, [*words, "data.path=not-given"]), note


def _words_of(project: Project, word: str) -> list[str]:
    """Return a word as a sweep takes it."""
    if not word.endswith((".yaml", ".yml")) or "=" in word:
        try:
            return shlex.split(word)
        except ValueError as error:
            raise ConfigError(f"this cannot be read: {error}.", key=word, mend="Close the quotes.") from None
    path = Path(word).expanduser().resolve()
    group = path.parent.name
    if group not in GROUPS or not path.is_file():
        return [word]
    if path.stem not in project.groups.options(group) or project.groups.file_of(group, path.stem) != path:
        mend = f"Name its folder: --config-dir {path.parent.parent}"
        raise ConfigError(f"{word} is no {group} of this workspace.", mend=mend)
    return [f"{group}={path.stem}"]


def _identified(maker: PointMaker, points: Sequence[Point]) -> tuple[list[Point], str]:
    """Return points with their run keys; without, and why, where the data are not here."""
    try:
        return [maker.identify(point) for point in points], ""
    except SeqexpError as error:
        reason = error.problems[0].message
        return list(points), f"its data cannot be read, so what was run of it is not known: {reason}"


def _spec_of(point: Point) -> dict[str, Any]:
    known = _told(point.spec.as_tree())
    return {**known, _DATA: point.fingerprint[:12]} if point.fingerprint else known


def _told(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a spec by dotted key; a list of plain values is one."""
    told = with_lists(told_keys(spec).items())
    return {key: f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value for key, value in told.items()}


def _tried(project: Project, plan: Plan, done: Mapping[str, StoredRun]) -> list[StoredRun]:
    """Return what a search has tried so far."""
    for folder in list_sweeps(project.sweeps):
        try:
            frozen = read_plan(folder)
        except StoreError:
            continue  # seqexp doctor's to tell
        if frozen["key"] == plan.key:
            return _done(frozen["points"], done)
    return []


def _done(points: Iterable[Mapping[str, Any]], done: Mapping[str, StoredRun]) -> list[StoredRun]:
    return [done[point["run_key"]] for point in points if point["run_key"] in done]
