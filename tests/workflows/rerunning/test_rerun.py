"""Recorded runs are run again: to the last bit, with the data of the record, and with a verdict on what has changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from seqexp.errors import ConfigError, DataError, SeqexpError, StoreError
from seqexp.fingerprint import hash_file
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import MANIFEST, RECORD, StoredRun, read_run
from seqexp.store.snapshots import list_snapshots
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.rerunning.find_original import find_original
from seqexp.workflows.rerunning.options import RerunOptions
from seqexp.workflows.rerunning.recorded_data import DataChoice
from seqexp.workflows.rerunning.rerun import Rerun, rerun
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import request_run

SEQEXP = str(Path(sys.executable).with_name("seqexp"))
SMALL = ["topology=vector_output", "topology.units=4", "training.epochs=2", "name=trial", "tracking=none"]
TABLE = ["data=table", "data.path=sales.csv", "data.time=date", "data.targets=sales", "data.features=all"]


def _write(path: Path = Path("sales.csv"), **changed: float) -> None:
    days = pd.date_range("2024-01-01", periods=160)
    frame = pd.DataFrame({"date": days, "sales": 100 + days.day_of_week + 0.1 * (days.day % 4), "rain": days.day % 3})
    for column, value in changed.items():
        frame.loc[40, column] = value
    frame.to_csv(path, index=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """A workspace with one run on a table; it is copied for every test."""
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copy(migrated_store, folder / "mlflow.db")
    _write(folder / "sales.csv")
    words = [*SMALL[:-1], *(word.replace("=sales.csv", f"={folder / 'sales.csv'}") for word in TABLE)]
    project = open_project(folder)
    request_run(project, project.compose_one(words))
    return folder


@pytest.fixture
def place(recorded: Path, tmp_path: Path) -> Project:
    """A workspace of the test's own with that run, whose data lie beside it."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    (stored,) = list_runs(tmp_path / "runs")
    edit(stored, lambda values: values["spec"]["data"].update(path=str(tmp_path / "sales.csv")))
    edit(stored, lambda values: values["spec"]["tracking"].update(mlflow=False))
    return open_project(tmp_path)


def edit(stored: StoredRun, change: Callable[[dict[str, Any]], Any]) -> StoredRun:
    """Change a record, and its manifest with it: as if the run had been made elsewhere."""
    values = json.loads((stored.path / RECORD).read_text())
    change(values)
    (stored.path / RECORD).write_text(json.dumps(values))
    sums = json.loads((stored.path / MANIFEST).read_text())
    (stored.path / MANIFEST).write_text(json.dumps({**sums, RECORD: hash_file(stored.path / RECORD)}))
    return read_run(stored.path)


def _only(project: Project) -> StoredRun:
    return min(list_runs(project.runs), key=lambda run: run.record.started)


def _again(project: Project, *overrides: str, **options: Any) -> Rerun:
    how = RerunOptions(**{key: options.pop(key) for key in ("data", "tolerance") if key in options})
    return rerun(project, _only(project).record.run_key[:8], overrides, how, **options)


def test_a_run_is_reproduced_as_a_new_attempt(place: Project) -> None:
    before = _only(place)
    done = _again(place)
    after = done.outcome.stored
    assert done.verdict.outcome == "bitwise"
    assert done.verdict.differences == ()
    assert after.record.folder_name == f"{before.record.run_key}-2"
    assert after.record.rerun_of == before.path.name
    assert after.record.fit["initial_hash"] == before.record.fit["initial_hash"]
    assert not done.outcome.was_done
    third = _again(place)  # held against the first, which repeats none
    assert third.before.path == before.path
    assert third.outcome.stored.record.attempt == 3
    assert rerun(place, after.path.name).before.path == after.path  # but for who names another


def test_mlflow_shows_what_a_run_repeats(place: Project) -> None:
    before = edit(_only(place), lambda values: values["spec"]["tracking"].update(mlflow=True))
    (shown,) = json.loads((before.path / "mlflow.json").read_text()).values()
    done = rerun(place, shown)  # by its MLflow run id
    assert done.before.path == before.path
    client = MlflowClient(f"sqlite:///{place.workspace / 'mlflow.db'}")
    tags = client.get_run(done.outcome.mlflow_run_id).data.tags
    assert tags["rerun_of"] == before.path.name
    assert tags["attempt"] == "2"


def test_of_changed_data_the_copy_is_read(place: Project) -> None:
    _write(sales=150)
    done = _again(place)
    assert done.verdict.outcome == "bitwise"
    (note,) = done.verdict.notes
    assert note.endswith("today's are others: 1 row differs: 1 of 'sales' (2024-02-10 00:00:00)")
    assert len(list_snapshots(place.runs)) == 1


@pytest.mark.parametrize("choice", [DataChoice.auto, DataChoice.snapshot])
def test_of_data_that_are_gone_the_copy_is_read(choice: DataChoice, place: Project) -> None:
    Path("sales.csv").unlink()
    assert _again(place, data=choice).verdict.outcome == "bitwise"


