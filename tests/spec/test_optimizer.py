"""Optimizers: their arguments beside their name, learning rates as numbers or schedules."""

from __future__ import annotations

from typing import Any

import pytest

from seqexp.errors import ConfigError, Problem
from seqexp.spec.settings import OptimizerSpec
from seqexp.spec.validate import validate_as

COSINE = {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 100}}


def _problems(tree: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        validate_as(OptimizerSpec, tree, "optimizer")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    "tree",
    [
        {"name": "Adam"},
        {"name": "Adam", "learning_rate": 1},
        {"name": "SGD", "learning_rate": 0.01, "momentum": 0.9, "nesterov": True, "clipvalue": 1.0},
        {"name": "Adam", "learning_rate": COSINE, "clipnorm": None},
        {"name": "Adam", "learning_rate": {"CosineDecay": {**COSINE["CosineDecay"], "warmup_steps": 5}}},
        {"name": "RMSprop", "learning_rate": {"PiecewiseConstantDecay": {"boundaries": [10], "values": [0.1, 0.01]}}},
        {
            "name": "AdamW",
            "learning_rate": {
                "ExponentialDecay": {
                    "initial_learning_rate": 0.1,
                    "decay_steps": 10,
                    "decay_rate": 0.9,
                    "staircase": True,
                }
            },
        },
    ],
)
def test_a_right_optimizer_is_kept_as_written(tree: dict[str, Any]) -> None:
    spec = validate_as(OptimizerSpec, tree)
    assert spec.name == tree["name"]
    assert spec.args == {key: value for key, value in tree.items() if key != "name"}
    assert spec.model_dump(mode="json") == tree
    assert validate_as(OptimizerSpec, spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("tree", "key", "says"),
    [
        ({"learning_rate": 0.1}, "optimizer.name", "the name of an optimizer"),
        ({"name": 3}, "optimizer.name", "got 3"),
        ({"name": "adam"}, "optimizer.name", "Did you mean Adam?"),
        ({"name": "AdmaW"}, "optimizer.name", "Did you mean AdamW?"),
        ({"name": "SGD", "momentun": 0.9}, "optimizer.momentun", "Did you mean momentum?"),
        ({"name": "Adam", "momentum": 0.9}, "optimizer.momentum", "Adam has no argument 'momentum'"),
        ({"name": "SGD", "nesterov": 1}, "optimizer.nesterov", "true or false"),
        ({"name": "SGD", "momentum": "high"}, "optimizer.momentum", "a number"),
        ({"name": "Adam", "learning_rate": -0.1}, "optimizer.learning_rate", "above 0"),
        ({"name": "Adam", "learning_rate": 0}, "optimizer.learning_rate", "above 0"),
        ({"name": "SGD", "momentum": 1.5}, "optimizer.momentum", "from 0 to 1"),
        ({"name": "AdamW", "weight_decay": -1}, "optimizer.weight_decay", "from 0 up"),
        ({"name": "Adam", "learning_rate": True}, "optimizer.learning_rate", "got true"),
        ({"name": "Adam", "learning_rate": float("inf")}, "optimizer.learning_rate", "inf"),
        ({"name": "Adam", "learning_rate": "CosinDecay"}, "optimizer.learning_rate", "Did you mean CosineDecay?"),
        ({"name": "Adam", "learning_rate": "CosineDecay"}, "optimizer.learning_rate.CosineDecay", "needs"),
        ({"name": "Adam", "learning_rate": {"a": {}, "b": {}}}, "optimizer.learning_rate", "learning-rate schedule"),
        (
            {"name": "Adam", "learning_rate": {"CosineDecay": {"initial_learning_rate": 0.1}}},
            "optimizer.learning_rate.CosineDecay",
            "CosineDecay needs decay_steps",
        ),
        (
            {"name": "Adam", "learning_rate": {"CosineDecay": {**COSINE["CosineDecay"], "warmup_step": 5}}},
            "optimizer.learning_rate.CosineDecay.warmup_step",
            "Did you mean warmup_steps?",
        ),
        (
            {"name": "Adam", "learning_rate": {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 1.5}}},
            "optimizer.learning_rate.CosineDecay.decay_steps",
            "a whole number",
        ),
    ],
)
def test_a_wrong_optimizer_names_its_key(tree: dict[str, Any], key: str, says: str) -> None:
    found = _problems(tree)
    assert {problem.key for problem in found} == {key}
    assert says in str(found[0])


def test_all_mistakes_of_an_optimizer_are_found_together() -> None:
    found = _problems({"name": "Adam", "beta_1": "x", "bta_2": 0.9, "learning_rate": {"CosineDecay": {"alpha": "y"}}})
    assert {problem.key for problem in found} == {
        "optimizer.beta_1",
        "optimizer.bta_2",
        "optimizer.learning_rate.CosineDecay.alpha",
        "optimizer.learning_rate.CosineDecay",
    }
