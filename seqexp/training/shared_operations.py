"""Let TensorFlow translate for XLA what it translates slowly once for each shape, not at each place.

Most operations are translated in 0.1 ms. Those listed here go through a pipeline of MLIR that is set up anew for every
node, 4 to 5 ms (TensorFlow 2.21), whether the program is compiled or found in the cache: a program of an LSTM and Adam
has some twenty. A function that is called is translated once, and XLA puts it back where it was called: the program
stays the same, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflow.core.framework import function_pb2

# Operations of one tensor and one type -> how their ``OpDef`` calls what they give.
_SLOW = {
    **dict.fromkeys(("Abs", "Exp", "Expm1", "Log1p", "Reciprocal", "Rsqrt", "Sigmoid", "Sign", "Sqrt", "Tanh"), "y"),
    "Relu": "activations",
}
_CALL, _GIVEN = "PartitionedCall", "output"


def share_operations(definitions: Sequence[Any]) -> list[Any]:
    """Replace slow operations by calls of functions that hold just them; the definitions are changed.

    Args:
        definitions: The ``FunctionDef`` of each function of a program, under names that begin with ``f``.

    Returns:
        They, and those of the functions that are now called.
    """
    shared: dict[tuple[str, int], Any] = {}
    for definition in definitions:
        renamed: dict[str, str] = {}
        for node in definition.node_def:
            if node.op not in _SLOW or len(node.input) != 1:  # one with control inputs stays
                continue
            given, kind = _SLOW[node.op], node.attr["T"].type
            if (node.op, kind) not in shared:
                shared[node.op, kind] = _function_of(node, f"g{len(shared)}")
            renamed[f"{node.name}:{given}:0"] = f"{node.name}:{_GIVEN}:0"
            _call_instead(node, shared[node.op, kind].signature.name)
        _rename_inputs(definition, renamed)
    return [*definitions, *shared.values()]


def _function_of(node: Any, name: str) -> Any:
    """Return the definition of a function that does what a node does."""
    made = function_pb2.FunctionDef()
    made.signature.name = name
    made.signature.input_arg.add(name="a0", type=node.attr["T"].type)
    made.signature.output_arg.add(name="o0", type=node.attr["T"].type)
    inner = made.node_def.add()
    inner.CopyFrom(node)
    inner.name, inner.input[:] = "n0", ["a0"]
    made.ret["o0"] = f"n0:{_SLOW[node.op]}:0"
    made.attr["_noinline"].b = True
    return made


def _call_instead(node: Any, function: str) -> None:
    kind = node.attr["T"].type
    node.op = _CALL
    node.attr.clear()
    node.attr["Tin"].list.type.append(kind)
    node.attr["Tout"].list.type.append(kind)
    node.attr["f"].func.name = function


def _rename_inputs(definition: Any, renamed: dict[str, str]) -> None:
    for node in definition.node_def:
        node.input[:] = [renamed.get(text, text) for text in node.input]
    for key, text in list(definition.ret.items()):
        definition.ret[key] = renamed.get(text, text)
