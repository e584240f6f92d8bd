"""The whole spec: back and forth as plain values, and which of it makes the run key."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from seqexp.fingerprint import short_key
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.study import StudySpec
from seqexp.spec.validate import validate, validate_as

Compose = Callable[..., ExperimentSpec]
TABLE = ["data=table", "data.targets=[price,volume]", "data.time=day"]
TOPOLOGIES = ["one_to_one", "one_to_many", "many_to_one", "many_to_many", "many_to_many_last_n", "many_to_many_padded"]
TOPOLOGIES += ["vector_output", "encoder_decoder"]


@pytest.mark.parametrize(
    "overrides",
    [
        *[[f"topology={name}"] for name in TOPOLOGIES],
        *[[f"optimizer={name}"] for name in ("adam", "adam_cosine", "adamw", "rmsprop", "sgd")],
        ["data=co2", "training=patient", "evaluation=weekly", "tracking=none"],
        ["data=sine", "data.source.sine.trend=0.5", "data.split={train: 100, validation: 0, test: 50}"],
        ["data.features=all"],
        [*TABLE, "data.path=my.csv", "data.features=[price,rain]", "data.rows=[5,null]", "data.season=4"],
        [*TABLE, "data.path=my.csv", "data.split={train: '2009-01-01', validation: '2010-01-01', test: '2011-01-01'}"],
        ["training.loss={Huber: {delta: 2.0}}", "training.metrics=[mae, {R2Score: {}}]"],
        ["tracking.tags={team: blue}", "training.threads=2", "training.early_stopping={patience: 3}"],
    ],
    ids=" ".join,
)
def test_a_spec_comes_back_from_its_plain_values(overrides: list[str], compose: Compose) -> None:
    spec = compose(*overrides)
    tree = spec.as_tree()
    assert validate(copy.deepcopy(tree)) == spec
    again = validate(json.loads(json.dumps(tree, allow_nan=False)))
    assert again == spec
    assert again.as_tree() == tree


def test_the_plain_values_are_those_that_yaml_states(compose: Compose) -> None:
    tree = compose("topology=many_to_one", "optimizer=sgd", "data=sine").as_tree()
    assert tree["topology"] == {
        "name": "many_to_one",
        "units": 32,
        "contract": {"timesteps": "any", "output_length": 1, "alignment": "future"},
        "layers": [{"LSTM": {"units": 32}}, {"Dense": {"units": 1}}],
    }
    assert tree["optimizer"]["name"] == "SGD"
    assert tree["optimizer"]["momentum"] == 0.9
    assert tree["data"]["source"] == {"sine": {"length": 1200, "period": 24, "noise": 0.1, "trend": 0.0, "seed": 0}}


@pytest.mark.parametrize(
    "overrides",
    [
        ["name=other"],
        ["tracking=none"],
        ["tracking.tags={a: b}"],
        ["tracking.uri='sqlite:///x.db'"],
        ["tracking.log_model=best"],
        ["tracking.keep=best"],
        ["training.threads=1"],
        ["training.checkpoint={every: 3}"],
        ["data.path=elsewhere/my.csv"],
    ],
    ids=" ".join,
)
def test_what_changes_no_result_changes_no_run_key(overrides: list[str], compose: Compose) -> None:
    base, other = compose(*TABLE, "data.path=my.csv"), compose(*TABLE, "data.path=my.csv", *overrides)
    assert base != other
    assert base.what_affects_the_result() == other.what_affects_the_result()
    assert short_key(base.what_affects_the_result()) == short_key(other.what_affects_the_result())


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "timesteps=15",
        "output_length=6",
        "topology.units=33",
        "topology=vector_output",
        "optimizer.learning_rate=0.002",
        "optimizer.clipnorm=1.0",
        "optimizer=rmsprop",
        "training.epochs=21",
        "training.batch_size=33",
        "training.loss=mae",
        "training.shuffle=false",
        "training.stride=2",
        "training.early_stopping={patience: 10}",
        "evaluation.origins.every=7",
        "data.targets=[price]",
        "data.features=[price]",
        "data.scaler=minmax",
        "data.missing=drop",
        "data.duplicates=mean",
        "data.rows=[1,null]",
        "data.season=3",
        "data.timezone=Europe/Paris",
        "data.frequency=D",
        "data.split.train=0.6",
        "data.read.decimal=','",
    ],
)
def test_everything_else_changes_the_run_key(override: str, compose: Compose) -> None:
    base, other = compose(*TABLE, "data.path=my.csv"), compose(*TABLE, "data.path=my.csv", override)
    assert short_key(base.what_affects_the_result()) != short_key(other.what_affects_the_result())


def test_segment_is_another_word_for_drop(compose: Compose) -> None:
    assert compose("data.missing=segment") == compose("data.missing=drop")


def test_leaving_out_what_affects_nothing_leaves_the_spec_as_it_is(compose: Compose) -> None:
    spec = compose()
    before = spec.as_tree()
    spec.what_affects_the_result()
    assert spec.as_tree() == before
    assert {"name", "tracking"} <= set(before)


@pytest.mark.parametrize(
    ("features", "names"),
    [("null", ("price", "volume")), ("rain", ("rain",)), ("[rain,price]", ("rain", "price"))],
)
def test_the_names_of_the_input_columns(features: str, names: tuple[str, ...], compose: Compose) -> None:
    spec = compose(*TABLE, "data.path=my.csv", f"data.features={features}")
    assert spec.feature_names == names
    assert (spec.data.n_features, spec.data.n_targets) == (len(names), 2)


def test_labels_at_the_inputs_own_steps_need_other_columns_as_inputs(compose: Compose) -> None:
    spec = compose(*TABLE, "data.path=my.csv", "topology.contract.alignment=same", "data.features=[rain]")
    assert spec.topology.contract.alignment == "same"


@pytest.mark.parametrize(
    ("sweep", "grids"),
    [
        ({}, [{}]),
        ([], [{}]),
        ({"timesteps": [7, 14]}, [{"timesteps": [7, 14]}]),
        ([{"seed": [1]}, {"seed": [2]}], [{"seed": [1]}, {"seed": [2]}]),
    ],
)
def test_a_study_has_one_grid_or_many(sweep: Any, grids: list[dict[str, Any]]) -> None:
    assert validate_as(StudySpec, {"question": "Which?", "sweep": sweep}).grids == grids


def test_a_whole_number_where_any_number_may_stand_is_the_same_run(compose: Compose) -> None:
    whole, real = compose("optimizer.learning_rate=1"), compose("optimizer.learning_rate=1.0")
    assert whole == real
    assert whole.optimizer.args["learning_rate"].__class__ is float
    layers = "topology.layers=[{Dropout:{rate:%s}},{Dense:{units:1}}]"
    assert compose(layers % "0", "timesteps=7") == compose(layers % "0.0", "timesteps=7")
