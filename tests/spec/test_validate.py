"""Validation: one problem for every mistake, at its key, with the name that was probably meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seqexp.errors import ConfigError, Problem
from seqexp.spec.validate import validate, validate_as, wants_list

Problems = Callable[[dict[str, Any]], list[Problem]]

# key that is changed, its value, key of the problem, what the problem says
WRONG: list[tuple[str, Any, str, str]] = [
    ("timesteps", "14", "timesteps", "expected a whole number, got the text '14'"),
    ("timesteps", 14.0, "timesteps", "expected a whole number, got 14.0"),
    ("timesteps", True, "timesteps", "expected a whole number, got true"),
    ("timesteps", None, "timesteps", "expected a whole number, got nothing (null)"),
    ("timesteps", [7, 14], "timesteps", "expected a whole number"),
    ("timesteps", 0, "timesteps", "greater than or equal to 1"),
    ("output_length", -3, "output_length", "greater than or equal to 1"),
    ("timesteps", 10**9, "timesteps", "less than or equal to"),
    ("seed", -1, "seed", "greater than or equal to 0"),
    ("seed", 2**31, "seed", "less than or equal to"),
    ("name", "a b", "name", "expected letters, digits"),
    ("name", "../up", "name", "expected letters, digits"),
    ("name", "", "name", "expected letters, digits"),
    ("name", 3, "name", "expected a text"),
    ("sead", 3, "sead", "Did you mean seed?"),
    ("time_steps", 3, "time_steps", "Did you mean timesteps?"),
    ("output_lenght", 3, "output_lenght", "Did you mean output_length?"),
    ("data", 3, "data", "expected a mapping"),
    ("training", "default", "training", "expected a mapping"),
    ("data.target", ["x"], "data.target", "Did you mean targets?"),
    ("data.targets", 3, "data.targets", "expected a list"),
    ("data.targets", [], "data.targets", "is empty"),
    ("data.targets", ["a", "a"], "data.targets", "named twice"),
    ("data.targets", ["a", 3], "data.targets[1]", "expected a text, got 3"),
    ("data.features", ["a", "b", "a"], "data.features", "named twice"),
    ("data.features", 3, "data.features", "expected a text or a list, got 3"),
    ("data.rows", "all", "data.rows", "expected a list"),
    ("data.rows", ["a", 2], "data.rows[0]", "expected a whole number"),
    ("data.rows", [1, 2, 3], "data.rows", "2"),
    ("data.scaler", "standart", "data.scaler", "Did you mean standard?"),
    ("data.scaler", None, "data.scaler", "expected standard, minmax, robust or none"),
    ("data.missing", "foward_fill", "data.missing", "Did you mean forward_fill?"),
    ("data.duplicates", "firts", "data.duplicates", "Did you mean first?"),
    ("data.season", 0, "data.season", "greater than or equal to 1"),
    ("data.season", "week", "data.season", "expected a whole number"),
    ("data.source", "tabel", "data.source", "Did you mean table?"),
    ("data.source", {"sine": {}, "table": {}}, "data.source", "expected a source"),
    ("data.source", "table", "data.path", "needs a file"),
    ("data.read.encodng", "x", "data.read.encodng", "Did you mean encoding?"),
    ("data.read.sep", "", "data.read.sep", "is empty"),
    ("data.read.decimal", "..", "data.read.decimal", "at most 1"),
    ("data.split.valdation", 0.1, "data.split.valdation", "Did you mean validation?"),
    ("data.split.train", 0.9, "data.split", "1.2"),
    ("data.split.validation", -1, "data.split.validation", "expected a share above 0"),
    ("data.split.train", 1.5, "data.split.train", "expected a share above 0"),
    ("data.split.train", 700, "data.split", "different ways"),
    ("data.split", {"train": 0, "validation": 1, "test": 1}, "data.split.train", "0 leaves no rows"),
    ("data.split", {"train": "2009-01-32", "validation": "x", "test": "y"}, "data.split.train", "2009-01-32"),
    ("data.split", [0.7, 0.15, 0.15], "data.split", "expected a mapping"),
    ("optimizer.name", "Adan", "optimizer.name", "Did you mean Adam?"),
    ("optimizer.learnig_rate", 0.1, "optimizer.learnig_rate", "Did you mean learning_rate?"),
    ("optimizer.beta_1", "high", "optimizer.beta_1", "expected a number"),
    ("training.epoch", 3, "training.epoch", "Did you mean epochs?"),
    ("training.epochs", 0, "training.epochs", "greater than or equal to 1"),
    ("training.batch_size", 1.5, "training.batch_size", "expected a whole number, got 1.5"),
    ("training.loss", "msee", "training.loss", "Did you mean mse?"),
    ("training.loss", {"Huber": {"delta": "x"}}, "training.loss.Huber.delta", "expected a number"),
    ("training.metrics", "mae", "training.metrics", "expected a list"),
    ("training.metrics", ["mae", "rsme"], "training.metrics[1]", "Did you mean rmse?"),
    ("training.early_stopping", {"patiense": 3}, "training.early_stopping.patiense", "Did you mean patience?"),
    ("training.early_stopping", {"patience": -1}, "training.early_stopping.patience", "greater than or equal to 0"),
    ("training.early_stopping", 10, "training.early_stopping", "expected a mapping"),
    ("data.rows", [0], "data.rows", "expected 2 values, got [0]"),
    ("training.engine", "kras", "training.engine", "expected compiled or keras"),
    ("training.threads", 0, "training.threads", "greater than or equal to 1"),
    ("training.checkpoint", {"every": 0}, "training.checkpoint.every", "greater than or equal to 1"),
    ("training.checkpoint", 5, "training.checkpoint", "expected a mapping"),
    ("training.stride", 0, "training.stride", "greater than or equal to 1"),
    ("training.shuffle", 1, "training.shuffle", "expected true or false, got 1"),
    ("training.shuffle", "yes", "training.shuffle", "expected true or false, got the text 'yes'"),
    ("evaluation.scale", True, "evaluation.scale", "Did you mean scaled?"),
    ("tracking.log_model", "bets", "tracking.log_model", "Did you mean best?"),
    ("tracking.keep", "bets", "tracking.keep", "Did you mean best?"),
    ("tracking.keep", {"models": "bets"}, "tracking.keep.models", "Did you mean best?"),
    ("tracking.keep", {"model": "best"}, "tracking.keep.model", "Did you mean models?"),
    ("tracking.keep", 3, "tracking.keep", "expected a mapping, got 3"),
    ("tracking.mlflow", "on", "tracking.mlflow", "expected true or false"),
    ("tracking.tags", ["a"], "tracking.tags", "expected a mapping"),
    ("tracking.tags", {"team": 3}, "tracking.tags.team", "expected a text, got 3"),
    ("topology.layers", [], "topology.layers", "is empty"),
    ("topology.layers", {"LSTM": {}}, "topology.layers", "expected a list"),
    ("topology.units", [1, 2], "topology.units", "expected one value"),
    ("topology.layer", [1, 2], "topology.layer", "Did you mean layers?"),
    ("topology.contract.alignment", "futur", "topology.contract.alignment", "Did you mean future?"),
    ("topology.contract.output", 3, "topology.contract.output", "Did you mean output_length?"),
    ("topology.contract.timesteps", "anny", "topology.contract.timesteps", "Did you mean any?"),
    ("topology.contract.timesteps", 1, "timesteps", "timesteps=14"),
    ("topology.contract.output_length", 1, "output_length", "output_length=7"),
    ("topology.contract.output_length", "timesteps", "output_length", "must equal timesteps=14"),
    ("topology.contract.alignment", "same", "data.features", "without the targets"),
]


@pytest.mark.parametrize(
    ("key", "value", "where", "says"), WRONG, ids=[f"{key}={value!r:.30}" for key, value, _, _ in WRONG]
)
def test_a_wrong_value_gives_one_problem_at_its_key(
    key: str, value: Any, where: str, says: str, problems_with: Problems
) -> None:
    (problem,) = problems_with({key: value})
    assert problem.key == where
    assert says in str(problem)


def test_every_mistake_is_reported_at_once(problems_with: Problems) -> None:
    changes = {"timesteps": 0, "sed": 1, "data.scaler": "x", "training.loss": "x", "tracking.uri": 3}
    assert {problem.key for problem in problems_with(changes)} == set(changes)


@pytest.mark.parametrize(
    "key", ["timesteps", "seed", "topology", "topology.contract", "data.targets", "data.split.test", "training.loss"]
)
def test_a_missing_value_is_named(key: str, problems_with: Problems, removed: object) -> None:
    (problem,) = problems_with({key: removed})
    assert problem.key == key
    assert "is missing" in problem.message
    assert f"{key}=" in problem.mend


def test_lengths_beyond_alignment_next_are_refused(problems_with: Problems) -> None:
    (problem,) = problems_with({"topology.contract.alignment": "next", "output_length": 15})
    assert problem.key == "output_length"
    assert "at most timesteps=14" in problem.message


def test_early_stopping_needs_a_validation_split(problems_with: Problems) -> None:
    changes = {"training.early_stopping": {"patience": 3}, "data.split.validation": 0}
    (problem,) = problems_with(changes)
    assert problem.key == "training.early_stopping"
    assert "data.split.validation" in problem.mend


def test_a_valid_tree_has_no_problems_and_is_frozen(tree: dict[str, Any]) -> None:
    spec = validate(tree)
    with pytest.raises(ValueError, match="frozen"):
        spec.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_an_experiment_is_a_mapping(value: Any) -> None:
    with pytest.raises(ConfigError, match="expected a mapping"):
        validate(value)


def test_a_prefix_stands_before_every_key() -> None:
    from seqexp.spec.data import SplitSpec

    with pytest.raises(ConfigError) as caught:
        validate_as(SplitSpec, {"train": 0.7, "tets": 0.1, "validation": 0.1}, "data.split")
    assert {problem.key for problem in caught.value.problems} == {"data.split.tets", "data.split.test"}


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("data.targets", True),
        ("data.features", True),
        ("data.rows", True),
        ("training.metrics", True),
        ("topology.layers", True),
        ("data.scaler", False),
        ("training.loss", False),
        ("data.nothing", False),
        ("nothing.at.all", False),
        ("tracking.tags.a", False),
    ],
)
def test_which_keys_take_a_list(key: str, wanted: bool) -> None:
    assert wants_list(key) is wanted
