"""Files of own code: what goes wrong in them is told with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.errors import PluginError
from seqexp.plugins.code import Code
from seqexp.plugins.loading import adopt, load_code, read_code, use_codes
from seqexp.plugins.table import find

Write = Callable[[str, str], Path]
FUNCTION = "import seqexp\n@seqexp.function\ndef halve(x, by: float = 2.0):\n    return x / by\n"


def _load(path: Path) -> None:
    load_code(read_code(path, key="--plugin"), key="--plugin")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ny = (\n", "mine.py:2: this is not valid Python"),
        ("\nimport nothing_of_that_name\n", "mine.py:2: it cannot be loaded: ModuleNotFoundError"),
        ("def f():\n    return 1 / 0\nf()\n", "mine.py:2: it cannot be loaded: ZeroDivisionError"),
        ("raise SystemExit(0)\n", "mine.py:1: it cannot be loaded: SystemExit"),
        ("x = '\0'\n", "mine.py"),
        (FUNCTION + FUNCTION, "mine.py:2 and"),
        ("import seqexp\n@seqexp.loss\ndef mse(y_true, y_pred): ...\n", "'mse' is a loss of Keras or seqexp already"),
        ("import seqexp\n@seqexp.layer\nclass Dense: ...\n", "Dense is no subclass of keras.layers.Layer"),
        ("import seqexp\n@seqexp.function\ndef last_steps(x): ...\n", "'last_steps' is a function of Keras or seqexp"),
        ("import seqexp\n@seqexp.scaler\ndef robust(x): ...\n", "'robust' is a scaler of seqexp's own"),
        ("import seqexp\n@seqexp.source\ndef sine(): ...\n", "'sine' is a source of seqexp's own"),
        ("import seqexp\n@seqexp.metric\ndef mae(a, b): ...\n", "'mae' is a metric of seqexp's own"),
        ("import seqexp\n@seqexp.baseline\ndef drift(a, b): ...\n", "'drift' is a baseline of seqexp's own"),
        (
            "import seqexp\n@seqexp.metric\ndef one(a): ...\n",
            "takes 1 argument(s), and is given true_WNK, forecast_WNK",
        ),
        ("import seqexp\n@seqexp.loss\nclass Mine: ...\n", "no subclass of keras.losses.Loss"),
        ("import seqexp\n@seqexp.scaler\nclass Mine: ...\n", "has no method fit(values_T)"),
        ("import seqexp\nseqexp.loss(lambda a, b: a)\n", "registers a named class or function"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(write: Write, text: str, told: str) -> None:
    path = write("mine.py", text)
    with pytest.raises(PluginError) as error:
        _load(path)
    assert told in str(error.value)
    assert error.value.problems[0].key == "--plugin"


def test_of_a_file_that_fails_nothing_stays(write: Write) -> None:
    with pytest.raises(PluginError):
        _load(write("mine.py", FUNCTION + "1 / 0\n"))
    assert find("function", "halve") is None
    _load(write("mine.py", FUNCTION))
    assert find("function", "halve")


@pytest.mark.parametrize("name", ["nothing.py", "mine.txt", "my file.py"])
def test_only_python_files_are_read(write: Write, name: str, tmp_path: Path) -> None:
    if name != "nothing.py":
        write(name, FUNCTION)
    with pytest.raises(PluginError, match=r"there is no file|is not the name of a Python file"):
        read_code(tmp_path / name, key="--plugin")


def test_an_edited_file_takes_the_place_of_what_it_was(write: Write) -> None:
    _load(write("mine.py", FUNCTION))
    first = find("function", "halve")
    _load(write("mine.py", FUNCTION))
    assert find("function", "halve") is first  # the same text is executed once
    _load(write("mine.py", FUNCTION.replace("halve", "third")))
    assert find("function", "halve") is None
    assert find("function", "third")


def test_names_in_two_files_clash_with_both_places(write: Write) -> None:
    _load(write("one.py", FUNCTION))
    with pytest.raises(PluginError) as error:
        _load(write("two.py", "\n" + FUNCTION))
    assert "one.py:2" in str(error.value)
    assert "two.py:3" in str(error.value)


def test_files_that_are_no_longer_named_are_forgotten(write: Write) -> None:
    one, two = (read_code(write(f"{name}.py", FUNCTION), key="") for name in ("one", "two"))
    use_codes([("", one)])
    use_codes([("", two)])  # no clash: the first one is gone
    assert find("function", "halve").code is two  # type: ignore[union-attr]


def test_a_worker_takes_the_text_that_it_is_sent(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "not_here.py")
    adopt([Code("mine", FUNCTION.encode(), nowhere)])
    first = find("function", "halve")
    adopt([Code("mine", FUNCTION.encode(), "elsewhere.py")])
    assert find("function", "halve") is first
    edited = Code("mine", FUNCTION.replace("x / by", "x * by").encode(), nowhere)
    adopt([edited])
    assert find("function", "halve").entry(3, by=2) == 6  # type: ignore[union-attr]
    assert find("function", "halve").code.digest == edited.digest  # type: ignore[union-attr]


def test_what_a_plugin_prints_is_not_on_stdout(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    _load(write("mine.py", "print('hello')\n"))
    assert capsys.readouterr() == ("", "hello\n")
