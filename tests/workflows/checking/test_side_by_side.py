"""Experiments beside each other that were not run yet, or in part, or are recorded."""

from __future__ import annotations

import json

import pytest

from seqexp.cli.sides import print_sides
from seqexp.cli.table_formats import Format
from seqexp.cli.use import compare
from seqexp.errors import SeqexpError
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.checking.side_by_side import (
    NOT_RUN,
    Side,
    compare_done,
    differing_keys,
    figures,
    is_request,
    put_side_by_side,
)
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

STUDY = """\
question: How many steps back?
set:
  data: sine
  data.source.sine.length: 200
  topology: mine
  training.epochs: 1
  tracking: none
  execution: inline
sweep: {timesteps: [7, 14], seed: 0..1}
"""
TOPOLOGY = """\
units: 7
contract: {timesteps: any, output_length: any, alignment: future}
layers:
  - Flatten: {}
  - Dense: {units: "${topology.units}"}
  - Reshape: {target_shape: ["${output_length}", "${data.n_targets}"]}
"""


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[StoredRun]]:
    """A workspace with a topology and a study, of which one length was run."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "conf" / "topology").mkdir(parents=True)
    (folder / "conf" / "topology" / "mine.yaml").write_text(TOPOLOGY)
    (folder / "back.yaml").write_text(STUDY)
    project = open_project(folder)
    result = run_sweep(project, plan_sweep(project, [str(folder / "back.yaml"), "timesteps=7"]))
    return project, [outcome.stored for outcome in result.outcomes]


@pytest.fixture
def project(half: tuple[Project, list[StoredRun]], monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(half[0].workspace)
    return half[0]


def _changed(sides: list[Side]) -> dict[str, list[str]]:
    return dict(differing_keys(sides))


def test_a_study_shows_what_it_sweeps_and_how_far_it_is(project: Project) -> None:
    (side,) = put_side_by_side(project, ["back.yaml"])
    assert side.progress == f"4, 2 of them {NOT_RUN}"
    assert _changed([side]) == {"seed": ["0, 1"], "timesteps": ["7, 14"]}
    assert side.best is not None
    assert side.best.seeds == 2


def test_what_was_not_run_stands_beside_a_run(project: Project, half: tuple[Project, list[StoredRun]]) -> None:
    run = half[1][0]
    words = [run.path.name, "topology=mine timesteps=21 data=sine training.epochs=1 data.source.sine.length=200"]
    sides = put_side_by_side(project, words)
    assert [side.progress for side in sides] == ["1", NOT_RUN]
    assert _changed(sides) == {"timesteps": ["7", "21"]}  # the data are the same, and so are all other keys
    assert dict(figures(sides))["test/mae"] == [run.record.metrics["test/mae"], NOT_RUN]
    (comparison,) = compare_done(sides)
    assert [row.label for row in comparison.block.rows if row.run] == ["mine 7->7"]


def test_the_file_of_a_topology_is_the_experiment_with_it(project: Project) -> None:
    sides = put_side_by_side(project, ["conf/topology/mine.yaml", "topology=vector_output"])
    assert [side.progress for side in sides] == [NOT_RUN, NOT_RUN]
    assert _changed(sides) == {"topology.name": ["mine", "vector_output"], "topology.units": ["7", "32"]}
    assert figures(sides) == []
    assert compare_done(sides) == []


def test_lists_are_one_value_and_data_need_not_be_there(project: Project) -> None:
    sides = put_side_by_side(project, ["etth1", "back.yaml"])
    changed = _changed(sides)
    assert changed["data.targets"] == ["[HUFL, HULL, MUFL, MULL, LUFL, LULL, OT]", "[value]"]
    assert changed["output_length"] == ["24, 48, 96, 192", "7"]
    assert changed["data.transform"] == ["-, [seasonal_difference]", ""]
    assert not [key for key in changed if key.startswith(("topology.layers", "data.path"))]
    assert sides[0].note == "data.path is not given, so what was run of it is not known"


def test_which_folds_are_run_is_told_where_it_is_one(project: Project) -> None:
    backtest = "topology=mine evaluation.mode=backtest evaluation.backtest.folds=3"
    one, other = (f"{backtest} evaluation.backtest.fold={fold}" for fold in (0, 1))

    def told(*words: str) -> list[str]:
        changed = dict(differing_keys(put_side_by_side(project, words)))
        return changed.get("evaluation.backtest.fold", [])

    assert told("topology=mine", backtest) == []
    assert told(backtest, f"{backtest} evaluation.backtest.refit=never") == []
    assert told(one, other) == ["0", "1"]
    assert told("topology=mine", other) == ["null", "1"]


def test_a_search_shows_what_it_chooses_from(project: Project) -> None:
    word = "topology=mine topology.units=7 optimizer.learning_rate=log:1e-4..1e-1 execution.search=optuna"
    (side,) = put_side_by_side(project, [f"{word} execution.trials=3"])
    assert _changed([side]) == {"optimizer.learning_rate": ["log:0.0001..0.1 (searched)"]}
    assert side.progress == f"3, {NOT_RUN}"


def test_what_is_recorded_under_the_name_of_a_study_wins(project: Project) -> None:
    assert is_request(project, "eight_topologies")
    (project.runs / "eight_topologies").mkdir()
    assert not is_request(project, "eight_topologies")
    (project.runs / "eight_topologies").rmdir()
    assert not is_request(project, "back")
    assert is_request(project, "back.yaml")


@pytest.mark.parametrize("form", list(Format))
def test_every_format_has_keys_and_figures(form: Format, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    sides = put_side_by_side(project, ["back.yaml", "topology=vector_output"])
    print_sides(sides, compare_done(sides), form)
    written = capsys.readouterr().out
    if form is Format.json:
        values = json.loads(written)
        assert {"key": "timesteps", "values": ["7, 14", "14"]} in values["changed"]
        assert values["experiments"][1] == {"word": "topology=vector_output", "planned": 1, "run": 0, "note": ""}
        assert len(values["blocks"]) == 1
        return
    assert NOT_RUN in written
    assert "7, 14" in written
    assert ("mine 7" in written) == (form is not Format.csv)  # the block of what was run


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("topology=mien", "there is no topology 'mien'(.|\n)*Did you mean mine"),
        ("timesteps=0", "timesteps: it should be greater"),
        ("absent.yaml", "no study file absent.yaml"),
        ("elsewhere/topology/mine.yaml", "is no topology of this workspace(.|\n)*--config-dir"),
        ("topology='mine", "cannot be read: No closing quotation"),
        ("nothing", "no run 'nothing'"),
        ("topology=many_to_many output_length=3", "means no run"),
    ],
)
def test_a_wrong_word_is_explained(word: str, says: str, project: Project) -> None:
    place = project.workspace / "elsewhere" / "topology"
    place.mkdir(parents=True, exist_ok=True)
    (place / "mine.yaml").write_text(TOPOLOGY)
    with pytest.raises(SeqexpError, match=says):
        put_side_by_side(project, [word])


def test_the_verb_takes_what_was_not_run(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    compare(["back.yaml", "topology=vector_output"], workspace=str(project.workspace))
    assert f"4, 2 of them {NOT_RUN}" in capsys.readouterr().out
    compare(["back"], workspace=str(project.workspace))  # the experiment, and no study's file
    assert NOT_RUN not in capsys.readouterr().out


def test_conditions_need_something_that_was_run(project: Project) -> None:
    sides = put_side_by_side(project, ["topology=vector_output"])
    with pytest.raises(SeqexpError, match="--where: chooses among runs"):
        compare_done(sides, where="timesteps=14")
    with pytest.raises(SeqexpError, match="--on common"):
        compare_done(sides, on_common=True)
    whole = put_side_by_side(project, ["back.yaml"])
    with pytest.raises(SeqexpError, match="meet"):
        compare_done(whole, where="timesteps=14")
