"""Tasks with known answers, and files of ready windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqexp.data.dataset import Dataset, prepare_dataset
from seqexp.data.examples import CHARACTERS, make_adding, make_addition, make_copy_memory
from seqexp.errors import ConfigError, DataError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.sources import AddingSource, AdditionSource, CopyMemorySource

Compose = Callable[..., ExperimentSpec]


def test_adding_asks_for_the_two_marked_numbers() -> None:
    x_WTF, y_WNK = make_adding(AddingSource(examples=50), 21)
    assert x_WTF.shape == (50, 21, 2)
    marks_WT = x_WTF[..., 1]
    assert (marks_WT[:, :10].sum(axis=1) == 1).all()
    assert (marks_WT[:, 10:].sum(axis=1) == 1).all()
    np.testing.assert_allclose((x_WTF[..., 0] * marks_WT).sum(axis=1), y_WNK[:, 0, 0], rtol=1e-6)


def test_guessing_one_in_the_adding_problem_gives_the_published_error() -> None:
    _, y_WNK = make_adding(AddingSource(examples=200_000), 10)
    assert ((y_WNK - 1) ** 2).mean() == pytest.approx(0.1667, abs=0.002)  # a sum of two uniform numbers: 1/6


def test_copy_memory_asks_for_the_symbols_after_the_sign() -> None:
    x_WTF, y_WNK = make_copy_memory(CopyMemorySource(length=3, examples=20), 12)
    tokens_WT = x_WTF.argmax(axis=-1)
    assert (tokens_WT[:, :3] == y_WNK.argmax(axis=-1)).all()
    assert (tokens_WT[:, 3:8] == 8).all()
    assert (tokens_WT[:, 8] == 9).all()
    assert (tokens_WT[:, 9:] == 8).all()


@pytest.mark.parametrize("reverse", [True, False])
def test_addition_asks_for_the_sum(reverse: bool) -> None:
    x_WTF, y_WNK = make_addition(AdditionSource(digits=2, examples=500, reverse=reverse))
    asked = ["".join(CHARACTERS[token] for token in tokens) for tokens in x_WTF.argmax(axis=-1)]
    questions = [text[::-1] if reverse else text for text in asked]
    answers = ["".join(CHARACTERS[token] for token in tokens) for tokens in y_WNK.argmax(axis=-1)]
    for question, answer in zip(questions, answers, strict=True):
        one, other = question.split("+")
        assert int(one) + int(other) == int(answer)
    assert len({tuple(sorted(map(int, question.split("+")))) for question in questions}) == 500


def test_more_sums_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(DataError, match="not 100 different sums"):
        make_addition(AdditionSource(digits=1, examples=100))


@pytest.mark.parametrize("alignment", ["future", "next", "same"])
def test_examples_lie_end_to_end_and_none_reads_another(alignment: str, compose: Compose) -> None:
    task = ["data=copy_memory", "data.source.copy_memory={length: 3, examples: 40}", "timesteps=8", "output_length=3"]
    dataset = prepare_dataset(compose(*task, f"topology.contract.alignment={alignment}"))
    x_WTF, y_WNK = make_copy_memory(CopyMemorySource(length=3, examples=40), 8)
    assert {split: len(starts_W) for split, starts_W in dataset.starts.items()} == {
        "train": 32,
        "validation": 4,
        "test": 4,
    }
    for split, examples in {"train": slice(0, 32), "validation": slice(32, 36), "test": slice(36, 40)}.items():
        np.testing.assert_array_equal(dataset.true_WNK(split), y_WNK[examples])
        steps = dataset.starts[split][:, None] + np.arange(8)
        np.testing.assert_array_equal(dataset.inputs_TF[steps], x_WTF[examples])


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    x_WTF = random.normal(size=(60, 5, 2))
    np.savez(tmp_path / "w.npz", x=x_WTF, y=x_WTF[:, -2:, :1] * 2 + 1)
    return tmp_path / "w.npz"


def _read(compose: Compose, path: Path, *words: str) -> Dataset:
    lengths = ["timesteps=5", "output_length=2", "topology=vector_output"]
    return prepare_dataset(compose("data=windows", f"data.path={path}", *lengths, *words))


@pytest.mark.parametrize(
    ("words", "lengths"),
    [
        (["data=addition"], (7, 4)),
        (["data=addition", "data.source.addition={digits: 2, examples: 2000}"], (5, 3)),
        (["data=adding", "topology=many_to_one"], (14, 1)),
        (["data=copy_memory"], (21, 10)),
        (["data=copy_memory", "timesteps=60"], (60, 10)),
    ],
)
def test_a_task_sets_the_lengths_that_leave_no_choice(
    words: list[str], lengths: tuple[int, int], compose: Compose
) -> None:
    spec = compose(*words)
    assert (spec.timesteps, spec.output_length) == lengths
    assert len(prepare_dataset(spec).starts["train"]) > 1000


def test_ready_windows_are_scaled_with_the_training_windows(windows: Path, compose: Compose) -> None:
    dataset = _read(compose, windows)
    assert dataset.inputs_TF.shape == (60 * 7, 2)
    with np.load(windows) as arrays:
        train_WTF, y_WNK = arrays["x"][:42].astype(np.float32), arrays["y"]
    np.testing.assert_allclose(dataset.feature_scaler.center_F, train_WTF.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(dataset.true_WNK("test"), y_WNK[51:], rtol=1e-6)
    np.testing.assert_allclose(
        dataset.in_source_units(dataset.targets_TK[5:7][None], np.array([5]), "future")[0], y_WNK[0], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["timesteps=4"], r"x has the shape \(60, 5, 2\)"),
        (["output_length=1", "topology=many_to_one"], r"y has the shape \(60, 2, 1\)"),
        (["data.targets=[a,b]"], "needs .windows, 2, 2."),
        (["data.features=[a]"], "needs .windows, 5, 1."),
    ],
)
def test_windows_of_another_shape_are_refused(words: list[str], says: str, windows: Path, compose: Compose) -> None:
    with pytest.raises(DataError, match=says):
        _read(compose, windows, *words)


def test_files_that_hold_no_windows_are_refused(tmp_path: Path, compose: Compose) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((3, 5, 2)))
    np.savez(tmp_path / "n.npz", x=np.full((30, 5, 2), np.nan), y=np.ones((30, 2, 1)))
    np.savez(tmp_path / "o.npz", x=np.array([{}]), y=np.ones(1))
    (tmp_path / "t.npz").write_text("no archive")
    named = {"a": "no array 'y'", "n": "NaN or infinite", "o": "no NPZ of numbers", "t": "no NPZ", "absent": "no file"}
    for name, says in named.items():
        with pytest.raises((ConfigError, DataError), match=says):
            _read(compose, tmp_path / f"{name}.npz", "data.features=[a,b]")


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (["data=addition", "timesteps=8", "output_length=4"], "timesteps", "addition has 7 steps of input"),
        (["data=addition", "timesteps=7", "output_length=3"], "output_length", r"addition has 4 step\(s\) of output"),
        (["data=adding", "timesteps=1", "output_length=1"], "timesteps", "2 or more steps"),
        (["data=copy_memory", "timesteps=20", "output_length=10"], "timesteps", "21 or more"),
    ],
)
def test_lengths_that_a_task_does_not_have_are_refused(words: list[str], key: str, says: str, compose: Compose) -> None:
    with pytest.raises(DataError, match=says) as caught:
        prepare_dataset(compose(*words))
    assert caught.value.problems[0].key == key


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["data=addition", "training.loss=mse"], "training.loss"),
        (["data=addition", "topology.head=gaussian"], "topology.head"),
        (["data=addition", "evaluation.select=val/mae"], "evaluation.select"),
        (["data=addition", "data.scaler=standard"], "data.scaler"),
        (["data=adding", "data.lead=3"], "data.lead"),
        (["data=adding", "data.transform=difference"], "data.transform"),
        (["data=adding", "data.time=date"], "data.time"),
        (["data=windows"], "data.path"),
    ],
)
def test_what_examples_cannot_have_is_refused(words: list[str], key: str, compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*words)
    assert key in {problem.key for problem in caught.value.problems}
