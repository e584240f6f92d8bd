"""Compile a function once, and find it again in TensorFlow's persistent cache, whatever was built before it.

TensorFlow names functions with a counter that counts everything built in a process, and the names enter the key under
which a compiled program is stored. So a traced function is written down anew, with names that come from its structure
alone; the same computation then has the same key in every process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import function_pb2
from tensorflow.python.eager import context, execute

from seqexp.training.compile_cache import empty_cache

#: What TensorFlow answers when XLA cannot compile an operation.
_NOT_COMPILED = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.InternalError,
    tf.errors.NotFoundError,
)
#: What it answers when it cannot read a stored program.
_DAMAGED = (tf.errors.OutOfRangeError, tf.errors.DataLossError)
_MUST_COMPILE = "_XlaMustCompile"


class CompiledFunction:
    """A function of tensors as one program: with XLA where it can be, else as a plain graph.

    Attributes:
        refused: Why XLA did not compile it; empty where it did or was not asked to.
    """

    def __init__(self, function: Callable[..., Any], signature: Sequence[Any], *, xla: bool) -> None:
        """Trace the function; it is compiled at its first call.

        Args:
            function: Takes and gives flat sequences of tensors.
            signature: A ``tf.TensorSpec`` for each argument.
            xla: Whether to compile with XLA.
        """
        self.refused = ""
        self._function, self._signature = function, signature
        self._may_be_refused = xla
        self._call = self._trace(xla)

    def compile(self, *arguments: Any) -> Sequence[Any]:
        """Compile by a call, in any thread, and return what it gives.

        If XLA refuses, nothing was run and nothing is given; the next call traces anew (which one thread must do).
        """
        try:
            given = self._first_call(*arguments)
        except _NOT_COMPILED as error:
            if not self._may_be_refused:
                raise
            self.refused = _reason(error)
            return ()
        self._may_be_refused = False
        return given

    def __call__(self, *arguments: Any) -> Sequence[Any]:
        """Run the program, once: it may change variables."""
        if self._may_be_refused and not self.refused:
            first = self.compile(*arguments)
            if not self.refused:
                return first
        if self._may_be_refused:
            self._may_be_refused = False
            self._call = self._trace(False)
        given: Sequence[Any] = self._call(*arguments)
        return given

    def _first_call(self, *arguments: Any) -> Sequence[Any]:
        given: Sequence[Any]
        try:
            given = self._call(*arguments)
        except _DAMAGED:
            empty_cache()
            # Under another name, because TensorFlow remembers for a name that it failed.
            self._call = _under_own_name(self._concrete, name="again")
            given = self._call(*arguments)
        return given

    def _trace(self, xla: bool) -> Callable[..., Any]:
        traced = tf.function(self._function, jit_compile=xla or None, autograph=False)
        self._concrete = traced.get_concrete_function(*self._signature)
        return _under_own_name(self._concrete) if xla else self._concrete


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def _under_own_name(concrete: Any, name: str = "seqexp") -> Callable[..., Any]:
    """Return a call of the same computation under names that only its structure decides."""
    definitions = _renamed(concrete.function_def, concrete.graph.as_graph_def().library.function)
    content = b"".join(definition.SerializeToString(deterministic=True) for definition in definitions)
    prefix = f"{name}_{hashlib.sha256(content).hexdigest()[:16]}"
    eager = context.context()
    for definition in definitions:
        _set_names(definition, lambda number: f"{prefix}_{number}")
        if not eager.has_function(definition.signature.name):
            eager.add_function_def(definition)
    entry = definitions[0].signature.name.encode()
    n_outputs, captured = len(concrete.outputs), list(concrete.captured_inputs)
    config = eager.function_call_options.config_proto_serialized

    def call(*arguments: Any) -> Any:
        attributes = ("executor_type", "", "config_proto", config)
        return execute.execute(entry, n_outputs, inputs=[*arguments, *captured], attrs=attributes, ctx=eager)

    call.keeps = concrete  # type: ignore[attr-defined]  # the variables that it reads live as long as it does
    return call


def _renamed(main: Any, library: Sequence[Any]) -> list[Any]:
    """Copy a function and all it calls, numbered in the order in which they are met."""
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


def _set_names(definition: Any, rename: Callable[[str], str]) -> None:
    definition.signature.name = rename(definition.signature.name)
    for node in definition.node_def:
        for called in _called(node):
            called.name = rename(called.name)
