"""A user's own code in a script: the classes and functions that it uses, and what these refer to, without seqexp."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seqexp.errors import ConfigError
from seqexp.plugins.code import Code
from seqexp.plugins.table import OwnPart
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.used_code import own_codes, own_parts
from seqexp.workflows.explain.imports import Import, imports_of

_OWN = "seqexp"
_MEND = "--markdown explains the layers alone."


@dataclass(frozen=True)
class OwnCode:
    """What of a user's code goes into a script.

    Attributes:
        blocks: Classes, functions and values, in the order of their files.
        names: What they are called.
        imports: What they need.
    """

    blocks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()

    def check_names(self, taken: Iterable[str]) -> None:
        """Refuse names that mean something else in the script.

        Raises:
            ConfigError: With the first of them.
        """
        own = [*self.names, *(line.bound for line in self.imports)]
        if doubled := [name for name in own if name in set(taken)]:
            message = f"own code has the name {doubled[0]!r}, which the script uses for something else."
            raise ConfigError(message, mend=f"Give it another name. {_MEND}")


def bound_names(source: str) -> set[str]:
    """Return the names that a script gives a value to."""
    return {name for node in ast.parse(source).body for name in _bound(node)}


def used_parts(spec: ExperimentSpec) -> list[OwnPart]:
    """Return the own parts that a script needs: all but baselines, beside which no script is scored."""
    return [part for part in own_parts(spec) if part.kind != "baseline"]


def read_own_code(spec: ExperimentSpec) -> OwnCode:
    """Return the code that an experiment uses, as it stands in its files but for seqexp's decorators.

    Raises:
        ConfigError: It uses seqexp itself, or does more than to define things.
    """
    wanted: dict[str, list[str]] = {}
    for part in used_parts(spec):
        wanted.setdefault(part.code.digest, []).append(part.name)
    files = [_File(code).take(wanted[code.digest]) for code in own_codes(spec) if code.digest in wanted]
    names = [name for file in files for name in file.names]
    if doubled := [name for name in names if names.count(name) > 1]:
        message = f"own code names {doubled[0]!r} in two files, and in a script there is one."
        raise ConfigError(message, mend="Rename one of the two.")
    return OwnCode(
        tuple(block for file in files for block in file.blocks),
        tuple(names),
        tuple(dict.fromkeys(line for file in files for line in file.imports)),
    )


class _File:
    """One file of own code, statement by statement."""

    def __init__(self, code: Code) -> None:
        self._place = code.place
        self._text = code.content.decode("utf-8", "replace")
        self._lines = self._text.splitlines()
        self._statements: list[ast.stmt] = []
        self._imports: list[Import] = []
        self._seqexp: set[str] = set()
        for node in ast.parse(code.content).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._enter(node)
            elif isinstance(node, ast.Expr):
                self._check_expression(node)
            elif not _is_main(node):
                self._statements.append(node)

    def take(self, names: Iterable[str]) -> OwnCode:
        """Return the statements that define these names, and all that they refer to."""
        wanted, asked = set[str](), list(names)
        while asked:
            name = asked.pop()
            if name in wanted:
                continue
            wanted.add(name)
            for node in self._statements:
                if name in _bound(node):
                    asked += sorted(self._referred(node))
        kept = [node for node in self._statements if _bound(node) & wanted]
        imports = [line for line in self._imports if line.bound in wanted or line.is_future]
        return OwnCode(
            tuple(self._block(node) for node in kept),
            tuple(dict.fromkeys(name for node in kept for name in sorted(_bound(node)))),
            tuple(imports),
        )

    def _enter(self, node: ast.Import | ast.ImportFrom) -> None:
        for line in imports_of(node):
            if line.module.split(".")[0] == _OWN:
                self._seqexp.add(line.bound)
            elif isinstance(node, ast.ImportFrom) and (node.level or line.name == "*"):
                self._refuse(node, "imports what is known by its package alone", "Import it by its whole name.")
            else:
                self._imports.append(line)

    def _check_expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        called = node.value.func if isinstance(node.value, ast.Call) else node.value
        if _root(called) not in (*self._seqexp, "print"):
            self._refuse(node, "does more than to define things", "Move it into the function that needs it.")

    def _referred(self, node: ast.stmt) -> set[str]:
        """Return the names that a statement refers to; those of seqexp may be its decorators alone."""
        dropped = {id(inner) for decorator in self._dropped(node) for inner in ast.walk(decorator)}
        found = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name) and id(inner) not in dropped]
        for inner in found:
            if inner.id in self._seqexp:
                self._refuse(inner, f"uses {_OWN} itself", "Write out what it takes from there.")
        return {inner.id for inner in found}

    def _dropped(self, node: ast.stmt) -> list[ast.expr]:
        return [decorator for decorator in _decorators(node) if _root(decorator) in self._seqexp]

    def _block(self, node: ast.stmt) -> str:
        first = min([node.lineno, *(decorator.lineno for decorator in _decorators(node))])
        left_out = {
            number
            for decorator in self._dropped(node)
            for number in range(decorator.lineno, (decorator.end_lineno or decorator.lineno) + 1)
        }
        while first > 1 and self._lines[first - 2].startswith("#"):  # what is said of it above it
            first -= 1
        numbers = range(first, (node.end_lineno or node.lineno) + 1)
        return "\n".join(self._lines[number - 1] for number in numbers if number not in left_out)

    def _refuse(self, node: ast.AST, what: str, mend: str) -> None:
        line = getattr(node, "lineno", 0)
        message = f"a script that needs no seqexp cannot hold this own code: {self._place}:{line} {what}."
        raise ConfigError(message, mend=f"{mend} {_MEND}")


def _decorators(node: ast.stmt) -> list[ast.expr]:
    return node.decorator_list if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else []


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement of a module gives a value to."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    return set(_stored(node))


def _stored(node: ast.AST) -> Iterator[str]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield inner.name
        elif isinstance(inner, (ast.Import, ast.ImportFrom)):
            yield from (line.bound for line in imports_of(inner))
        else:
            yield from _stored(inner)


def _root(node: ast.AST) -> str:
    """Return the first name of ``seqexp.layer``, or of a call of it."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(inner, ast.Name) and inner.id == "__name__" for inner in ast.walk(node.test)
    )
