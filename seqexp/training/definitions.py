"""Write the definition of a traced function down under names that only its structure decides.

TensorFlow names functions with a counter that counts everything built in a process; nodes bear the names of layers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorflow.core.framework import function_pb2

_MUST_COMPILE = "_XlaMustCompile"


def renamed_definitions(main: Any, library: Sequence[Any]) -> list[Any]:
    """Copy a function's definition and those of all it calls: first itself, then in the order in which they are met.

    Args:
        main: The ``FunctionDef`` of the function.
        library: Those of the functions that it may call.
    """
    known = {definition.signature.name: definition for definition in library}
    numbers: dict[str, str] = {}
    found: list[Any] = []

    def visit(definition: Any) -> None:
        copy = function_pb2.FunctionDef()
        copy.CopyFrom(definition)
        numbers[definition.signature.name] = copy.signature.name = f"f{len(numbers)}"
        found.append(copy)
        for key in [key for key in copy.attr if key != _MUST_COMPILE]:
            del copy.attr[key]
        copy.ClearField("arg_attr")
        for node in copy.node_def:
            node.ClearField("experimental_debug_info")
            for key in ("_gradient_op_type", "_output_shapes"):
                node.attr.pop(key, None)
            for called in _called(node):
                if called.name not in numbers:
                    visit(known[called.name])
                called.name = numbers[called.name]
        _rename_nodes(copy)

    visit(main)
    return found


def _called(node: Any) -> list[Any]:
    called = []
    for key in sorted(node.attr):
        value = node.attr[key]
        called += [value.func] if value.HasField("func") else list(value.list.func)
    return called


def _rename_nodes(definition: Any) -> None:
    """Number nodes and arguments: names of layers and models are no part of a computation."""
    names = {argument.name: f"a{n}" for n, argument in enumerate(definition.signature.input_arg)}
    names |= {node.name: f"n{n}" for n, node in enumerate(definition.node_def)}
    for argument in definition.signature.input_arg:
        argument.name = names[argument.name]
        argument.ClearField("description")
    for node in definition.node_def:
        node.name = names[node.name]
        node.input[:] = [_renamed_input(text, names) for text in node.input]
    signature = definition.signature
    outputs = {argument.name: f"o{n}" for n, argument in enumerate(signature.output_arg)}
    controls = {name: f"c{n}" for n, name in enumerate(signature.control_output)}
    for argument in signature.output_arg:
        argument.name = outputs[argument.name]
        argument.ClearField("description")
    signature.control_output[:] = list(controls.values())
    for returned, renamed in ((definition.ret, outputs), (definition.control_ret, controls)):
        values = {renamed[key]: _renamed_input(value, names) for key, value in returned.items()}
        returned.clear()
        returned.update(values)


def _renamed_input(text: str, names: dict[str, str]) -> str:
    return re.sub(r"^(\^?)([^:]+)", lambda found: found[1] + names[found[2]], text)


def set_names(definition: Any, rename: Callable[[str], str]) -> None:
    """Give a definition, and what it calls, other names."""
    definition.signature.name = rename(definition.signature.name)
    for node in definition.node_def:
        for called in _called(node):
            called.name = rename(called.name)
