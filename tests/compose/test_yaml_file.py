"""YAML from strangers: data only."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.compose.yaml_file import read_yaml
from seqexp.errors import ConfigError
from seqexp.workflows.project import open_project

Write = Callable[[str, str], Path]

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: !!python/object/apply:os.system [touch canary]\n", "tag"),
        ("a: !mine 3\n", "tag"),
        ("a: &x 1\nb: *x\n", "aliases"),
        (BOMB, "aliases"),
        ("[" * 1000, "nested"),
        ("a: [1, 2\nb: 3\n", "no valid YAML"),
        ("a: 1\na: 2\n", "duplicate"),
        ("a:\n\tb: 1\n", "no valid YAML"),
        ("_target_: os.system\n", "code"),
        ("x:\n  - y: {_partial_: true}\n", "code"),
        ("hydra:\n  run: {dir: x}\n", "code"),
        ("a: \x00\n", "no valid YAML"),
    ],
    ids=[
        "python-tag",
        "own-tag",
        "alias",
        "bomb",
        "depth",
        "open",
        "double",
        "tab",
        "target",
        "partial",
        "hydra",
        "nul",
    ],
)
def test_is_refused_at_once(text: str, says: str, write: Write, tmp_path: Path) -> None:
    path = write("conf/topology/bad.yaml", text)
    began = time.perf_counter()
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        open_project().compose_one(["topology=bad"])
    assert time.perf_counter() - began < 1
    assert says in str(caught.value)
    assert not (tmp_path / "canary").exists()
    with pytest.raises(ConfigError):
        read_yaml(path)


def test_a_huge_file_is_refused(write: Write) -> None:
    with pytest.raises(ConfigError, match="larger"):
        read_yaml(write("big.yaml", "a: 1\n" * 300_000))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "x.yaml")


def test_lines_are_known_to_the_last_list_item(write: Write) -> None:
    file = read_yaml(write("x.yaml", "# head\na: 1\nlayers:\n  - Dense: {units: 2}\n  - LSTM:\n      units: 3\n"))
    assert (file.lines["a"], file.lines["layers[0].Dense.units"], file.lines["layers[1].LSTM.units"]) == (2, 4, 6)


def test_numbers_and_dates_read_as_hydra_reads_them(write: Write) -> None:
    assert read_yaml(write("x.yaml", "rate: 1e-3\nday: 2009-12-31\n")).tree == {"rate": 0.001, "day": "2009-12-31"}
