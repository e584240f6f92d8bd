"""Run directories: complete or absent, never overwritten, and damage is noticed."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from seqexp.errors import StoreError
from seqexp.store.attempts import next_attempt
from seqexp.store.find_runs import find_finished, find_run, find_standing, list_runs
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import (
    StoredRun,
    damaged_files,
    forecasts_file,
    history_file,
    note_published,
    published_as,
    read_run,
    spec_file,
    write_run,
)

KEY = "0123456789ab"


def _record(status: str = "FINISHED", key: str = KEY, rerun_of: str = "") -> RunRecord:
    return RunRecord(
        name="n",
        run_key=key,
        attempt=0,
        status=status,
        started=1.0,
        ended=2.0,
        title="t",
        metrics={"val/mae": 0.1 + 0.2},
        rerun_of=rerun_of,
    )


FILES = {
    "spec.yaml": spec_file({"seed": 0}),
    "history.csv": history_file([{"epoch": 1, "train/loss": 0.5}]),
    "forecasts.npz": forecasts_file({"true": np.zeros((2, 3, 1))}),
    "figures/forecast.png": b"picture",
}


def _commit(runs: Path, status: str = "FINISHED", key: str = KEY, rerun_of: str = "") -> StoredRun:
    return write_run(runs, _record(status, key, rerun_of), FILES)


def test_nothing_is_left_of_a_run_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        write_run(tmp_path, _record(), {**FILES, "history.csv/inside": b"a file stands in its way"})
    assert list(list_runs(tmp_path)) == []
    assert not list(tmp_path.glob("*/.*"))
    stored = _commit(tmp_path)
    assert stored.path.name == f"{KEY}-1"
    assert [run.path for run in list_runs(tmp_path)] == [stored.path]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    _commit(tmp_path)
    run = find_run(KEY, tmp_path)
    assert run.record.metrics == {"val/mae": 0.30000000000000004}
    assert run.spec == {"seed": 0}
    assert run.history == [{"epoch": 1.0, "train/loss": 0.5}]
    assert run.forecasts["true"].shape == (2, 3, 1)


def test_every_attempt_has_its_own_number(tmp_path: Path) -> None:
    assert [_commit(tmp_path).record.attempt for _ in range(3)] == [1, 2, 3]
    assert next_attempt(tmp_path / "n", KEY) == 4
    assert find_run(KEY, tmp_path).record.attempt == 3
    assert find_run(f"{KEY}-2", tmp_path).record.attempt == 2


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([("FINISHED", ""), ("FINISHED", f"{KEY}-1")], 1),  # a check takes nobody's place
        ([("FINISHED", ""), ("FINISHED", f"{KEY}-1"), ("FINISHED", "")], 3),  # --force does
        ([("FINISHED", ""), ("FAILED", "")], 1),
        ([("FAILED", ""), ("KILLED", "")], 2),
        ([("FAILED", ""), ("FINISHED", f"{KEY}-1")], 2),
        ([("FINISHED", "ffffffffffff-1"), ("FINISHED", f"{KEY}-1")], 1),  # a rerun with overrides is a run of its own
        ([("FINISHED", "f" * 32), ("FINISHED", f"{KEY}-1")], 1),  # what MLflow alone showed
        ([("FINISHED", ""), ("FINISHED", "f" * 32)], 1),
    ],
)
def test_a_key_means_the_last_finished_attempt_that_checks_no_other(
    attempts: list[tuple[str, str]], expected: int, tmp_path: Path
) -> None:
    stored = [_commit(tmp_path, status, rerun_of=rerun_of) for status, rerun_of in attempts]
    for found in (find_run(KEY, tmp_path), find_run(KEY[:5], tmp_path), find_standing(tmp_path, "n", KEY)):
        assert found.record.attempt == expected
    if stored[expected - 1].record.status == "FINISHED":
        assert find_finished(tmp_path, "n", KEY).record.attempt == expected


def test_the_first_of_ten_attempts_is_not_the_tenth(tmp_path: Path) -> None:
    for _ in range(10):
        _commit(tmp_path)
    assert find_run(f"{KEY}-1", tmp_path).record.attempt == 1


def test_of_two_attempts_the_one_with_the_file_is_meant(tmp_path: Path) -> None:
    first = _commit(tmp_path)
    again = _commit(tmp_path, rerun_of=first.path.name)
    (first.path / "forecasts.npz").unlink()
    assert find_run(KEY, tmp_path).path == first.path
    assert find_run(KEY, tmp_path, having="forecasts.npz").path == again.path
    assert find_run(KEY, tmp_path, having="model.keras").path == first.path  # none has it: the error names this one


def test_an_attempt_that_is_named_has_its_model_from_the_rerun_that_made_it_again(tmp_path: Path) -> None:
    """Not from one that came out otherwise: it would be another model under the name."""
    first = _commit(tmp_path)
    _commit(tmp_path)  # by --force: it stands for itself
    (first.path / "forecasts.npz").unlink()
    assert find_run(first.path.name, tmp_path, having="forecasts.npz").path == first.path
    again = _commit(tmp_path, rerun_of=first.path.name)
    assert find_run(first.path.name, tmp_path, having="forecasts.npz").path == again.path
    values = json.loads((again.path / "record.json").read_text())
    values["fit"]["final_hash"] = "another"
    (again.path / "record.json").write_text(json.dumps(values))
    assert find_run(first.path.name, tmp_path, having="forecasts.npz").path == first.path


def test_a_copy_that_somebody_made_is_no_attempt(tmp_path: Path) -> None:
    first = _commit(tmp_path)
    shutil.copytree(first.path, first.path.with_name(f"{first.path.name}-backup"))
    assert next_attempt(tmp_path / "n", KEY) == 2
    assert find_finished(tmp_path, "n", KEY).path == first.path


def test_only_a_finished_attempt_counts_as_done(tmp_path: Path) -> None:
    _commit(tmp_path, "FAILED")
    _commit(tmp_path, "KILLED")
    assert find_finished(tmp_path, "n", KEY) is None
    _commit(tmp_path)
    assert find_finished(tmp_path, "n", KEY).record.attempt == 3


@pytest.mark.parametrize("harm", ["truncated", "changed", "deleted", "manifest"])
def test_damage_is_noticed(harm: str, tmp_path: Path) -> None:
    folder = _commit(tmp_path).path
    assert damaged_files(folder) == []
    victim = folder / ("manifest.json" if harm == "manifest" else "history.csv")
    if harm == "truncated":
        victim.write_bytes(victim.read_bytes()[:-3])
    elif harm == "changed":
        victim.write_bytes(victim.read_bytes().replace(b"0.5", b"0.4"))
    else:
        victim.unlink()
    assert damaged_files(folder) == [victim.name]


def test_a_damaged_run_is_never_taken_for_done(tmp_path: Path) -> None:
    folder = _commit(tmp_path).path
    (folder / "forecasts.npz").write_bytes(b"")
    assert find_finished(tmp_path, "n", KEY) is None


def test_a_damaged_record_is_no_run(tmp_path: Path) -> None:
    folder = _commit(tmp_path).path
    (folder / "record.json").write_text('{"name": "n"')
    assert find_finished(tmp_path, "n", KEY) is None
    with pytest.raises(StoreError, match="cannot be read"):
        read_run(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("record.json", '{"metrics": null}'),
        ("record.json", "[]"),
        ("record.json", "null"),
        ("manifest.json", "[1, 2]"),
        ("mlflow.json", "[1, 2]"),
        ("spec.yaml", "- a list"),
        ("spec.yaml", "seed: [1"),
        ("history.csv", "epoch,train/loss\n1,many\n"),
        ("forecasts.npz", "no archive"),
    ],
)
def test_files_of_another_kind_are_explained_wherever_they_are_read(name: str, text: str, tmp_path: Path) -> None:
    folder = _commit(tmp_path).path
    (folder / name).write_text(text)
    assert name == "mlflow.json" or damaged_files(folder)
    assert published_as(folder) == {}
    assert len(list(list_runs(tmp_path))) == (0 if name == "record.json" else 1)
    for read in (lambda run: run.spec, lambda run: run.history, lambda run: run.forecasts):
        with suppress(StoreError):
            read(read_run(folder))


@pytest.mark.parametrize("wrong", [{"metrics": None}, {"metrics": {"val/mae": "low"}}, {"title": 3}, {"data": []}])
def test_a_value_of_another_kind_makes_a_record_unreadable(wrong: dict[str, object], tmp_path: Path) -> None:
    folder = _commit(tmp_path).path
    values = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**values, **wrong}))
    with pytest.raises(StoreError, match=f"{next(iter(wrong))} cannot be"):
        read_run(folder)


@pytest.mark.parametrize("name", ["spec.yaml", "history.csv", "forecasts.npz"])
def test_a_file_that_is_gone_is_explained(name: str, tmp_path: Path) -> None:
    stored = _commit(tmp_path)
    (stored.path / name).unlink()
    with pytest.raises(StoreError, match=name):
        getattr(stored, name.partition(".")[0])


def test_publishing_is_noted_outside_the_manifest(tmp_path: Path) -> None:
    folder = _commit(tmp_path).path
    note_published(folder, "sqlite:///a", "1")
    note_published(folder, "sqlite:///b", "2")
    assert published_as(folder) == {"sqlite:///a": "1", "sqlite:///b": "2"}
    assert damaged_files(folder) == []


def test_a_word_that_means_no_run_or_several_is_explained(tmp_path: Path) -> None:
    _commit(tmp_path, key="aaaa00000000")
    _commit(tmp_path, key="aaab00000000")
    with pytest.raises(StoreError, match="no run"):
        find_run("b", tmp_path)
    with pytest.raises(StoreError, match="2 runs begin"):
        find_run("aaa", tmp_path)
    assert find_run("aaab", tmp_path).record.run_key == "aaab00000000"
