"""Runs that are stopped and asked for again: they go on, and come to what they would have come to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import StoredRun
from seqexp.training.watch import EpochEvent
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import RunOutcome, request_run
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep
from seqexp.workflows.upkeep.doctor import examine

FLAT = "{Flatten:{}},{Dense:{units:4}},{Dropout:{rate:0.2}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}"
WORDS = ["data=sine", "data.source.sine.length=200", f"topology.layers=[{FLAT}]", "training.epochs=6", "tracking=none"]
EVERY = "training.checkpoint={every:2}"
SEQEXP = str(Path(sys.executable).with_name("seqexp"))


class Hears(Reporter):
    """Notes what is told, and does something at the end of an epoch."""

    def __init__(self, epoch: int = 0, act: Callable[[str], None] | None = None) -> None:
        self.notes: list[str] = []
        self._epoch, self._act = epoch, act
        self._workers: dict[int, str] = {}

    def started(self, number: int, worker: str, spec: Any, title: str) -> None:
        self._workers[number] = worker

    def epoch(self, number: int, event: EpochEvent) -> None:
        self.notes += [event.note] if event.note else []
        if event.epoch == self._epoch and self._act is not None:
            act, self._act = self._act, None
            act(self._workers[number])


def _interrupt(worker: str) -> None:
    raise KeyboardInterrupt


def _kill(worker: str) -> None:
    os.kill(int(worker), signal.SIGKILL)


def _run(project: Project, *words: str, **options: Any) -> RunOutcome:
    return request_run(project, project.compose_one([*WORDS, *words]), **options)


def _stop(project: Project, *words: str, epoch: int = 5) -> None:
    with pytest.raises(KeyboardInterrupt):
        _run(project, *words, reporter=Hears(epoch, _interrupt))


def _checkpoints(project: Project) -> list[Path]:
    return sorted(project.runs.glob("*/.checkpoints/*"))


def _same(one: StoredRun, other: StoredRun) -> None:
    """Hold all that two runs gave against each other, to the last bit."""
    assert one.record.status == other.record.status == "FINISHED"
    for name in ("run_key", "metrics", "baselines", "diagnostics"):
        assert getattr(one.record, name) == getattr(other.record, name)
    fits = [{**run.record.fit, "resumed_at": 0, "checkpoint": "", "threads": 0} for run in (one, other)]
    assert fits[0] == fits[1]  # the hashes of the first and the last weights among it
    histories = [[{**row, "time": 0, "seconds": 0} for row in run.history] for run in (one, other)]
    assert histories[0] == histories[1]
    for name, values in one.forecasts.items():
        assert np.array_equal(values, other.forecasts[name])
    import keras

    models = [keras.saving.load_model(run.path / "model.keras") for run in (one, other)]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A workspace without a tracking store, which is not needed here."""
    return open_project(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Project:
    """A second workspace, where nothing is stopped."""
    (tmp_path / "other").mkdir()
    return open_project(tmp_path / "other")


def test_the_same_command_goes_on_and_ends_alike(project: Project, other: Project) -> None:
    _stop(project, EVERY)
    (killed,) = list_runs(project.runs)  # the folder of checkpoints is none
    assert killed.record.status == "KILLED"
    assert killed.record.fit == {}
    assert [path.name for path in _checkpoints(project)] == [f"{killed.record.run_key}.npz"]
    assert [finding.text for finding in examine(project.workspace, runs=True) if finding.subject == "checkpoint"]
    assert not [finding for finding in examine(project.workspace, runs=True) if finding.subject == "damaged"]

    hears = Hears()
    run = _run(project, EVERY, reporter=hears).stored
    assert hears.notes == ["goes on after epoch 4, from its checkpoint"]
    assert (run.record.attempt, run.record.fit["resumed_at"]) == (2, 4)
    assert run.record.timings["fit"] > sum(row["seconds"] for row in run.history)
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4, 5, 6]
    assert _checkpoints(project) == []
    assert not (run.path.parent / ".checkpoints").exists()

    whole = _run(other).stored  # without the key, which changes nothing
    assert "resumed_at" not in whole.record.fit
    _same(run, whole)
    assert _run(project, EVERY).was_done


def test_without_the_key_nothing_is_written(project: Project) -> None:
    _stop(project)
    assert _checkpoints(project) == []
    assert "resumed_at" not in _run(project).stored.record.fit


def test_force_starts_anew(project: Project) -> None:
    _stop(project, EVERY)
    hears = Hears()
    run = _run(project, EVERY, force=True, reporter=hears).stored
    assert "resumed_at" not in run.record.fit
    assert "checkpoint" not in run.record.fit
    assert hears.notes == []
    assert _checkpoints(project) == []


