"""Runs of one title are told apart by what they differ in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.cli.listing import print_list
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import SPEC, StoredRun, spec_file, write_run
from seqexp.workflows.identity import title_of
from seqexp.workflows.project import open_project
from seqexp.workflows.reading.labels import what_differs

Compose = Callable[..., ExperimentSpec]


def _run(spec: ExperimentSpec, key: str = "a", home: Path | None = None, rerun_of: str = "") -> StoredRun:
    record = RunRecord(
        spec.name, key * 12, 1, "FINISHED", ord(key), 1.0, title_of(spec), spec.as_tree(), rerun_of=rerun_of
    )
    return StoredRun(Path(key), record) if home is None else write_run(home, record, {SPEC: spec_file(spec.as_tree())})


def test_only_runs_of_one_title_are_told_apart(compose: Compose) -> None:
    words = [["seed=1"], ["training.epochs=3"], ["optimizer.learning_rate=0.5", "name=other"], ["timesteps=20"]]
    runs = [_run(compose("data=sine", *more)) for more in words]
    assert what_differs(runs) == ["", "learning_rate=0.001 epochs=3", "learning_rate=0.5 epochs=20", ""]
    assert what_differs(runs[:1] * 2) == ["", ""]  # two attempts
    assert what_differs([]) == []


def test_how_folds_are_cut_is_told_of_backtests_alone(compose: Compose) -> None:
    backtest = ["evaluation=backtest", "evaluation.backtest.folds=3", "evaluation.backtest.refit=never"]
    runs = [_run(compose("data=sine", *more)) for more in ([], backtest)]
    assert what_differs(runs) == ["mode=holdout", "mode=backtest folds=3 refit=never"]


def test_of_another_data_set_the_name_says_enough(compose: Compose) -> None:
    runs = [_run(compose(word)) for word in ("data=sine", "data=co2")]
    assert what_differs(runs) == ["data=sine", "data=co2"]


def test_layers_are_named_by_their_kinds_and_many_words_are_cut(compose: Compose) -> None:
    flat = "topology.layers=[Flatten,{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]"
    many = ["training.epochs=3", "training.batch_size=8", "training.shuffle=false", "optimizer.learning_rate=0.5"]
    assert what_differs([_run(compose("data=sine", *more)) for more in ([], [flat])])[1].endswith(
        "Flatten-Dense-Reshape"
    )
    found = what_differs([_run(compose("data=sine", *more)) for more in ([], [*many, "data.lead=2"])])
    assert all(len(words.split()) == 5 and words.endswith(" ...") for words in found)


def test_the_list_of_runs_shows_it(compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for key, rate in (("a", 0.01), ("b", 0.02)):
        _run(compose("data=sine", f"optimizer.learning_rate={rate}"), key, tmp_path / "runs")
    print_list(open_project(tmp_path), "runs", None, 50)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("seed 0 ")[1].split()[0] for line in lines[1:]] == ["learning_rate=0.01", "learning_rate=0.02"]


def test_the_list_of_runs_tells_reruns(compose: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, project = compose("data=sine"), open_project(tmp_path)
    _run(spec, "a", project.runs)
    print_list(project, "runs", None, 50)
    assert "rerun of" not in capsys.readouterr().out
    _run(spec, "a", project.runs, rerun_of="aaaaaaaaaaaa-1")
    _run(spec, "b", project.runs, rerun_of="aaaaaaaaaaaa-2")
    _run(spec, "c", project.runs, rerun_of="0123456789abcdef" * 2)  # a run that MLflow alone shows
    print_list(project, "runs", None, 50)
    header, *lines = capsys.readouterr().out.splitlines()
    start, end = header.index("rerun of"), header.index("name")
    assert [line[start:end].strip() for line in lines] == ["", "attempt 1", "aaaaaaaaaaaa-2", "0123456789ab"]