def test_changed_data_are_why_figures_drift(place: Project) -> None:
    _write(sales=150, rain=9)
    done = _again(place, data=DataChoice.current)
    assert done.verdict.outcome == "drifted"
    says = "drifted because the data changed: 1 row differs: 1 of 'sales', 1 of 'rain' (2024-02-10 00:00:00): "
    assert done.verdict.text.startswith(says)
    assert [found.kind for found in done.verdict.differences] == ["data"]
    assert done.outcome.stored.record.run_key != done.before.record.run_key
    assert len(list_snapshots(place.runs)) == 2


def test_without_a_copy_the_record_tells_which_column(place: Project) -> None:
    _write(rain=9)
    list_snapshots(place.runs)[0].unlink()
    done = _again(place)
    assert done.verdict.outcome == "drifted"
    assert "the data changed: column 'rain' (there is no copy to tell which rows)" in done.verdict.text
    assert "is not there any more" in done.verdict.notes[0]


def test_with_neither_file_nor_copy_both_are_named(place: Project) -> None:
    Path("sales.csv").rename("moved.csv")
    list_snapshots(place.runs)[0].unlink()
    with pytest.raises(DataError, match=r"there is no file .*sales.csv.*the copy .* is not there any more") as refused:
        _again(place)
    assert refused.value.problems[0].key == "data.path"
    with pytest.raises(DataError, match="there is no copy"):
        _again(place, data=DataChoice.snapshot)
    with pytest.raises(DataError, match="there is no file"):
        _again(place, data=DataChoice.current)
    assert len(list(list_runs(place.runs))) == 1
    assert _again(place, "data.path=moved.csv").verdict.outcome == "bitwise"


def test_a_damaged_copy_is_read_by_nobody(place: Project) -> None:
    (copy,) = list_snapshots(place.runs)
    copy.write_bytes(copy.read_bytes()[:-99])
    assert _again(place).verdict.outcome == "bitwise"  # the file is still the same
    Path("sales.csv").unlink()
    with pytest.raises(DataError, match="is damaged"):
        _again(place)


def test_what_differs_is_told_of_a_run_that_is_reproduced(place: Project) -> None:
    def elsewhere(values: dict[str, Any]) -> None:
        values["environment"]["versions"]["numpy"] = "1.0.0"
        values["environment"]["machine"]["processor"] = "Abacus"
        values["environment"]["flags"]["XLA_FLAGS"] = "--none"
        values["environment"]["code"].update(files="0", commit="0" * 40)
        values["fit"]["threads"] = 99

    edit(_only(place), elsewhere)
    verdict = _again(place).verdict
    assert verdict.outcome == "bitwise"
    told = {found.kind for found in verdict.differences}
    assert told | {"threads"} == {"versions", "machine", "flags", "code", "threads"}  # a test may not know its threads


def test_flags_that_are_set_now_are_told(place: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert [found.text for found in _again(place).verdict.differences] == ["TF_ENABLE_ONEDNN_OPTS not set -> 0"]


def test_a_drift_that_nothing_explains_says_so(place: Project) -> None:
    edit(_only(place), lambda values: values["metrics"].update({"val/mae": values["metrics"]["val/mae"] * 1.01}))
    verdict = _again(place).verdict
    assert verdict.text.startswith("drifted, and nothing that the record holds has changed: val/mae differs most")
    assert _again(place, tolerance=0.02).verdict.outcome == "tolerance"


def test_a_record_of_an_older_release_is_no_crash(place: Project) -> None:
    def older(values: dict[str, Any]) -> None:
        values["schema"] = 3
        del values["rerun_of"], values["environment"]["flags"], values["environment"]["code"]
        for key in ("initial_hash", "final_hash", "threads"):
            del values["fit"][key]
        for key in ("columns", "observed", "stamps", "snapshot"):
            del values["data"][key]
        del values["spec"]["data"]["snapshot"]

    edit(_only(place), older)
    verdict = _again(place).verdict
    assert verdict.outcome == "tolerance"
    assert "the record does not hold hashes of the weights" in verdict.notes[0]
    _write(sales=150)
    with pytest.raises(DataError, match="the record does not hold whether a copy was kept"):
        _again(place, data=DataChoice.snapshot)


def test_overrides_make_another_run_and_are_named(place: Project) -> None:
    done = _again(place, "training.epochs=3", "topology.units=6", "output_length=3")
    record = done.outcome.stored.record
    assert record.run_key != done.before.record.run_key
    assert record.spec["topology"]["layers"][0] == {"LSTM": {"units": 6}}
    assert record.spec["data"]["targets"] == ["sales"]
    assert done.verdict.outcome == "drifted"
    told = [found.text for found in done.verdict.causes]
    assert "training.epochs 2 -> 3" in told
    assert "topology.units 4 -> 6" in told
    assert "output_length 7 -> 3" in told


def test_an_override_that_changes_nothing_is_reproduced(place: Project) -> None:
    done = _again(place, "training.threads=1", "name=other")
    assert done.verdict.outcome == "bitwise"
    assert done.outcome.stored.path.parent.name == "other"


def test_another_topology_and_other_data_can_be_asked_for(place: Project) -> None:
    done = _again(place, "topology=many_to_one", "data=sine", "data.source.sine.length=150", "output_length=1")
    assert done.outcome.stored.record.title == "many_to_one 14->1 seed 0"
    with pytest.raises(DataError, match="other data than those of which there is a copy"):
        _again(place, "data=sine", data=DataChoice.snapshot)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.epoch=3", "unknown key"),
        ("training.epochs=-1", "training.epochs"),
        ("seed=1,2", "seqexp sweep"),
        ("topology=encoder_decodr", "Did you mean encoder_decoder"),
        ("epochs", "this is no override"),
    ],
)
def test_a_wrong_override_is_refused(override: str, says: str, place: Project) -> None:
    with pytest.raises(SeqexpError, match=says):
        _again(place, override)
    assert len(list(list_runs(place.runs))) == 1


