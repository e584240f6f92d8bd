"""Scripts that are run by themselves, and held against the records of the runs that they stand for."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import pytest

from seqexp.store.record import RunRecord
from seqexp.workflows.explain.explain import explain, write_explanation
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.running.run import run_experiment

Figures = dict[str, float]
HoldAgainstRuns = Callable[..., dict[str, Figures]]
CheckStyle = Callable[..., None]
# Each as if seqexp were not installed: to import it is an error. One process for all of them: TensorFlow starts slowly.
BARE = """
import runpy, sys
sys.modules["seqexp"] = None
for line in sys.argv[1:]:
    path, *sys.argv[1:] = line.split(" ")
    runpy.run_path(path, run_name="__main__")
    sys.modules["keras"].backend.clear_session()
"""


@pytest.fixture(autouse=True)
def _clean_session() -> Iterator[None]:
    yield
    keras.backend.clear_session()


@pytest.fixture
def check_style() -> CheckStyle:
    """Hold the scripts of a folder against ruff's rules, and unless ``formatted`` is false against its layout.

    None of them may define what it does not use.
    """

    def check(folder: Path, *, formatted: bool = True) -> None:
        shared = ["--isolated", "--line-length=120", str(folder)]
        layout = [["format", "--check"]] if formatted else []
        for command in (["check", "--select=E,F,W,I,N"], *layout):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *shared], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        for path in folder.rglob("*.py"):
            assert not _unused(path), f"{path.name} has what it does not use: {_unused(path)}"

    return check


def _unused(script: Path) -> set[str]:
    """Return the names that a script gives a value to and never reads: ruff looks for such in functions alone."""
    tree = ast.parse(script.read_text())
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    stored = {name.id for name in names if isinstance(name.ctx, ast.Store)} - {"_"}
    return (stored | functions) - {name.id for name in names if isinstance(name.ctx, ast.Load)}


@pytest.fixture
def hold_against_runs(tmp_path: Path, check_style: CheckStyle) -> HoldAgainstRuns:
    """Explain, run the scripts by themselves, and find each of their figures in the records of the runs.

    Takes the words of each case by name; ``argument`` is given to each script, ``more`` to each run. Returns the
    figures that each script printed.
    """

    def hold(
        cases: Mapping[str, Sequence[str]],
        *,
        project: Project | None = None,
        engines: Sequence[str] = ("compiled",),
        formatted: bool = True,
        argument: str = "",
        more: Sequence[str] = (),
    ) -> dict[str, Figures]:
        project = project or open_project(tmp_path)
        folder = tmp_path / "scripts"
        for name, words in cases.items():
            path = folder / name / f"{name}.py"
            path.parent.mkdir(parents=True)
            write_explanation(explain(project, words), path)
            assert "seqexp" not in path.read_text().partition('"""\n\nimport')[2]
        check_style(folder, formatted=formatted)
        printed = _run([f"{folder / name / name}.py {argument}".strip() for name in cases])
        for (name, words), figures in zip(cases.items(), printed, strict=True):
            for engine in engines:
                spec = project.compose_one([*words, *more, f"training.engine={engine}"]).spec
                _compare(figures, run_experiment(spec, project.runs).stored.record, f"{name}, {engine}")
        return dict(zip(cases, printed, strict=True))

    return hold


def _run(scripts: Sequence[str]) -> list[Figures]:
    environment = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-W", "error", "-c", BARE, *scripts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]


def _compare(figures: Figures, record: RunRecord, told: str) -> None:
    assert any(name.startswith("val/") for name in figures)
    assert len([name for name in figures if name.startswith("test/")]) >= 4  # two of the model, two of the yardstick
    for name, value in figures.items():
        split, *baseline, metric = name.split("/")
        known = record.baselines if baseline and baseline[0] != "fold" else record.metrics
        prefix = "val/baseline" if split == "val" else "baseline"
        recorded = known[name if known is record.metrics else f"{prefix}/{baseline[0]}/{metric}"]
        assert value == pytest.approx(recorded, rel=1e-4), f"{told}: {name}"
