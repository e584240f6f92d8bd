"""Composition: files, overrides, contracts, and every mistake in one report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.compose.composer import ContractBroken
from seqexp.compose.origin import Origin, Setting
from seqexp.errors import ConfigError
from seqexp.workflows.checking.show import values_and_origins
from seqexp.workflows.project import open_project


def _problems(*overrides: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        open_project().compose_one(overrides)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_every_mistake_stands_in_one_report() -> None:
    found = _problems(
        "topology.unit=3",
        "training.epoch=5",
        "optimizer.learning_rate=fast",
        "data=table",
        "sed=1",
        "tracking.log_model=some",
    )
    assert set(found) == {
        "topology.unit",
        "training.epoch",
        "optimizer.learning_rate",
        "data.path",
        "data.targets",
        "sed",
        "tracking.log_model",
    }
    assert "Did you mean epochs?" in found["training.epoch"]
    assert "Did you mean seed?" in found["sed"]
    assert "override topology.unit=3" in found["topology.unit"]
    assert "conf/data/table.yaml:3 (shipped)" in found["data.path"]


def test_a_file_in_place_of_a_choice_is_told_its_key() -> None:
    assert "A file: data=table data.path=sales.csv." in _problems("data=sales.csv")["data"]
    assert "Did you mean sine?" in _problems("data=sin")["data"]


def test_a_wrong_value_in_yaml_is_shown_with_file_and_line(write: Callable[[str, str], Path]) -> None:
    write("conf/training/mine.yaml", "defaults: [default, _self_]\nbatch_size: many\nloss: msee\n")
    found = _problems("training=mine")
    assert "conf/training/mine.yaml:2" in found["training.batch_size"]
    assert "conf/training/mine.yaml:3" in found["training.loss"]
    assert "Did you mean mse?" in found["training.loss"]


def test_an_address_without_a_store_is_refused_before_anything_runs(write: Callable[[str, str], Path]) -> None:
    found = _problems("tracking.uri=htp://host:5000", "seed=-1")
    assert "override tracking.uri=htp://host:5000" in found["tracking.uri"]
    assert "Did you mean http://host:5000?" in found["tracking.uri"]
    assert "seed" in found
    write("seqexp.yaml", "tracking: {uri: localhost:5000}\n")
    assert "seqexp.yaml:1" in _problems()["tracking.uri"]
    assert open_project().compose_one(["tracking=none", "tracking.uri=htp://host"]).spec.tracking.uri


def test_that_of_a_record_is_taken_as_it_is() -> None:
    """Its run can be repeated; whoever made it can mend nothing any more."""
    recorded = Setting("tracking.uri", "htp://host", Origin("record", "0123456789ab-1"))
    assert open_project().compose([recorded]).spec.tracking.uri == "htp://host"


def test_runs_are_not_ranked_by_what_none_of_them_has() -> None:
    assert "Set topology.head=quantiles" in _problems("evaluation.select=val/pinball")["evaluation.select"]
    of_values = _problems("evaluation.select=val/cross_entropy", "data=sine")["evaluation.select"]
    assert "data.source=sine gives none" in of_values
    compose = open_project().compose_one
    ranked = compose(["evaluation.select=val/pinball", "topology.head=quantiles"])
    assert ranked.spec.evaluation.select == "val/pinball"
    assert compose(["data=copy_memory", "topology=many_to_many"]).spec.evaluation.select == "val/cross_entropy"
    recorded = Setting("evaluation.select", "val/pinball", Origin("record", "0123456789ab-1"))
    assert open_project().compose([recorded]).spec.evaluation.select == "val/pinball", "its run can be repeated"


def test_a_misspelt_reference_is_all_that_is_reported(write: Callable[[str, str], Path]) -> None:
    text = "units: 3\ncontract: {}\nlayers: [{LSTM: {units: '${topology.unitz}'}}]\n"
    write("conf/topology/mine.yaml", text)
    found = _problems("topology=mine")
    assert list(found) == ["topology.layers[0].LSTM.units"]
    assert "Did you mean topology.units?" in found["topology.layers[0].LSTM.units"]


def test_a_default_that_is_not_there_is_found_by_file_and_line(write: Callable[[str, str], Path]) -> None:
    write("conf/data/mine.yaml", "# mine\ndefaults: [tabel]\n")
    assert _problems("data=mine") == {
        "data": "data: there is no data 'tabel'.\n  conf/data/mine.yaml:2\n  Did you mean table?"
    }


def test_a_file_that_would_build_on_the_one_it_hides_is_explained(write: Callable[[str, str], Path]) -> None:
    write("conf/training/default.yaml", "# mine\ndefaults: [default, _self_]\nepochs: 3\n")
    with pytest.raises(ConfigError) as caught:
        open_project().compose_one([])
    (problem,) = caught.value.problems
    assert problem.message == "the defaults of training/default.yaml lead back to the file itself."
    assert problem.where == "conf/training/default.yaml:2"
    assert "another one" in problem.mend


def test_a_user_file_replaces_the_shipped_one_whole(write: Callable[[str, str], Path]) -> None:
    write("conf/optimizer/adam.yaml", "name: Adam\nclipnorm: 2.0\n")
    assert open_project().compose_one([]).spec.optimizer.args == {"clipnorm": 2.0}


def test_config_dir_wins_over_the_workspace(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    write("conf/optimizer/adam.yaml", "name: Adam\nclipnorm: 2.0\n")
    write("other/optimizer/adam.yaml", "name: Adam\nclipnorm: 3.0\n")
    project = open_project(config_dir=tmp_path / "other")
    assert project.compose_one([]).spec.optimizer.args == {"clipnorm": 3.0}


def test_the_workspace_sets_defaults_and_the_command_line_wins(write: Callable[[str, str], Path]) -> None:
    write("seqexp.yaml", "data: sine\ntraining:\n  epochs: 7\n  batch_size: 5\ntimesteps: 9\n")
    spec = open_project().compose_one(["training.epochs=3"]).spec
    assert (spec.data.name, spec.training.epochs, spec.training.batch_size, spec.timesteps) == ("sine", 3, 5, 9)


def test_the_nearest_parent_with_a_seqexp_yaml_is_the_workspace(
    write: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("seqexp.yaml", "{}")
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert open_project().workspace == tmp_path.resolve()
    monkeypatch.setenv("SEQEXP_WORKSPACE", str(tmp_path / "a"))
    assert open_project().workspace == (tmp_path / "a").resolve()
    assert open_project(tmp_path / "a" / "b").workspace == (tmp_path / "a" / "b").resolve()


def test_relative_paths_count_from_what_states_them(
    write: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("conf/data/mine.yaml", "defaults: [table, _self_]\npath: ../../tables/my.csv\ntargets: [a]\n")
    write("seqexp.yaml", "{}")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert open_project().compose_one(["data=mine"]).spec.data.path == str(tmp_path.resolve() / "tables" / "my.csv")
    named = open_project().compose_one(["data=mine", "data.path=my.csv"]).spec.data.path
    assert named == str(tmp_path.resolve() / "sub" / "my.csv")


@pytest.mark.parametrize(
    ("overrides", "lengths"),
    [
        (["topology=many_to_one"], (14, 1)),
        (["topology=one_to_one"], (1, 1)),
        (["topology=one_to_many"], (1, 7)),
        (["topology=many_to_many", "timesteps=5"], (5, 5)),
        (["topology=many_to_one", "output_length=1"], (14, 1)),
    ],
)
def test_lengths_that_a_contract_fixes_are_set(overrides: list[str], lengths: tuple[int, int]) -> None:
    composed = open_project().compose_one(overrides)
    assert (composed.spec.timesteps, composed.spec.output_length) == lengths
    if "output_length=1" not in overrides and lengths[1] != 7:
        assert str(composed.origins["output_length"]) == "contract"


@pytest.mark.parametrize(
    "overrides",
    [
        ["topology=many_to_one", "output_length=3"],
        ["topology=one_to_many", "timesteps=3"],
        ["topology=many_to_many", "timesteps=5", "output_length=3"],
        ["topology=many_to_many_last_n", "timesteps=3"],
    ],
)
def test_a_contrary_length_is_an_error_that_explains_the_contract(overrides: list[str]) -> None:
    with pytest.raises(ContractBroken, match="does not take") as caught:
        open_project().compose_one(overrides)
    assert caught.value.problems[0].mend


@pytest.mark.parametrize("key", ["data.n_targets=2", "data.n_features=3", "topology.name=x", "data.name=y"])
def test_derived_keys_cannot_be_set(key: str) -> None:
    assert "derived" in _problems(key)[key.split("=")[0]]


def test_features_all_counts_the_numeric_columns() -> None:
    assert open_project().compose_one(["data.features=all"]).spec.data.n_features == 8


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("name=${oc.env:HOME}", "not allowed"),
        ("name=${nothing}", "cannot be resolved"),
        ("name=${name}", "name"),
        ("timesteps=${output_lenght}", "Did you mean output_length?"),
        ("timesteps=${product:}", "one number or more"),
    ],
)
def test_references_that_do_not_resolve_are_explained(override: str, says: str) -> None:
    assert says in "".join(_problems(override).values())


def test_the_origin_of_every_value_is_known() -> None:
    origins = {key: origin for key, _, origin in values_and_origins(open_project().compose_one(["training.epochs=3"]))}
    assert origins["training.epochs"] == "override training.epochs=3"
    assert origins["training.batch_size"] == "conf/training/default.yaml:2 (shipped)"
    assert origins["data.n_targets"] == "derived"
    assert origins["data.missing"] == "default"


def test_parts_take_the_place_of_parts() -> None:
    spec = open_project().compose_one(["training.loss={Huber: {delta: 2.0}}", "data.source={sine: {length: 50}}"]).spec
    assert spec.training.loss.as_written() == {"Huber": {"delta": 2.0}}
    assert spec.as_tree()["data"]["source"]["sine"]["length"] == 50


def test_a_wrong_parameter_is_told_once_and_at_the_override_that_set_it() -> None:
    (problem,) = _problems("topology=encoder_decoder", "topology.units=-3").values()
    assert "got -3" in problem
    assert "override topology.units=-3" in problem


@pytest.mark.parametrize(
    ("overrides", "key", "where"),
    [
        (["data.n_targets=3"], "data.n_targets", "override data.n_targets=3"),
        (["data.split={train:0.9,validation:0.5,test:0.1}"], "data.split", "override data.split={train"),
        (["data=sine", "data.source.sine.lenght=5"], "data.source.sine.lenght", "override data.source.sine.lenght=5"),
        (["topology.layers=5"], "topology.layers", "override topology.layers=5"),
        (["timesteps=7,8"], "timesteps", "override timesteps=7,8"),
        (["topology=null"], "topology", "override topology=null"),
        (["name=ü"], "name", "override name=ü"),
        (["data.features=[]"], "data.features", "override data.features=[]"),
    ],
)
def test_the_place_of_a_mistake_is_the_override(overrides: list[str], key: str, where: str) -> None:
    found = _problems(*overrides)
    assert list(found) == [key]
    assert where in found[key]
    assert "Exception" not in found[key]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("defaults: [mine, _self_]\n", "lead back to the file itself"),
        ("null: 3\n", "mine.yaml:1"),
        ("- 1\n", "keys and values"),
        ("defaults: [nope]\n", "there is no topology 'nope'"),
    ],
)
def test_a_file_that_does_not_compose_is_explained(write: Callable[[str, str], Path], text: str, says: str) -> None:
    write("conf/topology/mine.yaml", text)
    assert says in "".join(_problems("topology=mine").values())
