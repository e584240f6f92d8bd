"""The import rules of the house: imports point down, rooms on one floor do not know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "seqexp"
FLOORS = [
    {"errors"},
    {"registry", "fingerprint", "assets", "extras", "own_process", "padding"},
    {"plugins"},
    {"spec"},
    {"compose", "data", "models", "training", "evaluation", "store", "figures"},
    {"execution", "search"},
    {"workflows"},
    {"cli"},
]
HOMES = {
    "hydra": {"compose"},
    "omegaconf": {"compose"},
    "pydantic": {"spec", "compose"},
    "keras": {"models", "training"},
    "tensorflow": {"models", "training"},
    "mlflow": {"store"},
    "onnx": {"models"},
    "onnxruntime": {"models"},
    "ray": {"execution"},
    "optuna": {"search"},
    "matplotlib": {"figures"},
    "typer": {"cli"},
    "rich": {"cli"},
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports when it runs; those for the type checker alone bind nothing."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                [f"{node.module}.{name.name}" for name in node.names] if node.module == "seqexp" else [str(node.module)]
            )


def _floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_has_a_floor() -> None:
    assert {_room(path) for path in FILES} == set.union(*FLOORS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    room = _room(path)
    for module in _imports(path):
        top, _, rest = module.partition(".")
        if top == "seqexp":
            other = rest.split(".")[0]
            assert other == room or _floor(other) < _floor(room), f"{room} imports {module}"
        elif top in HOMES:
            assert room in HOMES[top], f"{room} imports {module}"


def test_package_init_files_are_empty() -> None:
    assert [path for path in PACKAGE.rglob("*/__init__.py") if path.read_text().strip()] == []


def _visit_all(graph: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _graph() -> dict[str, set[str]]:
    names = {".".join(["seqexp", *path.relative_to(PACKAGE).with_suffix("").parts]): path for path in FILES}
    return {name: {module for module in _imports(path) if module in names} for name, path in names.items()}


def test_there_is_no_import_cycle() -> None:
    _visit_all(_graph())


def test_there_is_no_cycle_among_the_rooms_of_the_workflows() -> None:
    graph: dict[str, set[str]] = {}
    for name, modules in _graph().items():
        if name.startswith("seqexp.workflows."):
            room = name.split(".")[2]
            graph.setdefault(room, set()).update(
                other.split(".")[2] for other in modules if other.startswith("seqexp.workflows.")
            )
            graph[room].discard(room)
    _visit_all(graph)