@pytest.mark.parametrize("damage", ["cut off", "of another release"])
def test_one_that_cannot_be_used_starts_anew_and_says_so(
    damage: str, project: Project, other: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    if damage == "of another release":
        with monkeypatch.context() as patch:
            patch.setattr("seqexp.workflows.running.checkpoints._PACKAGES", ("seqexp", "tensorflow"))
            _stop(project, EVERY)
    else:
        _stop(project, EVERY)
        (path,) = _checkpoints(project)
        path.write_bytes(path.read_bytes()[:-30])
    hears = Hears()
    run = _run(project, EVERY, reporter=hears).stored
    why = "it is damaged" if damage == "cut off" else "it was made with keras missing"
    assert why in run.record.fit["checkpoint"]
    assert "resumed_at" not in run.record.fit
    assert [note.startswith("starts from the beginning: ") for note in hears.notes] == [True]
    assert len(run.history) == 6
    _same(run, _run(other).stored)


def test_a_stop_in_the_last_training_does_not_repeat_the_first(
    project: Project, other: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqexp.training import fit

    whole = fit.fit_model

    def stopped(*arguments: Any, checkpoint: Any = None, **options: Any) -> Any:
        if checkpoint is None:  # the last training has none
            raise KeyboardInterrupt
        return whole(*arguments, checkpoint=checkpoint, **options)

    words = ["training.refit=train+validation", "training.checkpoint={every:1000}"]
    with monkeypatch.context() as patch:
        patch.setattr(fit, "fit_model", stopped)
        with pytest.raises(KeyboardInterrupt):
            _run(project, *words)
    run = _run(project, *words).stored
    assert run.record.fit["resumed_at"] == 6
    _same(run, _run(other, *words).stored)


def test_a_run_that_diverged_leaves_no_checkpoint(project: Project) -> None:
    words = ["optimizer=sgd", "optimizer.clipnorm=null", "optimizer.learning_rate=1e4", "training.epochs=30"]
    assert _run(project, *words, EVERY).stored.record.error["reason"] == "diverged"
    assert _checkpoints(project) == []


@pytest.mark.slow
def test_the_run_of_a_killed_worker_goes_on_in_the_next(project: Project, other: Project) -> None:
    words = [*WORDS, "training.engine=keras", "training.epochs=12", "seed=0,1"]
    plan = plan_sweep(project, [*words, EVERY, "execution.workers=1"])
    hears = Hears(5, _kill)
    result = run_sweep(project, plan, reporter=hears)
    resumed = [outcome.stored.record.fit.get("resumed_at") for outcome in result.outcomes]
    assert sorted(resumed, key=str) in ([4, None], [6, None], [8, None])  # the driver hears of it a little later
    assert len(hears.notes) == 1
    whole = run_sweep(other, plan_sweep(other, [*words, "execution=inline"]))
    for ours, theirs in zip(result.outcomes, whole.outcomes, strict=True):
        _same(ours.stored, theirs.stored)
    assert _checkpoints(project) == []


def test_a_sweep_that_is_stopped_goes_on(project: Project) -> None:
    plan = plan_sweep(project, [*WORDS, EVERY, "seed=0,1", "execution=inline"])
    with pytest.raises(KeyboardInterrupt):
        run_sweep(project, plan, reporter=Hears(5, _interrupt))
    assert len(_checkpoints(project)) == 1
    forced = run_sweep(project, plan, SweepOptions(force=True), reporter=Hears())
    assert ["resumed_at" in outcome.stored.record.fit for outcome in forced.outcomes] == [False, False]

    other = plan_sweep(project, [*WORDS, EVERY, "seed=2,3", "execution=inline"])
    with pytest.raises(KeyboardInterrupt):
        run_sweep(project, other, reporter=Hears(5, _interrupt))
    again = run_sweep(project, other)
    assert [outcome.stored.record.fit.get("resumed_at") for outcome in again.outcomes] == [4, None]
    assert all(len(outcome.stored.history) == 6 for outcome in again.outcomes)
    assert _checkpoints(project) == []


@pytest.mark.slow
def test_a_command_that_is_killed_goes_on(project: Project, other: Project) -> None:
    words = [*WORDS, "training.engine=keras", "training.epochs=30"]
    command = [SEQEXP, "run", *words, "training.checkpoint={every:1}", "--workspace", str(project.workspace)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not list(project.runs.glob("*/.checkpoints/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(list_runs(project.runs)) == []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "goes on after epoch " in done.stderr
    (run,) = list_runs(project.runs)
    assert 1 <= run.record.fit["resumed_at"] < 30
    _same(run, _run(other, *words[len(WORDS) :]).stored)
