"""Comparisons: what words mean, what was changed, and which differences are more than noise."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqexp.cli.comparisons import _cells, chosen_format, print_comparisons
from seqexp.cli.reports import print_block
from seqexp.cli.screen import mean_count, number
from seqexp.cli.table_formats import Format
from seqexp.errors import ConfigError, StoreError
from seqexp.store.run_dir import FORECASTS, StoredRun, write_run
from seqexp.workflows.checking.side_by_side import compare_done, put_side_by_side
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.reading.compare import as_values, changed_keys, compare_runs
from seqexp.workflows.reading.row_differences import Difference
from seqexp.workflows.sweeping.plan import Plan, plan_sweep
from seqexp.workflows.sweeping.sweep import SweepResult, run_sweep

WORDS = [
    "data=sine",
    "data.source.sine.length=300",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "execution=inline",
    "tracking=none",
    "training.epochs=6",
    "optimizer.learning_rate=0.01,0.00001",
    "seed=0..2",
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Plan, SweepResult]:
    project = open_project(tmp_path_factory.mktemp("workspace"))
    plan = plan_sweep(project, WORDS)
    return project, plan, run_sweep(project, plan)


def _runs(done: tuple[Project, Plan, SweepResult]) -> list[StoredRun]:
    return [outcome.stored for outcome in done[2].outcomes]


@pytest.mark.parametrize("meaning", ["sweep", "experiment", "runs", "nothing"])
def test_what_words_mean(meaning: str, done: tuple[Project, Plan, SweepResult]) -> None:
    project, plan, _ = done
    keys = [run.path.name for run in _runs(done)]
    words = {"sweep": [plan.key[:8]], "experiment": ["seqexp"], "runs": keys, "nothing": []}[meaning]
    (comparison,) = compare_runs(project, words)
    assert [row.seeds for row in comparison.block.rows if row.run] == [3, 3]


@pytest.mark.parametrize("meaning", ["sweep", "experiment", "run", "nothing"])
def test_an_attempt_that_checks_another_or_failed_takes_no_place_in_a_table(
    meaning: str, done: tuple[Project, Plan, SweepResult], tmp_path: Path
) -> None:
    shutil.copytree(done[0].workspace, tmp_path, dirs_exist_ok=True)
    first = _runs(done)[0].record
    drifted = replace(first, metrics={**first.metrics, "val/mae": 99.0}, rerun_of=first.folder_name)
    failed = replace(first, status="FAILED", metrics={}, error={"reason": "loss", "message": "train/loss is nan"})
    for record in (drifted, failed):
        write_run(tmp_path / "runs", record, {FORECASTS: (_runs(done)[0].path / FORECASTS).read_bytes()})
    words = {"sweep": [done[1].key[:8]], "experiment": ["seqexp"], "run": [first.run_key], "nothing": []}[meaning]
    (comparison,) = compare_runs(open_project(tmp_path), words)
    shown = [run.record.folder_name for row in comparison.block.rows for run in row.runs]
    assert [name for name in shown if name.startswith(first.run_key)] == [first.folder_name]


@pytest.fixture(scope="module")
def attempts(done: tuple[Project, Plan, SweepResult], tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A workspace with further attempts at the first run, and its key: one that drifted, one that failed, one more."""
    folder = tmp_path_factory.mktemp("attempts")
    shutil.copytree(done[0].workspace, folder, dirs_exist_ok=True)
    first = _runs(done)[0].record
    drifted = replace(first, metrics={**first.metrics, "val/mae": 99.0}, rerun_of=first.folder_name)
    failed = replace(first, status="FAILED", metrics={}, error={"reason": "diverged", "message": "train/loss is nan"})
    on_all_rows = replace(first, run_key="f" * 12, metrics={}, fit={"refit_of": first.folder_name})
    for record in (drifted, failed, first, on_all_rows):
        write_run(folder / "runs", record, {FORECASTS: (_runs(done)[0].path / FORECASTS).read_bytes()})
    return open_project(folder), first.run_key


