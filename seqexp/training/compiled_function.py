"""Compile a function once, and find it again in TensorFlow's persistent cache, whatever was built before it.

TensorFlow names functions with a counter that counts everything built in a process, and the names enter the key under
which a compiled program is stored. So a traced function is written down anew, with names that come from its structure
alone; the same computation then has the same key in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from seqexp.training.compile_cache import empty_cache
from seqexp.training.traced_function import trace, traced_function

#: What TensorFlow answers when XLA cannot compile an operation.
_NOT_COMPILED = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.InternalError,
    tf.errors.NotFoundError,
)
#: What it answers when it cannot read a stored program.
_DAMAGED = (tf.errors.OutOfRangeError, tf.errors.DataLossError)


class CompiledFunction:
    """A function of tensors as one program: with XLA where it can be, else as a plain graph.

    Attributes:
        refused: Why XLA did not compile it; empty where it did or was not asked to.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        signature: Sequence[Any],
        *,
        xla: bool,
        variables: Sequence[Any] = (),
        key: str = "",
    ) -> None:
        """Trace the function, if it was not before; it is compiled at its first call.

        Args:
            function: Takes and gives flat sequences of tensors.
            signature: A ``tf.TensorSpec`` for each argument.
            xla: Whether to compile with XLA.
            variables: The Keras variables that it reads and changes, in an order that the key decides.
            key: Names the computation, for what is kept of it on disk; empty where nothing is to be kept.
        """
        self.refused = ""
        self._function, self._signature = function, signature
        self._may_be_refused = xla
        if xla:
            self._traced = traced_function(function, signature, variables, key)
            self._call = self._traced.as_call()
        else:
            self._call = trace(function, signature, xla=False)

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
            self._call = trace(self._function, self._signature, xla=False)
        given: Sequence[Any] = self._call(*arguments)
        return given

    def _first_call(self, *arguments: Any) -> Sequence[Any]:
        given: Sequence[Any]
        try:
            given = self._call(*arguments)
        except _DAMAGED:
            empty_cache()
            # Under another name, because TensorFlow remembers for a name that it failed.
            self._call = self._traced.as_call("again")
            given = self._call(*arguments)
        return given


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
