from __future__ import annotations

from pathlib import Path

import pytest

from seqexp.compose.axes import Axes, Interval
from seqexp.errors import ExecutionError
from seqexp.search.study import Search
from seqexp.spec.execution import ExecutionSpec

AXES: Axes = {"x": Interval(-10.0, 10.0), "kind": ["a", [1, 2]]}


def _open(path: Path, axes: Axes = AXES, **execution: object) -> Search:
    return Search(axes, ExecutionSpec(search="optuna", **execution), path / "study.log", epochs=10)


def test_values_come_back_as_they_were_given(tmp_path: Path) -> None:
    search = _open(tmp_path)
    asked = [search.ask() for _ in range(20)]
    assert {str(trial.values["kind"]) for trial in asked} == {"a", "[1, 2]"}
    assert all(-10 <= trial.values["x"] <= 10 for trial in asked)


def test_it_finds_what_is_low(tmp_path: Path) -> None:
    search = _open(tmp_path)
    given = []
    for _ in range(60):
        trial = search.ask()
        given.append((trial.values["x"] - 3) ** 2)
        search.gave(trial, given[-1])
    assert min(given[30:]) < 0.5
    assert sum(given) / 60 < 42.3 * 0.6  # even draws from the interval give 42.3 on average


def test_the_same_seed_asks_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (_open(tmp_path / name, search_seed=5).ask().values for name in "ab")
    assert first == second


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    search = _open(tmp_path)
    done, failed, left_out, open_ = (search.ask() for _ in range(4))
    search.gave(done, 1.0)
    search.failed(failed)
    search.gave_nothing(left_out)
    again = _open(tmp_path)
    assert [(trial.number, trial.failed) for trial in again.tried()] == [(0, False), (1, True)]
    assert again.ask().values == open_.values  # what was interrupted comes first
    assert again.ask().values not in [trial.values for trial in (done, failed, left_out, open_)]


def test_what_failed_is_asked_for_again_when_that_is_wanted(tmp_path: Path) -> None:
    search = _open(tmp_path)
    failed = search.ask()
    search.failed(failed)
    search.again(failed)
    again = search.ask()
    assert again.values == failed.values
    search.gave(again, 1.0)
    assert [(trial.number, trial.failed) for trial in search.tried()] == [(again.number, False)]


@pytest.mark.parametrize("pruning", ["median", "hyperband"])
def test_a_run_that_promises_nothing_is_ended(pruning: str, tmp_path: Path) -> None:
    search = _open(tmp_path, pruning=pruning)
    ended = []
    for number in range(12):
        trial = search.ask()
        for epoch in range(1, 11):
            if search.promises_nothing(trial, epoch, 100.0 if number % 2 else 1.0):
                ended.append(number)
                search.was_pruned(trial)
                break
        else:
            search.gave(trial, 100.0 if number % 2 else 1.0)
    assert ended
    assert all(number % 2 for number in ended)
    assert len(list(search.tried())) == 12


def test_without_pruning_none_is(tmp_path: Path) -> None:
    search = _open(tmp_path)
    for value in (1.0,) * 10 + (100.0,) * 3:
        trial = search.ask()
        assert not any(search.promises_nothing(trial, epoch, value) for epoch in range(1, 11))
        search.gave(trial, value)


def test_a_sampler_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqexp.search.study.find_spec", lambda name: None)
    with pytest.raises(ExecutionError, match="needs cmaes"):
        _open(tmp_path, sampler="cmaes")
