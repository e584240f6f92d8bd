"""From a plain tree to a spec, or every error at once: key, what came, what was expected, did-you-mean."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from seqexp.errors import ConfigError, Problem, suggest
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import PartErrors, dotted, shown

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "none_required": "nothing (null)",
}


def validate(tree: dict[str, Any]) -> ExperimentSpec:
    """Check a whole experiment.

    Raises:
        ConfigError: With one problem for every mistake in it.
    """
    return validate_as(ExperimentSpec, tree)


def validate_as(model: type[Model], tree: Any, key: str = "") -> Model:
    """Check a tree against one model; ``key`` is where the tree stands in the config."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(list(_problems(error, model, key))) from None


def _problems(error: ValidationError, model: type[BaseModel], prefix: str) -> Iterator[Problem]:
    by_key: dict[str, list[Problem]] = {}
    for detail in error.errors(include_url=False):
        path = [step for step in detail["loc"] if not _is_branch(step)]
        key = dotted(prefix, _dotted(path))
        for problem in _translate(detail, path, key, model):
            by_key.setdefault(problem.key, []).append(problem)
    for problems in by_key.values():
        yield from _one_of_a_union(problems)


def _translate(detail: Any, path: list[Any], key: str, model: type[BaseModel]) -> Iterator[Problem]:
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, PartErrors):
        for problem in cause.problems:
            yield Problem(problem.message, dotted(key, problem.key), problem.mend)
        return
    kind, received = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        yield Problem("unknown key.", key, mend=suggest(path[-1], known))
    elif kind == "missing":
        yield Problem("is missing.", key, mend=f"Give it a value: {key}=...")
    elif kind == "too_short":
        if not received:  # otherwise its items were wrong, and each is reported
            yield Problem("is empty; at least one is needed.", key)
        elif len(received) < detail["ctx"]["min_length"]:
            yield Problem(f"expected {detail['ctx']['min_length']} values, got {shown(received)}.", key)
    elif kind == "string_too_short":
        yield Problem("is empty.", key, mend="Give it a value, or null where there is none.")
    elif kind in _EXPECTED:
        unquoted = _EXPECTED[kind] == "a mapping" and isinstance(received, str) and ":" in received
        mend = f"A shell takes braces apart: quote the override, '{key}={{name: value, ...}}'." if unquoted else ""
        yield Problem(f"expected {_EXPECTED[kind]}, got {shown(received)}.", key, mend)
    elif kind == "literal_error":
        expected = detail["ctx"]["expected"].replace("'", "")
        mend = suggest(received, expected.replace(" or ", ", ").split(", ")) if isinstance(received, str) else ""
        yield Problem(f"expected {expected}, got {shown(received)}.", key, mend=mend if mend.startswith("Did") else "")
    elif kind == "string_pattern_mismatch":
        yield Problem(f"expected letters, digits, '.', '_' and '-', got {shown(received)}.", key)
    else:
        message = detail["msg"][0].lower() + detail["msg"][1:].replace("input should be", "expected")
        yield Problem(f"{message.replace('input should', 'it should')}, got {shown(received)}.", key)


def _one_of_a_union(problems: list[Problem]) -> Iterator[Problem]:
    """Join what the branches of a union say about one value: ``expected a number or a text``."""
    first = problems[0]
    told = [problem for problem in problems if not problem.message.startswith("expected ")]
    if told:  # one branch knows more than that the value is of another kind
        yield from dict.fromkeys(told)
        return
    alike = [problem for problem in problems if problem.message.startswith("expected ") and ", got " in problem.message]
    if len(alike) < 2 or len(alike) < len(problems):
        yield from dict.fromkeys(problems)
        return
    wanted = dict.fromkeys(problem.message[len("expected ") :].rsplit(", got ", 1)[0] for problem in alike)
    received = first.message.rsplit(", got ", 1)[1]
    mend = next((problem.mend for problem in alike if problem.mend), "")
    yield Problem(f"expected {' or '.join(wanted)}, got {received}", first.key, mend)


def _is_branch(step: Any) -> bool:
    """Pydantic puts the name of a union's branch into the path; a key of ours never looks like one."""
    branches = ("literal", "constrained", "tuple", "list[", "dict[", "function-", "model-", "nullable", "union")
    names = {"int", "float", "str", "bool", "none"}
    return isinstance(step, str) and (step in names or step.startswith(branches) or step.endswith("Source"))


def _dotted(path: Sequence[Any]) -> str:
    key = ""
    for step in path:
        key = dotted(key, f"[{step}]" if isinstance(step, int) else str(step))
    return key


def _fields(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    current: Any = model
    for step in path:
        current = (
            _model_in(current.model_fields[step].annotation) if step in getattr(current, "model_fields", {}) else None
        )
        if current is None:
            return []
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def wants_list(key: str) -> bool:
    """Say whether a list of values belongs at a dotted key of an experiment.

    >>> wants_list("data.targets"), wants_list("timesteps")
    (True, False)
    """
    *path, last = key.split(".")
    current: Any = ExperimentSpec
    for step in path:
        if current is None or step not in current.model_fields:
            return False
        current = _model_in(current.model_fields[step].annotation)
    if current is None or last not in current.model_fields:
        return False
    return _has_tuple(current.model_fields[last].annotation)


def _has_tuple(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is tuple:
        return True
    if origin in (Union, types.UnionType, Annotated):
        return any(_has_tuple(part) for part in get_args(annotation))
    return False
