"""A valid tree to break: the shipped default experiment as plain values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from seqexp.errors import ConfigError, Problem
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.validate import validate

REMOVED = object()


@pytest.fixture
def tree(compose: Callable[..., ExperimentSpec]) -> dict[str, Any]:
    """Return the default experiment as plain values."""
    return compose().as_tree()


@pytest.fixture
def removed() -> object:
    """Return the value that stands for no key at all."""
    return REMOVED


@pytest.fixture
def problems_with(tree: dict[str, Any]) -> Callable[..., list[Problem]]:
    """Change values of the tree at dotted keys and return what is wrong with it then."""

    def change(changes: dict[str, Any]) -> list[Problem]:
        changed = copy.deepcopy(tree)
        for key, value in changes.items():
            *path, last = key.split(".")
            place = changed
            for step in path:
                place = place[step]
            if value is REMOVED:
                del place[last]
            else:
                place[last] = value
        with pytest.raises(ConfigError) as caught:
            validate(changed)
        return list(caught.value.problems)

    return change
