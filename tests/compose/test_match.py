"""Units are chosen for a number of weights: the nearest, for the lengths of the run, and never against a person."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqexp.compose.composer import ContractBroken
from seqexp.errors import ConfigError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.validate import validate
from seqexp.spec.weights import count_weights
from seqexp.workflows.checking.show import values_and_origins
from seqexp.workflows.project import open_project
from seqexp.workflows.sweeping.plan import plan_sweep

RECURRENT = [
    "one_to_many",
    "many_to_one",
    "many_to_many",
    "many_to_many_last_n",
    "many_to_many_padded",
    "vector_output",
    "encoder_decoder",
]


def _weights(spec: ExperimentSpec) -> int:
    return count_weights(spec.topology.layers, (spec.timesteps, spec.data.n_features))


def _problem(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        open_project().compose_one(overrides)
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize("wanted", [3_000, 12_000, 250_000])
@pytest.mark.parametrize("name", RECURRENT)
def test_no_other_units_are_nearer(name: str, wanted: int, compose: Callable[..., ExperimentSpec]) -> None:
    topology = [f"topology={name}", "data.features=all"]
    spec = compose(*topology, f"topology.match_parameters={wanted}")
    units = spec.topology.params["units"]
    assert isinstance(units, int)
    assert spec.topology.match_parameters == wanted
    distance = abs(_weights(spec) - wanted)
    assert distance <= 0.05 * wanted
    for other in (units - 1, units + 1):
        assert distance < abs(_weights(compose(*topology, f"topology.units={other}")) - wanted)


def test_the_same_model_as_with_these_units(compose: Callable[..., ExperimentSpec]) -> None:
    matched = compose("topology.match_parameters=12000").as_tree()
    assert matched["topology"].pop("match_parameters") == 12_000
    assert matched == compose(f"topology.units={matched['topology']['units']}").as_tree()


def test_what_is_shown_says_where_the_units_come_from() -> None:
    composed = open_project().compose_one(["topology.match_parameters=12000"])
    shown = {key: (value, origin) for key, value, origin in values_and_origins(composed)}
    assert shown["topology.match_parameters"] == ("12000", "override topology.match_parameters=12000")
    assert shown["topology.units"] == ("31", "derived from topology.match_parameters")
    assert shown["topology.layers[3].LSTM.units"][0] == "31"


def test_a_spec_is_read_back_as_it_was_written(compose: Callable[..., ExperimentSpec]) -> None:
    spec = compose("topology.match_parameters=12000")
    assert validate(spec.as_tree()) == spec


def test_it_is_not_written_where_it_is_not_used(compose: Callable[..., ExperimentSpec]) -> None:
    plain = compose()
    assert "match_parameters" not in plain.as_tree()["topology"]
    assert compose("topology.match_parameters=null").as_tree() == plain.as_tree()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("many", "expected a whole number, got the text 'many'"),
        ("1.5", "expected a whole number, got 1.5"),
        ("true", "expected a whole number, got true"),
        ("0", "greater than or equal to 1, got 0"),
        ("[1]", "expected a whole number, got [1]"),
    ],
)
def test_a_wrong_value_is_explained(value: str, says: str) -> None:
    problem = _problem(f"topology.match_parameters={value}")
    assert says in problem
    assert f"override topology.match_parameters={value}" in problem


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (10, "cannot have about 10 weights: the nearest that it can have is 26 (units=1)."),
        (50, "cannot have about 50 weights: the nearest that it can have are 26 (units=1) and 75 (units=2)."),
        (900_000_000, "is 201,379,841 (units=4096)."),
    ],
)
def test_a_number_that_no_units_come_near_is_refused(wanted: int, says: str) -> None:
    problem = _problem(f"topology.match_parameters={wanted}")
    assert says in problem
    assert "within 5%" in problem


def test_units_that_a_person_set_are_not_overruled(write: Callable[[str, str], Path]) -> None:
    problem = _problem("topology.units=64", "topology.match_parameters=12000")
    assert problem.startswith("topology.units: is chosen by topology.match_parameters=12000")
    assert "override topology.units=64" in problem
    write("study.yaml", "question: How?\nset: {topology.units: 24}\nsweep: {topology.match_parameters: [900, 12000]}\n")
    with pytest.raises(ConfigError, match=r"topology\.match_parameters=900 and cannot be set beside it") as caught:
        plan_sweep(open_project(), ["study.yaml"])
    assert "study.yaml:2" in str(caught.value)
    plan = plan_sweep(open_project(), ["study.yaml", "topology.units=null"])
    assert [point.spec.topology.params["units"] for point in plan.points] == [8, 31]


def test_units_that_are_a_default_yield(write: Callable[[str, str], Path]) -> None:
    write("seqexp.yaml", "topology: {units: 64}\n")
    assert open_project().compose_one(["topology.match_parameters=12000"]).spec.topology.params["units"] == 31


def test_a_topology_without_units_has_nothing_to_choose() -> None:
    assert "topology one_to_one has no parameter units" in _problem(
        "topology=one_to_one", "topology.match_parameters=12"
    )


def test_lengths_that_do_not_fit_are_told_first() -> None:
    with pytest.raises(ContractBroken):
        open_project().compose_one(["topology=one_to_one", "timesteps=5", "topology.match_parameters=12000"])


def test_a_sweep_compares_topologies_of_one_size(write: Callable[[str, str], Path]) -> None:
    words = ["topology=all", "timesteps=7,14", "topology.match_parameters=12000", "data=sine"]
    with pytest.raises(ConfigError, match="one_to_one has no parameter units"):
        plan_sweep(open_project(), ["topology=one_to_one,vector_output", *words[2:]])
    plan = plan_sweep(open_project(), words)
    assert {point.spec.topology.name for point in plan.points} == set(RECURRENT) - {"one_to_many"}
    assert all(abs(_weights(point.spec) - 12_000) <= 600 for point in plan.points)
    assert all("timesteps" in left.reason for left in plan.left_out)


MINE = "units: 3\nhidden: '${product:${topology.units},2}'\ncontract: {output_length: 1}\nlayers:\n"


def test_other_parameters_follow_the_units(
    write: Callable[[str, str], Path], compose: Callable[..., ExperimentSpec]
) -> None:
    layers = "  - GRU: {units: '${topology.hidden}'}\n  - Dense: {units: 1}\n"
    write("conf/topology/mine.yaml", MINE + layers)
    spec = compose("topology=mine", "topology.match_parameters=5000", "training.batch_size=${topology.units}")
    assert spec.topology.params == {"units": 20, "hidden": 40}
    assert spec.topology.layers[0].args == {"units": 40}
    assert spec.training.batch_size == 20


def test_units_without_a_value_in_the_file_are_found(
    write: Callable[[str, str], Path], compose: Callable[..., ExperimentSpec]
) -> None:
    layers = "layers:\n  - GRU: {units: '${topology.units}'}\n  - Dense: {units: 1}\n"
    write("conf/topology/mine.yaml", "units: ???\nmatch_parameters: 5000\ncontract: {output_length: 1}\n" + layers)
    assert compose("topology=mine").topology.params == {"units": 39}


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ("  - SeparableConv1D: {filters: '${topology.units}', kernel_size: 3}\n", "weights of SeparableConv1D"),
        ("  - LSTM: {unit: '${topology.units}'}\n", "Did you mean units?"),
        ("  - LSTM: {units: '${topology.unitz}'}\n", "no layer that refers to its parameter units"),
        ("  - LSTM: {units: '${topology.units}'}\n  - LSTM: {units: 3}\n", "it reads steps of features"),
        ("  - LSTM: {units: 3}\n  - RepeatVector: {n: '${topology.units}'}\n", "cannot have about 5,000"),
    ],
)
def test_layers_that_cannot_be_counted_are_explained(layers: str, says: str, write: Callable[[str, str], Path]) -> None:
    write("conf/topology/mine.yaml", MINE.replace("hidden: '${product:${topology.units},2}'\n", "") + layers)
    with pytest.raises(ConfigError) as caught:
        open_project().compose_one(["topology=mine", "topology.match_parameters=5000"])
    assert says in str(caught.value)


def test_no_resolver_is_called_that_is_not_allowed(write: Callable[[str, str], Path]) -> None:
    called = []
    OmegaConf.register_new_resolver("spy", lambda: called.append(1) or 3, replace=True)
    layers = "  - LSTM: {units: '${topology.units}'}\n  - Dense: {units: '${spy:}'}\n"
    write("conf/topology/mine.yaml", MINE + layers)
    try:
        problem = _problem("topology=mine", "topology.match_parameters=5000")
    finally:
        OmegaConf.clear_resolver("spy")
    assert "the resolver 'spy' is not allowed" in problem
    assert not called


def test_a_misspelt_key_is_suggested() -> None:
    assert "Did you mean match_parameters?" in _problem("topology.match_parameter=12000")


def test_matching_imports_no_tensorflow() -> None:
    code = (
        "import sys; from seqexp.workflows.project import open_project; "
        "open_project().compose_one(['topology.match_parameters=12000']); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_points_that_differ_in_their_seed_share_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise AssertionError("counted again")

    project = open_project()
    words = ["topology.match_parameters=12000"]
    chosen = project.compose_one(words).spec.topology
    monkeypatch.setattr("seqexp.compose.match.count_weights", refuse)
    assert project.compose_one([*words, "seed=1", "optimizer.learning_rate=0.1"]).spec.topology == chosen
    for other in ("output_length=5", "data.features=all", "topology=vector_output", "topology.match_parameters=9000"):
        with pytest.raises(AssertionError, match="counted again"):
            project.compose_one([*words, other])
