"""Trace a function of tensors, once on a machine: what came of it is kept beside the compiled programs.

Tracing an epoch takes 0.3 to 0.6 s of Python in every process, and nothing of it depends on a run. What was kept is
taken only where all that it came from is the same: see :func:`_place`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.framework import function_pb2
from tensorflow.python.eager import context, execute

from seqexp.fingerprint import hash_values
from seqexp.training.compile_cache import cache_folder
from seqexp.training.definitions import renamed_definitions, set_names
from seqexp.training.shared_operations import share_operations


@dataclass(frozen=True)
class TracedFunction:
    """A function of tensors as a graph, under names that only its structure decides.

    Attributes:
        definitions: Its ``FunctionDef`` and those of all that it calls.
        outputs: How many tensors it gives.
        captured: What it takes besides its arguments: the variables that it reads and changes.
        keeps: What must live as long as it does.
    """

    definitions: Sequence[Any]
    outputs: int
    captured: Sequence[Any]
    keeps: Any = field(repr=False)

    def as_call(self, name: str = "seqexp") -> Callable[..., Any]:
        """Return what calls it; the same computation has the same name in every process."""
        content = b"".join(definition.SerializeToString(deterministic=True) for definition in self.definitions)
        prefix = f"{name}_{hashlib.sha256(content).hexdigest()[:16]}"
        eager = context.context()
        named = [function_pb2.FunctionDef.FromString(one.SerializeToString()) for one in self.definitions]
        for definition in named:
            set_names(definition, lambda number: f"{prefix}_{number}")
            if not eager.has_function(definition.signature.name):
                eager.add_function_def(definition)
        entry = named[0].signature.name.encode()
        config = eager.function_call_options.config_proto_serialized

        def call(*arguments: Any) -> Any:
            attributes = ("executor_type", "", "config_proto", config)
            return execute.execute(
                entry, self.outputs, inputs=[*arguments, *self.captured], attrs=attributes, ctx=eager
            )

        return call


def trace(function: Callable[..., Any], signature: Sequence[Any], *, xla: bool) -> Any:
    """Trace a function into TensorFlow's concrete function."""
    return tf.function(function, jit_compile=xla or None, autograph=False).get_concrete_function(*signature)


def traced_function(
    function: Callable[..., Any], signature: Sequence[Any], variables: Sequence[Any] = (), key: str = ""
) -> TracedFunction:
    """Trace a function for XLA, or take what was kept of it.

    Args:
        function: Takes and gives flat sequences of tensors.
        signature: A ``tf.TensorSpec`` for each argument.
        variables: The Keras variables that it reads and changes, in an order that the key decides.
        key: Names the computation; two functions of one key must be the same. Empty: nothing is kept.
    """
    place = _place(key)
    handles = [variable.value.handle for variable in variables]
    if place is not None and (kept := _read(place, handles)) is not None:
        return kept
    concrete = trace(function, signature, xla=True)
    definitions = renamed_definitions(concrete.function_def, concrete.graph.as_graph_def().library.function)
    definitions = share_operations(definitions)
    traced = TracedFunction(definitions, len(concrete.outputs), list(concrete.captured_inputs), concrete)
    if place is not None:
        _write(place, traced, handles)
    return traced


def _place(key: str) -> Path | None:
    """Return the file for a key, or None where nothing is kept; TensorFlow's version is in the folder's name."""
    folder = cache_folder()
    if not key or folder is None:
        return None
    settings = [keras.__version__, keras.config.floatx(), keras.config.image_data_format()]
    return folder / f"traced_{hash_values([key, _own_sources(), *settings])[:32]}"


@cache
def _own_sources() -> str:
    """Return a hash of seqexp's own code: a change of it may be a change of what is traced."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _read(place: Path, handles: Sequence[Any]) -> TracedFunction | None:
    """Return what was kept; None where there is nothing, or not all of it."""
    with suppress(OSError, ValueError, KeyError, IndexError):
        head, _, content = place.read_bytes().partition(b"\n")
        told = json.loads(head)
        if told["sha256"] == hashlib.sha256(content).hexdigest():
            os.utime(place)  # what was not used for longest is deleted first
            definitions = function_pb2.FunctionDefLibrary.FromString(content).function
            return TracedFunction(definitions, told["outputs"], [handles[n] for n in told["captured"]], handles)
    return None


def _write(place: Path, traced: TracedFunction, handles: Sequence[Any]) -> None:
    """Keep it, if it takes nothing besides its arguments but the variables; where there is no room, it is not kept."""
    numbers = {id(handle): number for number, handle in enumerate(handles)}
    captured = [numbers.get(id(handle)) for handle in traced.captured]
    if None in captured:
        return
    content = function_pb2.FunctionDefLibrary(function=traced.definitions).SerializeToString(deterministic=True)
    told = {"outputs": traced.outputs, "captured": captured, "sha256": hashlib.sha256(content).hexdigest()}
    with suppress(OSError):
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix="writing_", delete=False) as file:
            file.write(json.dumps(told).encode() + b"\n" + content)
        Path(file.name).replace(place)
