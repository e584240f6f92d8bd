"""Overrides as people type them."""

from __future__ import annotations

from typing import Any

import pytest

from seqexp.compose.groups import ConfigGroups
from seqexp.compose.overrides import read_overrides
from seqexp.errors import ConfigError

GROUPS = ConfigGroups()


def _value(text: str) -> Any:
    return read_overrides([text], GROUPS).settings[0].value


def _axis(text: str) -> list[Any]:
    return next(iter(read_overrides([text], GROUPS).axes.values()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("timesteps=14", 14),
        ("optimizer.learning_rate=1e-3", 0.001),
        ("training.shuffle=false", False),
        ("data.time=null", None),
        ("data.path=my data.csv", "my data.csv"),
        ("data.path='a,b.csv'", "a,b.csv"),
        ("data.split.train=2009-12-31", "2009-12-31"),
        ("data.targets=[a,b]", ["a", "b"]),
        ("data.targets=a,b", ["a", "b"]),
        ("data.rows=1,-6", [1, -6]),
        ("data.split={train: 10, test: 5}", {"train": 10, "test": 5}),
        ("+seed=3", 3),
        ("++seed=3", 3),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert _value(text) == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("timesteps=7,14", [7, 14]),
        ("seed=0..3", [0, 1, 2, 3]),
        ("seed=3..1", [3, 2, 1]),
        ("seed=range(0,6,2)", [0, 2, 4]),
        ("timesteps=choice(7,14)", [7, 14]),
        ("topology=many_to_one,vector_output", ["many_to_one", "vector_output"]),
        ("topology=glob(one*)", ["one_to_many", "one_to_one"]),
        ("data.features=[a],[a,b]", [["a"], ["a", "b"]]),
        ("data.features=choice(a,b)", ["a", "b"]),
    ],
)
def test_axes(text: str, values: list[Any]) -> None:
    assert _axis(text) == values


def test_all_means_every_option_of_a_group() -> None:
    assert len(_axis("topology=all")) == 8
    assert _value("data.features=all") == "all"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed", "key=value"),
        ("=3", "key=value"),
        ("~seed", "null"),
        ("seed=[1", "Quote"),
        ("seed=interval(1,0)", "begins at 1"),
        ("seed=log:0..1", "cannot begin at 0"),
        ("seed=0..1000000000", "10,000"),
        ("seed=range(0,1000000000)", "10,000"),
        ("topology._target_=os.system", "code"),
        ("hydra.run.dir=x", "code"),
        ("topology=glob(nothing*)", "no value"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_overrides([text], GROUPS)
    assert says in str(caught.value)
    assert text in caught.value.problems[0].where
