"""Where compiled programs are kept, and that another process finds them whatever it built before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqexp.store.environment import FLAGS
from seqexp.training import compile_cache
from seqexp.training.compile_cache import VARIABLE, cache_folder, prepare_cache
from seqexp.training.start import _settings

# Trains nothing: compiles the program of a small model, after having built as many others as it is told to.
SCRIPT = """
import sys
from seqexp.training.start import start_tensorflow
start_tensorflow(1)
import keras, tensorflow as tf
from seqexp.training.compiled_function import CompiledFunction
for _ in range(int(sys.argv[1])):
    keras.Sequential([keras.Input((4, 1)), keras.layers.GRU(2)])(tf.zeros((1, 4, 1)))
model = keras.Sequential([keras.Input((4, 1)), keras.layers.GRU(3), keras.layers.Dense(1)])
function = CompiledFunction(lambda x: [model(x)], [tf.TensorSpec((2, 4, 1))], xla=True)
print(function(tf.zeros((2, 4, 1)))[0].shape, function.refused)
"""


def _entries(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("word", ["off", "0", "None"])
def test_it_can_be_switched_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, word)
    assert cache_folder() is None
    assert prepare_cache() is None


def test_the_folder_is_the_users_unless_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert prepare_cache() is not None
    assert (tmp_path / "named").is_dir()
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "seqexp" / "programs"
    assert folder.name.startswith("tensorflow-")


def test_programs_of_other_flags_stand_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = cache_folder()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert cache_folder() != folder


def test_what_cannot_be_written_to_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "below"))
    assert prepare_cache() is None


def test_a_folder_that_tensorflow_would_misread_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "with blank"))
    assert prepare_cache() is None


def test_the_programs_unused_for_longest_make_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(compile_cache, "LARGEST", 1000)
    folder = prepare_cache()
    assert folder is not None
    for day in range(5):
        (folder / f"day{day}").write_bytes(b"x" * 300)
        os.utime(folder / f"day{day}", (day * 86_400, day * 86_400))
    prepare_cache()
    assert _entries(folder) == {"day3", "day4"}


def _compile_elsewhere(cache: Path, others: str) -> None:
    environment = {**os.environ, VARIABLE: str(cache)}
    words = [sys.executable, "-c", SCRIPT, others]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "(2, 1)"


@pytest.mark.parametrize("damage", [b"garbage", b"\xff" * 10_000])
def test_a_damaged_program_is_compiled_anew(damage: bytes, tmp_path: Path) -> None:
    _compile_elsewhere(tmp_path, "0")
    (program,) = (path for path in tmp_path.rglob("*") if path.is_file())
    program.write_bytes(damage)
    _compile_elsewhere(tmp_path, "0")
    (again,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert again.read_bytes() != damage


def test_another_process_finds_the_program_whatever_it_built_before(tmp_path: Path) -> None:
    for others in ("0", "3"):
        _compile_elsewhere(tmp_path, others)
        found = _entries(tmp_path)
        assert len(found) == 1, found


def test_the_environment_stays_as_it_was(tmp_path: Path) -> None:
    """A process that is started later has settings of its own: another folder, other threads."""
    names = [*_settings(1), *FLAGS]  # TensorFlow sets others itself
    settings = f"{{name: os.environ.get(name) for name in {names}}}"
    script = f"import os; before = {settings}\n{SCRIPT}\nprint({settings} == before)"
    environment = {**os.environ, VARIABLE: str(tmp_path)}
    words = [sys.executable, "-c", script, "0"]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "True"
    assert len(_entries(tmp_path)) == 1