@pytest.mark.parametrize("on_common", [False, True])
def test_attempts_at_one_run_that_are_named_stand_beside_each_other(
    on_common: bool, attempts: tuple[Project, str], capsys: pytest.CaptureFixture[str]
) -> None:
    project, key = attempts
    named = [f"{key}-1", str(project.runs / "seqexp" / f"{key}-2")]
    found = compare_runs(project, named, on_common=on_common)
    rows = [row for row in found[0].block.rows if row.run]
    assert {row.label for row in rows} == {f"encoder_decoder 14->7 {word}" for word in named}
    assert [(row.rank, row.seeds) for row in rows] == [(1, 1), (2, 1)]
    assert [found.verdict.partition(",")[0] for found in found[0].differences] == ["equal"]  # the forecasts are
    beside = compare_done(put_side_by_side(project, [*named, "data=sine"]), on_common=on_common)
    assert as_values(beside) == as_values(found)
    print_comparisons(found)
    assert "changed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["{0}", "{0}-2"], [["{0}-4"], ["{0}-2"]]),  # a key means the attempt that stands for it
        (["{0}", "{0}-4"], [["{0}-4"]]),
        (["{0}-1", "{1}-1"], [["{0}-1", "{1}-1"]]),  # two seeds
        (["{0}-1", "{0}-2", "{1}"], [["{0}-1"], ["{0}-2"], ["{1}-1"]]),
    ],
)
def test_only_attempts_at_one_run_stand_apart(
    words: list[str],
    shown: list[list[str]],
    attempts: tuple[Project, str],
    done: tuple[Project, Plan, SweepResult],
) -> None:
    keys = [run.record.run_key for run in _runs(done)]
    (comparison,) = compare_runs(attempts[0], [word.format(*keys) for word in words])
    rows = [sorted(run.path.name for run in row.runs) for row in comparison.block.rows if row.run]
    assert sorted(rows) == sorted(sorted(name.format(*keys) for name in names) for names in shown)


@pytest.mark.parametrize("beside", [[], ["{key}-1"]])
@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("{key}-3", r"{key}-3 failed \(diverged\): train/loss is nan(.|\n)*Name a finished run"),
        ("ffffffffffff", r"ffffffffffff-1 was trained on every row(.|\n)*made of: {key}-1\."),
    ],
)
def test_a_run_that_is_named_and_has_no_figures_is_refused(
    word: str, says: str, beside: list[str], attempts: tuple[Project, str]
) -> None:
    project, key = attempts
    with pytest.raises(StoreError, match=says.format(key=key)):
        compare_runs(project, [name.format(key=key) for name in (*beside, word)])


@pytest.mark.parametrize("meaning", ["sweep", "experiment"])
def test_a_sweep_that_is_named_and_has_no_figures_is_refused(
    meaning: str, done: tuple[Project, Plan, SweepResult], tmp_path: Path
) -> None:
    """It was answered with "No finished runs to compare", and that with exit code 0."""
    shutil.copytree(done[0].sweeps, tmp_path / "sweeps")
    first, second, third, *_ = (run.record for run in _runs(done))
    error = {"reason": "diverged", "message": "train/loss is nan"}
    records = [replace(record, status="FAILED", metrics={}, error=error) for record in (first, second)]
    for record in (*records, replace(third, status="KILLED", metrics={})):
        write_run(tmp_path / "runs", record, {"error.txt": b""})
    word = {"sweep": done[1].key[:8], "experiment": "seqexp"}[meaning]
    says = rf"None of the 3 runs of {word} has figures to compare: 2 failed \(diverged\), 1 stopped(.|\n)*list runs"
    with pytest.raises(StoreError, match=says):
        compare_runs(open_project(tmp_path), [word])
    with pytest.raises(StoreError, match=says.replace(word, "this workspace")):
        compare_runs(open_project(tmp_path), [])


def test_a_large_difference_is_told_from_noise(done: tuple[Project, Plan, SweepResult]) -> None:
    (comparison,) = compare_runs(done[0], [])
    (found,) = comparison.differences
    assert comparison.first.startswith("encoder_decoder 14->7 learning_rate=0.01")
    means = [np.mean([run.record.metrics["test/mae"] for run in _runs(done)[first : first + 3]]) for first in (0, 3)]
    assert found.mean == pytest.approx(means[1] - means[0])
    assert found.interval is not None
    assert 0 < found.interval[0] < found.mean < found.interval[1]
    assert found.p_value < 0.01
    assert (found.seeds, found.origins) == (3, 39)
    assert found.verdict == "worse, larger than seed noise, more than chance over the origins"
    assert as_values([comparison])["blocks"][0]["differences"][0]["seeds"] == 3


