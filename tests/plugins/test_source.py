"""The source of what stands in a notebook or a script, as a file by itself."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

from seqexp.errors import PluginError
from seqexp.plugins.source import source_of


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module without a file, as a notebook's is."""
    module = types.ModuleType("notebook_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def _execute(module: types.ModuleType, text: str, name: str = "<cell 1>") -> None:
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec", dont_inherit=True), vars(module))


def _again(text: str) -> dict[str, object]:
    found: dict[str, object] = {"__name__": "elsewhere"}
    exec(compile(text, "elsewhere", "exec", dont_inherit=True), found)
    return found


def test_what_it_refers_to_is_written_down_with_it(cells: types.ModuleType) -> None:
    _execute(
        cells,
        """
import math
import collections.abc as abc
from fractions import Fraction as Part
POWERS = (1, 2)
def square(x): return x ** POWERS[1]
def twice(x): return 2 * square(x)
def use(x): return twice(x) + square(x) + math.floor(1.5) + Part(1, 2) + isinstance(x, abc.Sized)
""",
    )
    assert _again(source_of(cells.use))["use"](3) == 18 + 9 + 1 + 0.5  # type: ignore[operator]


def test_a_class_of_a_notebook_is_found_by_its_methods(cells: types.ModuleType) -> None:
    _execute(
        cells,
        "BY = 3\nclass Base:\n    def one(self): return 1\n"
        "class Times(Base):\n    def of(self, x):\n        return BY * x\n",
    )
    assert _again(source_of(cells.Times))["Times"]().of(2) == 6  # type: ignore[operator]


def test_it_changes_with_a_helper_and_with_nothing_else(cells: types.ModuleType) -> None:
    _execute(cells, "def helper(x): return x\ndef use(x): return helper(x)\ndef other(x): return x\n", "<cell a>")
    before = source_of(cells.use)
    _execute(cells, "def other(x): return -x\n", "<cell b>")
    assert source_of(cells.use) == before
    _execute(cells, "def helper(x): return 2 * x\n", "<cell c>")
    assert source_of(cells.use) != before


def test_late_annotations_stay_late(cells: types.ModuleType) -> None:
    _execute(cells, "from __future__ import annotations\ndef use(x: Nowhere = 1): return x\n")
    assert _again(source_of(cells.use))["use"](2) == 2  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import fractions\nTABLE = fractions.Fraction(1)\ndef use(x): return TABLE", "'TABLE', a Fraction"),
        ("def make(k):\n    def use(x): return k * x\n    return use\nuse = make(2)", "'k' of the function around it"),
    ],
)
def test_what_no_source_tells_is_refused(cells: types.ModuleType, text: str, told: str) -> None:
    _execute(cells, text)
    with pytest.raises(PluginError, match="use refers to") as error:
        source_of(cells.use)
    assert told in str(error.value)


def test_what_was_never_written_has_no_source(cells: types.ModuleType) -> None:
    exec(compile("def use(x): return x", "<never kept>", "exec"), vars(cells))
    with pytest.raises(PluginError, match="the source of use is not known"):
        source_of(cells.use)
