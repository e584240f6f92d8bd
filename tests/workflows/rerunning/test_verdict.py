"""The verdict on a rerun: how equal two records are, and each thing that may be why they are not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqexp.cli.verdicts import print_rerun
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import HISTORY, STEPS, StoredRun, history_file, steps_file, write_run
from seqexp.workflows.identity import run_key_of
from seqexp.workflows.rerunning import differences
from seqexp.workflows.rerunning.differences import find_differences, not_held
from seqexp.workflows.rerunning.rerun import Rerun
from seqexp.workflows.rerunning.verdict import Change, Verdict, judge
from seqexp.workflows.running.requests import RunOutcome

ENVIRONMENT = {
    "versions": {"python": "3.11.9", "tensorflow": "2.21.0", "mlflow": "3.17.2"},
    "machine": {"processor": "Xeon", "architecture": "x86_64", "system": "Linux", "name": "here"},
    "flags": {"XLA_FLAGS": "--a"},
    "git": {"commit": "a" * 40, "dirty": False},
    "code": {"files": "f" * 64, "commit": "a" * 40, "dirty": False},
}
DATA = {
    "fingerprint": "1" * 64,
    "columns": {"sales": "aa", "rain": "bb"},
    "observed": "cc",
    "stamps": "dd",
    "steps": 100,
    "first": "2024-01-01",
    "last": "2024-04-09",
}
FIT = {"initial_hash": "i", "final_hash": "w", "threads": 1, "engine": "compiled", "xla": True}


@pytest.fixture
def make(compose: Callable[..., ExperimentSpec], tmp_path: Path) -> Callable[..., StoredRun]:
    """Write a run; what is given takes the place of a part of its record, or changes a figure."""
    spec = compose("data=sine")
    key = run_key_of(spec, DATA["fingerprint"])

    def make_run(steps: list[float | None] | None = None, loss: float = 0.5, **parts: Any) -> StoredRun:
        record = RunRecord(
            name="n",
            run_key=key,
            attempt=0,
            status="FINISHED",
            started=1.0,
            ended=2.0,
            title="t",
            spec=spec.as_tree(),
            metrics={"val/mae": 300.0, "val/skill": 0.001, "test/mae": 290.0},
            baselines={"baseline/drift/mae": 400.0},
            fit=FIT,
            data=DATA,
            environment=copy.deepcopy(ENVIRONMENT),
        )
        files = {STEPS: steps_file({"step/mae": steps or [1.0, 2.0]})}
        files[HISTORY] = history_file([{"epoch": 1, "train/loss": loss, "seconds": 1.0, "time": 5.0}])
        return write_run(tmp_path / "runs", replace(record, **parts), files)

    return make_run


def _verdict(before: StoredRun, after: StoredRun, **options: Any) -> Verdict:
    return judge(before, after, find_differences(before, after), **options)


def _environment(part: str, **values: Any) -> dict[str, Any]:
    return {**ENVIRONMENT, part: {**ENVIRONMENT[part], **values}}


def test_what_is_equal_to_the_last_bit_is_reproduced_bitwise(make: Callable[..., StoredRun]) -> None:
    verdict = _verdict(make(), make())
    assert verdict.outcome == "bitwise"
    assert verdict.figures == 7
    assert verdict.text == "reproduced bitwise: the weights and all 7 figures are equal to the last bit"
    assert verdict.differences == verdict.notes == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"metrics": {"val/mae": 300.0 + 1e-12, "val/skill": 0.001, "test/mae": 290.0}},
        {"baselines": {"baseline/drift/mae": 400.00001}},
        {"steps": [1.0, 2.0000000000000004]},
        {"loss": 0.5000000000000001},
        {"fit": {**FIT, "final_hash": "other"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_one_bit_anywhere_is_not_bitwise(changed: dict[str, Any], make: Callable[..., StoredRun]) -> None:
    verdict = _verdict(make(), make(**changed))
    assert verdict.outcome == "tolerance"
    assert verdict.is_reproduced


def test_the_largest_difference_is_named_and_the_tolerance_is_held(make: Callable[..., StoredRun]) -> None:
    before, after = make(), make(metrics={"val/mae": 300.03, "val/skill": 0.001, "test/mae": 290.0001})
    verdict = _verdict(before, after, tolerance=1e-3)
    assert verdict.outcome == "tolerance"
    assert "val/mae differs most, by 0.0001 relative (300 -> 300.03)" in verdict.text
    assert _verdict(before, after, tolerance=1e-5).outcome == "drifted"
    assert _verdict(before, before, tolerance=0.0).outcome == "bitwise"


def test_a_share_near_zero_is_measured_against_one() -> None:
    assert Change("val/skill", 0.001, 0.0011).relative == pytest.approx(1e-4)
    assert Change("step/r2 of step 3", 0.001, 0.0011).relative == pytest.approx(1e-4)
    assert Change("val/mae", 0.001, 0.0011).relative == pytest.approx(1 / 11)
    assert Change("val/mae", 0.0, 0.0).relative == 0.0


def test_a_figure_that_is_gone_is_a_drift_and_a_new_one_is_none(make: Callable[..., StoredRun]) -> None:
    more = {"val/mae": 300.0, "val/skill": 0.001, "test/mae": 290.0, "test/new": 1.0}
    assert _verdict(make(), make(metrics=more)).outcome == "bitwise"
    verdict = _verdict(make(metrics=more), make())
    assert verdict.outcome == "drifted"
    assert "test/new was 1 and is not there" in verdict.text


def test_a_drift_without_a_known_reason_says_so(make: Callable[..., StoredRun]) -> None:
    verdict = _verdict(make(), make(loss=0.7))
    assert verdict.outcome == "drifted"
    assert verdict.text.startswith("drifted, and nothing that the record holds has changed: train/loss of epoch 1")


CAUSES = [
    ("versions", {"environment": _environment("versions", tensorflow="2.22.0")}, "tensorflow 2.21.0 -> 2.22.0"),
    ("machine", {"environment": _environment("machine", processor="Epyc")}, "another processor: Xeon -> Epyc"),
    ("threads", {"fit": {**FIT, "threads": 2}}, "threads 1 -> 2"),
    ("engine", {"fit": {**FIT, "engine": "keras", "xla": False}}, "engine compiled -> keras"),
    ("engine", {"fit": {**FIT, "xla": False}}, "engine compiled -> compiled without XLA"),
    ("flags", {"environment": _environment("flags", XLA_FLAGS="--b")}, "XLA_FLAGS --a -> --b"),
    (
        "flags",
        {"environment": _environment("flags", TF_ENABLE_ONEDNN_OPTS="0")},
        "TF_ENABLE_ONEDNN_OPTS not set -> 0",
    ),
    (
        "code",
        {"environment": _environment("code", files="e" * 64, commit="b" * 40)},
        "the code of seqexp changed: commit aaaaaaaaaa -> bbbbbbbbbb",
    ),
    (
        "code",
        {"environment": _environment("code", files="e" * 64, dirty=True, diff="c" * 64)},
        "the code of seqexp changed: commit aaaaaaaaaa -> aaaaaaaaaa with changes cccccccc",
    ),
    (
        "data",
        {"data": {**DATA, "fingerprint": "2" * 64, "columns": {"sales": "xx", "rain": "bb"}, "steps": 101}},
        "the data changed: column 'sales', rows 100 -> 101 (there is no copy to tell which rows)",
    ),
]


@pytest.mark.parametrize(
    ("kind", "changed", "says"), CAUSES, ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(CAUSES)]
)
def test_every_cause_is_named(
    kind: str, changed: dict[str, Any], says: str, make: Callable[..., StoredRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "changed_files", lambda before, after: None)
    metrics = {"val/mae": 301.0, "val/skill": 0.001, "test/mae": 290.0}
    before = make()
    drifted = _verdict(before, make(metrics=metrics, **changed))
    assert [(found.kind, found.text) for found in drifted.causes] == [(kind, says)]
    assert drifted.text.startswith(f"drifted because {says}: val/mae differs most")
    reproduced = _verdict(before, make(**changed))
    assert reproduced.outcome == "bitwise"
    assert [found.text for found in reproduced.differences] == [says]  # told all the same


def test_what_cannot_matter_is_told_and_is_no_cause(make: Callable[..., StoredRun]) -> None:
    other = {
        **ENVIRONMENT,
        "versions": {**ENVIRONMENT["versions"], "mlflow": "3.18.0"},
        "code": {"files": "f" * 64, "commit": "b" * 40, "dirty": False},
        "git": {"commit": "c" * 40, "dirty": False},  # of the working directory, whose YAML is in the record
    }
    verdict = _verdict(make(), make(environment=other, loss=0.9))
    assert verdict.causes == []
    assert [found.kind for found in verdict.differences] == ["code", "versions"]
    moved = "the repository of seqexp moved on, and its code is the same: commit aaaaaaaaaa -> bbbbbbbbbb"
    assert verdict.differences[0].text == moved  # a commit is no change of the code


@pytest.mark.parametrize(("files", "can_matter"), [([], False), (["data/series.py"], True), (None, True)])
def test_of_an_older_record_made_in_a_checkout_git_tells_whether_the_code_changed(
    files: list[str] | None, can_matter: bool, make: Callable[..., StoredRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "changed_files", lambda before, after: files)
    old = {"git": {"commit": "c" * 40, "dirty": False}}
    (found,) = find_differences(make(environment=old), make())
    assert found.can_matter is can_matter
    assert ("moved on" in found.text) is not can_matter


def test_of_an_older_record_the_working_directory_has_to_do(make: Callable[..., StoredRun]) -> None:
    old = {"git": {"commit": "c" * 40, "dirty": False}}
    (found,) = find_differences(make(environment=old), make())
    assert found.text == "the repository of the working directory changed: commit cccccccccc -> aaaaaaaaaa"
    assert found.can_matter


def test_changed_files_are_named(make: Callable[..., StoredRun], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def files(before: str, after: str | None) -> list[str]:
        asked.append((before, after))
        return ["data/series.py", "training/fit.py"]

    monkeypatch.setattr(differences, "changed_files", files)
    changed = {"environment": _environment("code", files="e" * 64, commit="b" * 40)}
    (found,) = find_differences(make(), make(**changed))
    assert "(seqexp/data/series.py, seqexp/training/fit.py)" in found.text
    assert asked == [("a" * 40, "b" * 40)]


def test_another_run_key_for_the_same_experiment_is_a_cause(make: Callable[..., StoredRun]) -> None:
    before = make(run_key="0123456789ab")
    (found,) = find_differences(before, make())
    assert found.kind == "key"
    assert "0123456789ab -> " in found.text


def test_what_was_asked_for_is_named(make: Callable[..., StoredRun], compose: Callable[..., ExperimentSpec]) -> None:
    spec = compose("data=sine", "training.epochs=3", "name=other", "training.threads=2")
    found = find_differences(make(), make(spec=spec.as_tree()))
    assert [(item.kind, item.text) for item in found] == [("request", "training.epochs 20 -> 3")]


def test_an_older_record_says_what_it_does_not_hold(make: Callable[..., StoredRun]) -> None:
    old = make(
        schema=3,
        fit={"best_epoch": 1},
        data={"fingerprint": "1" * 64},
        environment={"versions": ENVIRONMENT["versions"], "git": ENVIRONMENT["git"]},
    )
    verdict = _verdict(old, make())
    assert verdict.outcome == "tolerance"  # the weights are not known to be the same
    assert "all 7 figures are equal to the last bit" in verdict.text
    assert verdict.notes[0].startswith("the record does not hold hashes of the weights, the number of threads")
    assert verdict.differences == ()
    assert not_held(make()) == []
    changed = _verdict(old, make(data={**DATA, "fingerprint": "2" * 64}, loss=0.9))
    assert "the record does not hold which columns" in changed.text


def test_an_empty_record_is_no_crash(make: Callable[..., StoredRun]) -> None:
    empty = make(fit={}, data={}, environment={}, metrics={}, baselines={}, schema=2)
    assert _verdict(empty, make()).notes
    assert _verdict(empty, make(environment={}, fit={}, data={})).notes


def test_a_rerun_that_failed_says_why(make: Callable[..., StoredRun]) -> None:
    after = make(status="FAILED", error={"reason": "diverged", "message": "the loss is nan"})
    verdict = _verdict(make(), after)
    assert verdict.outcome == "failed"
    assert verdict.text == "failed: diverged: the loss is nan"
    assert not verdict.is_reproduced


def test_the_verdict_goes_into_json(make: Callable[..., StoredRun]) -> None:
    import json

    values = _verdict(make(), make(metrics={"val/skill": 0.5, "test/mae": 290.0})).as_values()
    text = json.dumps(values, allow_nan=False)
    assert values["largest"] == {"name": "val/mae", "before": 300.0, "after": None, "relative": None}
    assert json.loads(text)["verdict"] == "drifted"


def test_the_figures_that_differ_most_stand_first(
    make: Callable[..., StoredRun], capsys: pytest.CaptureFixture[str]
) -> None:
    before = make(metrics={"val/mae": 300.0, "test/mae": 200.0, "test/rmse": 100.0})
    after = make(metrics={"val/mae": 300.001, "test/mae": 200.01, "test/rmse": 100.0001})
    print_rerun(Rerun(before, RunOutcome(after), _verdict(before, after)))
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "/mae" in line or "/rmse" in line]
    assert lines[-3:] == ["test/mae", "val/mae", "test/rmse"]
