"""What was traced is kept for other processes: taken where it is the same computation, left where anything differs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqexp.data.dataset import prepare_dataset
from seqexp.models.build import build_model
from seqexp.spec.experiment import ExperimentSpec
from seqexp.training import programs, traced_function
from seqexp.training.compile_cache import VARIABLE, prepare_cache
from seqexp.training.compiled_function import CompiledFunction
from seqexp.training.fit import fit_model, set_seed
from seqexp.workflows.running.train_and_score import arrays_of

SIGNATURE = [tf.TensorSpec(())]
SMALL = ["data=sine", "data.source.sine.length=230", "training.epochs=2", "timesteps=6", "output_length=3"]
HEAD = "{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}"
#: Whatever has variables besides weights: those of dropout, statistics, metrics, averages and schedules.
PROGRAMS = {
    "dropout": [
        f"topology.layers=[{{LSTM:{{units:3,dropout:0.3,recurrent_dropout:0.2}}}},{{Dropout:{{rate:0.2}}}},{HEAD}]"
    ],
    "statistics": [f"topology.layers=[{{GRU:{{units:3}}}},{{BatchNormalization:{{momentum:0.5}}}},{HEAD}]"],
    "metrics and averages": ["topology=encoder_decoder", "training.metrics=[mae,rmse]", "optimizer.use_ema=true"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of what is kept; TensorFlow keeps its own where it was started with."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "programs"))
    found = prepare_cache()
    assert found is not None
    return found


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every function that was traced."""
    seen: list[Any] = []
    trace = traced_function.trace
    monkeypatch.setattr(traced_function, "trace", lambda *words, **named: seen.append(words) or trace(*words, **named))
    return seen


def _counter(others: Sequence[Any] = (), key: str = "count") -> Callable[[float], float]:
    """Return a function that adds to its own count, as a process of its own would make it."""
    count = keras.Variable(0.0)

    def body(x: Any) -> list[Any]:
        count.assign_add(x)
        return [tf.add_n([count.value, *others])]

    function = CompiledFunction(body, SIGNATURE, xla=True, variables=[count], key=key)
    return lambda x: float(function(tf.constant(x))[0])


def test_another_process_takes_it_and_works_on_its_own_variables(traced: list[Any]) -> None:
    first, second = _counter(), _counter()
    assert len(traced) == 1
    assert [first(1.0), first(2.0), second(10.0), first(1.0)] == [1.0, 3.0, 10.0, 4.0]


def test_another_key_another_state_of_seqexp_or_none_is_traced_anew(
    traced: list[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _counter()
    _counter(key="another")
    assert len(traced) == 2
    monkeypatch.setattr(traced_function, "_own_sources", lambda: "changed")
    _counter()
    assert len(traced) == 3
    keras.config.set_floatx("float64")
    try:
        _counter(key="count 64")
        keras.config.set_floatx("float32")
        _counter(key="count 64")
    finally:
        keras.config.set_floatx("float32")
    assert len(traced) == 5
    kept = len(list(folder.iterdir()))
    _counter(key="")
    assert len(list(folder.iterdir())) == kept == 5


@pytest.mark.parametrize("harm", [lambda content: content[:-1], lambda content: content[:-1] + b"?", lambda _: b""])
def test_a_damaged_file_is_not_taken_and_mended(
    harm: Callable[[bytes], bytes], traced: list[Any], folder: Path
) -> None:
    _counter()
    (path,) = folder.iterdir()
    path.write_bytes(harm(path.read_bytes()))
    assert _counter()(2.0) == 2.0
    assert len(traced) == 2
    _counter()
    assert len(traced) == 2


def test_what_takes_more_than_the_variables_is_not_kept(traced: list[Any], folder: Path) -> None:
    for value in (1.0, 2.0):
        assert _counter([tf.Variable(value)])(3.0) == 3.0 + value
    assert len(traced) == 2
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_written_to_is_done_without(traced: list[Any], folder: Path) -> None:
    folder.rmdir()
    folder.write_text("")
    assert _counter()(2.0) == _counter()(2.0) == 2.0
    assert len(traced) == 2


@pytest.mark.parametrize("words", PROGRAMS.values(), ids=list(PROGRAMS))
def test_training_from_what_was_kept_gives_the_same_bits(
    words: list[str], compose: Callable[..., ExperimentSpec], traced: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = compose(*SMALL, *words)
    arrays = arrays_of(prepare_dataset(spec))
    found, numbers = [], []
    for _ in range(2):
        monkeypatch.setattr(programs, "_held", OrderedDict())  # as a new process begins
        set_seed(spec.seed)
        model = build_model(spec).model
        fit_model(model, arrays, spec.training, spec.optimizer, seed=spec.seed, on_epoch=lambda event: None)
        found.append([variable.numpy() for variable in model.variables])
        numbers.append(len(traced))
    assert numbers[0] == numbers[1] >= 2
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
