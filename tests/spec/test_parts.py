"""Parts: every mistake in a layer is found, however deep, with its key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seqexp.errors import Problem
from seqexp.spec.parts import dotted, problems_of_part, shown, split_part

Problems = Callable[[dict[str, Any]], list[Problem]]
DENSE = {"Dense": {"units": 1}}


@pytest.mark.parametrize(
    "layer",
    [
        DENSE,
        "Flatten",
        {"Flatten": None},
        {"LSTM": {"units": 8, "kernel_regularizer": {"L2": {"l2": 0.1}}, "kernel_initializer": "he_normal"}},
        {"TimeDistributed": {"layer": DENSE}},
        {"Bidirectional": {"layer": {"GRU": {"units": 4}}, "merge_mode": "sum"}},
        {"RNN": {"cell": {"StackedRNNCells": {"cells": [{"LSTMCell": {"units": 4}}, {"GRUCell": {"units": 4}}]}}}},
        {"Lambda": {"function": "last_steps", "arguments": {"n": 3}}},
        {"Lambda": {"function": "reverse_time"}},
        {"Conv1D": {"filters": 4, "kernel_size": [3], "padding": "causal", "activation": "relu"}},
    ],
)
def test_a_right_part_has_no_problems(layer: Any) -> None:
    assert list(problems_of_part(layer, "layers")) == []


WRONG: dict[str, tuple[Any, str, str]] = {
    "no-part": (3, "", "expected the name of a layer"),
    "two-names": ({"LSTM": {}, "Dense": {}}, "", "expected the name of a layer"),
    "arguments-no-mapping": ({"LSTM": 32}, "", "expected the name of a layer"),
    "name": ({"LTSM": {"units": 3}}, "", "Did you mean LSTM?"),
    "case": ({"lstm": {"units": 3}}, "", "Did you mean LSTM?"),
    "argument": ({"LSTM": {"units": 3, "return_sequence": True}}, "LSTM.return_sequence", "mean return_sequences?"),
    "needed": ({"LSTM": {}}, "LSTM", "needs units"),
    "needed-by-name-alone": ("LSTM", "LSTM", "needs units"),
    "size-text": ({"LSTM": {"units": "many"}}, "LSTM.units", "a whole number from 1"),
    "size-nought": ({"LSTM": {"units": 0}}, "LSTM.units", "got 0"),
    "size-true": ({"LSTM": {"units": True}}, "LSTM.units", "got true"),
    "size-huge": ({"LSTM": {"units": 10**9}}, "LSTM.units", "65,536"),
    "size-in-list": ({"Conv1D": {"filters": 1, "kernel_size": [0]}}, "Conv1D.kernel_size", "a whole number"),
    "number": ({"LSTM": {"units": 3, "dropout": "half"}}, "LSTM.dropout", "a number"),
    "not-a-number": ({"LSTM": {"units": 3, "dropout": float("nan")}}, "LSTM.dropout", "a number"),
    "bool": ({"LSTM": {"units": 3, "unroll": 1}}, "LSTM.unroll", "true or false"),
    "text": ({"LSTM": {"units": 3, "name": 7}}, "LSTM.name", "a text"),
    "activation": ({"Dense": {"units": 1, "activation": "rleu"}}, "Dense.activation", "Did you mean"),
    "initializer": (
        {"Dense": {"units": 1, "kernel_initializer": "he_norml"}},
        "Dense.kernel_initializer",
        "Did you mean he_normal?",
    ),
    "in-a-regularizer": (
        {"LSTM": {"units": 3, "kernel_regularizer": {"L2": {"l3": 0.1}}}},
        "LSTM.kernel_regularizer.L2.l3",
        "There is: l2",
    ),
    "in-a-wrapper": (
        {"TimeDistributed": {"layer": {"Dense": {"units": 1, "use_bia": False}}}},
        "TimeDistributed.layer.Dense.use_bia",
        "Did you mean use_bias?",
    ),
    "in-two-wrappers": (
        {"TimeDistributed": {"layer": {"Bidirectional": {"layer": {"GRU": {"units": 4, "drop": 1}}}}}},
        "TimeDistributed.layer.Bidirectional.layer.GRU.drop",
        "GRU has no argument 'drop'",
    ),
    "wrapped-name": ({"Bidirectional": {"layer": {"GRV": {"units": 4}}}}, "Bidirectional.layer", "Did you mean GRU?"),
    "layer-as-cell": ({"RNN": {"cell": {"LSTM": {"units": 4}}}}, "RNN.cell", "LSTMCell"),
    "in-a-list-of-cells": (
        {"RNN": {"cell": {"StackedRNNCells": {"cells": [{"GRUCell": {"units": 4}}, {"LSTMCell": {"units": 0}}]}}}},
        "RNN.cell.StackedRNNCells.cells[1].LSTMCell.units",
        "a whole number",
    ),
    "no-cells": ({"RNN": {"cell": {"StackedRNNCells": {"cells": []}}}}, "RNN.cell.StackedRNNCells.cells", "a list"),
    "function": ({"Lambda": {"function": "last_step"}}, "Lambda.function", "Did you mean last_steps?"),
    "code": ({"Lambda": {"function": {"code": "x"}}}, "Lambda.function", "the name of a function"),
    "function-argument": (
        {"Lambda": {"function": "last_steps", "arguments": {"n": 3, "m": 1}}},
        "Lambda.arguments.m",
        "last_steps has no argument 'm'",
    ),
    "function-needs": ({"Lambda": {"function": "last_steps"}}, "Lambda", "last_steps needs n"),
    "function-arguments-no-mapping": (
        {"Lambda": {"function": "last_steps", "arguments": [3]}},
        "Lambda.arguments",
        "a mapping of arguments",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_part_has_one_problem_with_its_key(name: str) -> None:
    layer, key, says = WRONG[name]
    (problem,) = problems_of_part(layer, "layers")
    assert problem.key == key
    assert says in str(problem)


def test_all_mistakes_of_a_part_are_found_together() -> None:
    layer = {"Bidirectional": {"layer": {"LSTM": {"unit": 3, "activation": "than", "unroll": 2}}, "merge": "sum"}}
    assert {problem.key for problem in problems_of_part(layer, "layers")} == {
        "Bidirectional.merge",
        "Bidirectional.layer.LSTM",
        "Bidirectional.layer.LSTM.unit",
        "Bidirectional.layer.LSTM.activation",
        "Bidirectional.layer.LSTM.unroll",
    }


@pytest.mark.parametrize("name", WRONG)
def test_the_key_of_a_layer_counts_from_the_root_of_the_experiment(name: str, problems_with: Problems) -> None:
    layer, key, says = WRONG[name]
    (problem,) = problems_with({"topology.layers": [DENSE, layer]})
    assert problem.key == ("topology.layers[1]." + key).rstrip(".")
    assert says in str(problem)


@pytest.mark.parametrize(
    ("section", "part", "key", "says"),
    [
        ("losses", "mean_square_error", "", "Did you mean mean_squared_error?"),
        ("losses", {"Huber": {"delt": 1.0}}, "Huber.delt", "Did you mean delta?"),
        ("metrics", "rsme", "", "Did you mean rmse?"),
        ("schedules", "CosineDecy", "", "Did you mean CosineDecay?"),
        ("regularizers", {"l2": {"l2": "much"}}, "l2.l2", "a number"),
    ],
)
def test_parts_of_other_sections(section: str, part: Any, key: str, says: str) -> None:
    (problem,) = problems_of_part(part, section)
    assert problem.key == key
    assert says in str(problem)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("mse", ("mse", {})),
        ({"Huber": None}, ("Huber", {})),
        ({"Huber": {"delta": 2}}, ("Huber", {"delta": 2})),
        ({"a": {}, "b": {}}, None),
        ({}, None),
        ({1: {}}, None),
        (["mse"], None),
        (None, None),
    ],
)
def test_a_part_is_a_name_or_a_name_with_arguments(value: Any, part: Any) -> None:
    assert split_part(value) == part


@pytest.mark.parametrize(
    ("key", "name", "joined"), [("a", "b", "a.b"), ("", "b", "b"), ("a", "", "a"), ("a", "[0]", "a[0]")]
)
def test_keys_are_joined_by_dots(key: str, name: str, joined: str) -> None:
    assert dotted(key, name) == joined


@pytest.mark.parametrize(
    ("value", "text"), [("3", "the text '3'"), (3, "3"), (True, "true"), (None, "nothing (null)"), ([1], "[1]")]
)
def test_a_value_is_shown_as_yaml_writes_it(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_shortened() -> None:
    assert len(shown(list(range(1000)))) <= 80