def test_a_config_that_changed_leaves_what_nothing_follows_from(
    place: Project, write: Callable[[str, str], Path]
) -> None:
    write("conf/topology/vector_output.yaml", "units: 4\nlayers:\n  - Flatten: {}\n")
    project = open_project(place.workspace)
    assert _again(project).verdict.outcome == "bitwise"
    with pytest.raises(ConfigError, match="does not give the recorded spec"):
        _again(project, "topology.units=5")
    assert [found.text for found in _again(project, "seed=3").verdict.causes] == ["seed 0 -> 3"]
    with pytest.raises(ConfigError, match="Did you mean epochs"):
        _again(project, "training.epoch=3")


def test_words_that_mean_no_run_are_explained(place: Project) -> None:
    stored = _only(place)
    other = stored.path.with_name(f"{stored.record.run_key[:6]}ffffff-1")
    shutil.copytree(stored.path, other)
    edit(read_run(other), lambda values: values.update(run_key=f"{stored.record.run_key[:6]}ffffff"))
    with pytest.raises(StoreError, match="2 runs begin with"):
        find_original(place, stored.record.run_key[:6])
    for word in ("nothing", "0" * 32, ".data", ""):
        with pytest.raises(StoreError, match=r"There is no run|2 runs begin"):
            find_original(place, word)
    assert find_original(place, str(stored.path)).path == stored.path
    (stored.path / RECORD).write_text('{"name"')
    with pytest.raises(StoreError, match="cannot be read"):
        find_original(place, stored.record.run_key)


def test_a_changed_record_is_not_trusted(place: Project) -> None:
    stored = _only(place)
    (stored.path / RECORD).write_text((stored.path / RECORD).read_text() + " ")
    with pytest.raises(StoreError, match=r"is damaged: record.json"):
        _again(place)


def test_a_run_that_failed_has_nothing_to_be_held_against(project: Project) -> None:
    words = ["data=sine", "data.source.sine.length=200", *SMALL, "optimizer.name=SGD", "optimizer.learning_rate=1e9"]
    outcome = request_run(project, project.compose_one([*words, "training.epochs=20"]))
    assert outcome.stored.record.status == "FAILED"
    with pytest.raises(StoreError, match="FAILED, train/loss is"):
        _again(project)


class _Interrupt(Reporter):
    def epoch(self, number: int, event: Any) -> None:
        raise KeyboardInterrupt


def test_an_interrupted_rerun_is_recorded_as_killed(place: Project) -> None:
    told: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        _again(place, reporter=_Interrupt(), on_killed=told.append)
    killed = max(list_runs(place.runs), key=lambda run: run.record.started)
    assert killed.record.status == "KILLED"
    assert killed.record.rerun_of == _only(place).path.name
    assert told[0].stored.path == killed.path
    assert _again(place).before.record.attempt == 1


@pytest.mark.slow
def test_a_new_process_gives_the_same_bits_and_its_exit_code_says_so(place: Project) -> None:
    key = _only(place).record.run_key

    def command(*words: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run([SEQEXP, "rerun", *words, "--json"], capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    code, told = command(key)
    assert (code, told["verdict"], told["rerun_of"]) == (0, "bitwise", f"{key}-1")
    _write(sales=150)
    code, told = command(key, "--data", "current")
    assert (code, told["verdict"], told["differs"][0]["kind"]) == (1, "drifted", "data")
    code, told = command("nothing")
    assert (code, told["status"]) == (2, "REFUSED")


def test_a_run_of_another_workspace_is_repeated_here(place: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    here = open_project(tmp_path_factory.mktemp("here"))
    Path("sales.csv").unlink()
    done = rerun(here, str(_only(place).path))
    assert done.verdict.outcome == "bitwise"
    assert done.outcome.stored.path.is_relative_to(here.runs)
    assert len(list_snapshots(here.runs)) == 1
