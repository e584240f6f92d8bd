"""A training that is stopped, and gone on with in another process, ends as one that was not, to the last bit."""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from seqexp.training.checkpoint import Checkpoint, Saved

SCRIPT = Path(__file__).with_name("stopped_case.py")
DATA = ["data=sine", "data.source.sine.length=200", "timesteps=6", "output_length=3", "training.epochs=7"]
HEAD = "{Dense:{units:3}},{Reshape:{target_shape:[3,1]}}"
LSTM = f"topology.layers=[{{LSTM:{{units:4,dropout:0.2}}}},{{Dropout:{{rate:0.2}}}},{HEAD}]"
FLAT = f"topology.layers=[{{Flatten:{{}}}},{{Dense:{{units:4}}}},{{Dropout:{{rate:0.3}}}},{HEAD}]"
NORM = f"topology.layers=[{{Flatten:{{}}}},{{Dense:{{units:4}}}},{{BatchNormalization:{{momentum:0.5}}}},{HEAD}]"
# Adam's rate is raised to 30 after three epochs: the best weights are older than the checkpoint, and the watch waits.
RISING = "optimizer.learning_rate={PiecewiseConstantDecay:{boundaries:[15],values:[0.01,30.0]}}"
STOPPING = [RISING, "training.metrics=[mae]", "training.early_stopping={patience:3}", "training.epochs=20"]
LAYERS = {"dropout, schedule, early stopping": [LSTM, *STOPPING]}
RARE = {
    "averages and accumulated gradients": [
        FLAT,
        "optimizer=adamw",
        "optimizer.use_ema=true",
        "optimizer.gradient_accumulation_steps=2",
    ],
    "no validation": [FLAT, "data.split={train:0.8,validation:0,test:0.2}"],
    "in order": [FLAT, "training.shuffle=false"],
    "batch normalization": [NORM],
    **{name: [FLAT, f"optimizer.name={name}"] for name in ("Nadam", "ScheduleFreeAdamW", "Ftrl", "Adafactor", "Muon")},
}
ENGINES = ("compiled", "keras")
STOP_AT, RESUMED_AT = 5, 4


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("stopped_case", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


case = _script()


def _words(words: list[str], engine: str) -> list[str]:
    return [*DATA, *words, f"training.engine={engine}"]


def _check(cases: dict[str, list[str]], folder: Path) -> None:
    """Stop each case with each engine here, and go on with all of them in one new process."""
    whole, asked = {}, {}
    for name, words in cases.items():
        for engine in ENGINES:
            overrides, path = _words(words, engine), folder / f"{len(asked)}.npz"
            whole[name, engine] = case.train(overrides)
            with pytest.raises(case.Stop):
                case.train(overrides, path, stop_at=STOP_AT)
            asked[name, engine] = overrides, str(path)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(list(asked.values()))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for key, there in zip(asked, json.loads(done.stdout), strict=True):
        assert there.pop("described") == {"resumed_at": RESUMED_AT}, key
        assert there.pop("notes") == [f"goes on after epoch {RESUMED_AT}, from its checkpoint"]
        here = whole[key]
        del here["described"], here["notes"]
        assert there == json.loads(json.dumps(here)), key
        assert len(here["epochs"]) == 7
        if "early stopping" in key[0]:
            assert (here["best_epoch"], here["stopped_early"]) == (3, True)


def test_it_ends_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    _check(LAYERS, tmp_path)


@pytest.mark.slow
def test_so_does_whatever_has_a_state_of_its_own(tmp_path: Path) -> None:
    _check(RARE, tmp_path)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_that_was_over_is_over(engine: str, tmp_path: Path) -> None:
    """After the last epoch there is a checkpoint in any case: what comes after the training may be stopped, too."""
    overrides, path = _words([FLAT, *STOPPING], engine), tmp_path / "over.npz"
    first = case.train(overrides, path, every=1000)
    again = case.train(overrides, path, every=1000)
    assert first.pop("described") == {}
    assert again.pop("described") == {"resumed_at": len(first["epochs"])}
    del first["notes"], again["notes"]
    assert again == first
    assert first["stopped_early"]


class TestFile:
    """What is used, and what is not."""

    BEST = [np.float32([7])]
    WATCH = {"epoch": 1, "_best_loss": float("inf")}

    def _variables(self, *, size: int = 3) -> list[keras.Variable]:
        return [
            keras.Variable(np.zeros((size, 2)), dtype="float32", name="kernel"),
            keras.Variable(0, dtype="int64", name="seed"),
        ]

    def _open(self, path: Path, *, request: str = "", **made_by: str) -> Checkpoint:
        return Checkpoint(path, every=1, last=9, made_by={"keras": "3.1", **made_by}, request=request)

    def _load(self, path: Path, *, size: int = 3, devices: str = "CPU", **options: str) -> tuple[Checkpoint, Any, Any]:
        checkpoint, variables = self._open(path, **options), self._variables(size=size)
        saved = checkpoint.load(variables, [keras.Variable([0.0], name="bias")], devices=devices)
        return checkpoint, saved, variables

    def _save(self, path: Path, **options: str) -> Checkpoint:
        checkpoint, _, _ = self._load(path, **options)
        checkpoint.note({"epoch": 1, "values": {"train/loss": 0.1}})
        checkpoint.save([np.float32([[1, 2], [3, 4], [5, 6]]), np.int64(2**53 + 1)], self.BEST, self.WATCH)
        return checkpoint

    def _is_whole(self, saved: Saved, variables: list[keras.Variable]) -> bool:
        values = [variable.numpy().tolist() for variable in variables]
        return (
            values == [[[1, 2], [3, 4], [5, 6]], 2**53 + 1]
            and saved.watch == self.WATCH
            and saved.epochs == [{"epoch": 1, "values": {"train/loss": 0.1}}]
            and np.array_equal(saved.best, self.BEST)
        )

    def test_what_was_written_comes_back(self, tmp_path: Path) -> None:
        self._save(tmp_path / "deep" / "c.npz")
        checkpoint, saved, variables = self._load(tmp_path / "deep" / "c.npz")
        assert self._is_whole(saved, variables)
        assert checkpoint.described() == {"resumed_at": 1}
        assert [path.name for path in (tmp_path / "deep").iterdir()] == ["c.npz"]

    def test_a_damaged_one_is_never_read_as_another(self, tmp_path: Path) -> None:
        path = tmp_path / "c.npz"
        self._save(path)
        content, refused = path.read_bytes(), 0
        flips = [content[:n] + bytes([content[n] ^ 4]) + content[n + 1 :] for n in range(0, len(content), 11)]
        for damaged in [*flips, content[:-1], content[: len(content) // 2], b"", b"x" * 500]:
            path.write_bytes(damaged)
            checkpoint, saved, variables = self._load(path)
            if saved is None:
                refused += 1
                assert checkpoint.trouble
                assert not any(np.any(variable.numpy()) for variable in variables)
            else:  # a bit that means nothing, such as the time in a header
                assert self._is_whole(saved, variables)
        assert refused > len(flips) / 2

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"keras": "3.2"}, "made with keras 3.1, and here it is 3.2"),
            ({"run key": "other"}, "made with run key missing, and here it is other"),
            ({"devices": "CPU, GPU"}, "made with devices CPU, and here it is CPU, GPU"),
            ({"size": 4}, "not those of this model and optimizer"),
        ],
        ids=str,
    )
    def test_a_foreign_one_is_not_used_and_it_says_why(self, options: Any, says: str, tmp_path: Path) -> None:
        self._save(tmp_path / "c.npz")
        checkpoint, saved, variables = self._load(tmp_path / "c.npz", **options)
        assert saved is None
        assert not any(np.any(variable.numpy()) for variable in variables)
        assert says in checkpoint.described()["checkpoint"]
        assert checkpoint.notice.startswith("starts from the beginning: the checkpoint in ")

    def test_one_of_another_format_is_not_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._save(tmp_path / "c.npz")
        monkeypatch.setattr("seqexp.training.checkpoint.FORMAT", 2)
        assert "the format 1, and this release reads 2" in self._load(tmp_path / "c.npz")[0].trouble

    def test_a_request_of_its_own_uses_what_was_written_for_it_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "c.npz"
        self._save(path)
        checkpoint, saved, _ = self._load(path, request="new")
        assert (saved, checkpoint.described(), checkpoint.notice) == (None, {}, "")
        self._save(path, request="new")
        assert self._load(path, request="new")[1] is not None
        assert self._load(path)[1] is not None

    def test_a_full_disk_ends_the_writing_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "c.npz"
        self._save(path)
        whole = path.read_bytes()
        with _no_file_larger_than(100):
            checkpoint = self._save(path)
        assert "none was written from epoch 2 on: File too large" in checkpoint.described()["checkpoint"]
        assert not checkpoint.is_due(is_over=True)
        assert [left.read_bytes() for left in tmp_path.iterdir()] == [whole]

    def test_a_folder_that_cannot_be_made_does_too(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        checkpoint = self._save(tmp_path / "file" / "c.npz")
        assert "none was written from epoch 1 on" in checkpoint.trouble


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        with suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
