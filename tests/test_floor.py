"""What everything stands on: errors, the registry, fingerprints."""

from __future__ import annotations

import pickle

import pytest

from seqexp.errors import ConfigError, Problem, RunFailed, suggest
from seqexp.fingerprint import hash_values, short_key
from seqexp.registry import Registry


def test_errors_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(ConfigError([Problem("is wrong.", "a.b", "mend it", "x.yaml:3")])))
    assert str(error) == "a.b: is wrong.\n  x.yaml:3\n  mend it"
    failed = pickle.loads(pickle.dumps(RunFailed("diverged", "nan in epoch 3")))
    assert (failed.reason, str(failed)) == ("diverged", "nan in epoch 3")


def test_a_registry_refuses_doubles_and_suggests() -> None:
    shapes: Registry[int] = Registry("shape")
    shapes.register("square")(1)
    with pytest.raises(ValueError, match="registered already"):
        shapes.register("square")
    with pytest.raises(ConfigError, match="Did you mean square"):
        shapes["sqare"]
    with shapes.scoped():
        shapes.register("circle")(2)
        assert list(shapes) == ["circle", "square"]
    assert list(shapes) == ["square"]


def test_fingerprints_know_content_not_order() -> None:
    assert hash_values({"a": 1, "b": [1, 2]}) == hash_values({"b": [1, 2], "a": 1})
    assert hash_values({"a": [1, 2]}) != hash_values({"a": [2, 1]})
    assert len(short_key({})) == 12
    with pytest.raises(ValueError, match="not JSON compliant"):
        hash_values(float("nan"))


def test_suggestions_are_near_or_the_whole_list() -> None:
    assert suggest("LSMT", ["LSTM", "GRU"]) == "Did you mean LSTM?"
    assert suggest("zzz", ["LSTM", "GRU"]) == "There is: LSTM, GRU."
    assert suggest("zzz", []) == "There is none."