def test_what_a_row_cost_is_the_mean_over_its_seeds(
    done: tuple[Project, Plan, SweepResult], capsys: pytest.CaptureFixture[str]
) -> None:
    (comparison,) = compare_runs(done[0], [])
    fits = [run.record.fit for run in _runs(done)[:3]]
    row = next(row for row in comparison.block.rows if row.run and row.run.spec["optimizer"]["learning_rate"] == 0.01)
    assert row.budget is not None
    assert row.budget.epochs == 6
    assert row.budget.best_epoch == pytest.approx(np.mean([fit["best_epoch"] for fit in fits]))
    assert row.budget.windows == 6 * _runs(done)[0].record.data["windows"]["train"] == 1140
    assert row.budget.seconds == pytest.approx(np.mean([run.record.timings["fit"] for run in _runs(done)[:3]]))
    told = as_values([comparison])["blocks"][0]["rows"]
    assert [found["budget"]["epochs"] for found in told if found["budget"]] == [6, 6]
    assert [found["budget"] for found in told if not found["runs"]] == [None] * (len(told) - 2)
    print_comparisons([comparison])
    shown = capsys.readouterr().out
    line = next(line for line in shown.splitlines() if "learning_rate=0.01" in line)
    assert f"{mean_count(row.budget.best_epoch)}/6    1.1 k" in line
    assert f"{row.budget.seconds:.1f} s" in line
    print_block(comparison.block)
    assert "windows " not in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize("form", [Format.markdown, Format.latex, Format.csv, Format.json])
def test_every_format_has_the_figures_of_the_table(
    form: Format, done: tuple[Project, Plan, SweepResult], capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare_runs(done[0], [])
    print_comparisons(found, form)
    written = capsys.readouterr().out
    row = next(row for row in found[0].block.rows if row.rank == 1)
    rounded = f"{number(row.metrics['test/mae'])} ±{row.spread['test/mae']:.2g}"
    if form is Format.markdown:
        assert f"| {rounded} |" in written
        assert "learning\\_rate=0.01 (3 seeds)" in written
        assert written.count("\n| ---") == 3  # the block, what was changed, the differences
    elif form is Format.latex:
        assert " & " + rounded.replace("±", r"$\pm$") + " & " in written
        assert written.count(r"\toprule") == written.count(r"\bottomrule") == 3
        assert not re.search(r"(?<!\\)[_%#]", written)
    elif form is Format.csv:
        lines = list(csv.DictReader(io.StringIO(written)))
        assert len(lines) == len(found[0].block.rows)
        first, second = (line for line in lines if line["rank"])
        assert float(first["test/mae"]) == row.metrics["test/mae"]
        assert float(first["val/mae sd"]) == row.spread["val/mae"]
        assert float(first["windows"]) == 1140
        assert first["difference"] == ""
        assert float(second["difference"]) == found[0].differences[0].mean
        assert float(second["p"]) == found[0].differences[0].p_value
    else:
        assert json.loads(written)["blocks"][0]["rows"][0]["label"]


def test_json_and_another_format_contradict_each_other() -> None:
    assert chosen_format(None, json=False) is Format.table
    assert chosen_format(None, json=True) is chosen_format(Format.json, json=True) is Format.json
    assert chosen_format(Format.csv, json=False) is Format.csv
    with pytest.raises(ConfigError, match="--json and --format csv contradict"):
        chosen_format(Format.csv, json=True)


def test_with_one_seed_the_noise_is_not_known(done: tuple[Project, Plan, SweepResult]) -> None:
    runs = _runs(done)
    (comparison,) = compare_runs(done[0], [runs[0].path.name, runs[3].path.name])
    (found,) = comparison.differences
    assert found.interval is None
    assert "seed noise unknown" in found.verdict


def test_too_few_origins_and_no_common_seed_are_said() -> None:
    found = Difference("a", 1.0, None, seeds=0, p_value=float("nan"), origins=2)
    assert found.verdict == "worse, too few origins to tell from chance; seed noise unknown: no seed in common"
    assert "-" in _cells(found)


def test_what_was_changed(done: tuple[Project, Plan, SweepResult]) -> None:
    runs = _runs(done)
    assert changed_keys([runs[0], runs[3]]) == [("optimizer.learning_rate", ["0.01", "1e-05"])]
    assert changed_keys([runs[0], runs[0]]) == []


def test_an_unknown_word_is_explained(done: tuple[Project, Plan, SweepResult]) -> None:
    with pytest.raises(StoreError, match="no run 'nothing'") as caught:
        compare_runs(done[0], ["nothing"])
    assert "a sweep or an experiment" in str(caught.value)


def test_an_empty_workspace_has_nothing_to_compare(tmp_path: Path) -> None:
    assert compare_runs(open_project(tmp_path), []) == []
