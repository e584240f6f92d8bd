"""The LSTM's loop with its gradient written out.

Differentiated by TensorFlow, the loop keeps a copy of the weights for every step, and at every step copies the gradient
of all outputs. Here the gradients of all weights, the bias among them, are taken in one product for all steps, and
nothing else is copied. (The sum of a bias' gradient, or the product with a single feature, would be a loop of XLA down
column after column: a quarter of an epoch.)

The steps are so small that each operation which XLA does not join with another counts, as does each value that it
copies because it cannot tell that the old one is no longer read. Hence the shape of both loops: what is kept for the
gradient is written where it is computed and read from there, and a step back changes its two values last.

Axis letters: B batch, T steps, F features, U units, G the gates (4U: input, forget, candidate, output), S steps times
batch, X rows of a product, H what enters a step (F and U, or F alone), J that and a one for the bias, Z the steps and,
at 0, what was before the first (T + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def fuse_lstms(model: keras.Model) -> None:
    """Let every plain LSTM of a model run through this loop; others (recurrent dropout, states kept) stay Keras'.

    What is computed stays the same up to rounding; the weights, the names and the config of the model do too.
    """
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.LSTM and _is_plain(layer):
            layer.inner_loop = _inner_loop(layer, repeats=_reads_repeated(layer))


def _is_plain(layer: keras.layers.LSTM) -> bool:
    cell = layer.cell
    return (
        cell.activation is keras.activations.tanh
        and cell.recurrent_activation is keras.activations.sigmoid
        and not (cell.recurrent_dropout or layer.stateful or layer.unroll)
        and not (cell.dropout and cell.implementation == 1)  # a mask for each gate
        and cell.use_bias
        and layer.compute_dtype == "float32"
    )


def _reads_repeated(layer: keras.layers.LSTM) -> bool:
    """Whether all steps of its inputs are the same, as a decoder's are behind RepeatVector."""
    if len(layer._inbound_nodes) != 1:
        return False
    history = getattr(layer._inbound_nodes[0].input_tensors[0], "_keras_history", None)
    return history is not None and isinstance(history.operation, keras.layers.RepeatVector)


def _inner_loop(layer: keras.layers.LSTM, *, repeats: bool) -> Any:
    cell, by_keras, every = layer.cell, layer.inner_loop, layer.return_sequences

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if mask is not None or not sequences.shape.is_fully_defined():
            return by_keras(sequences, initial_state, mask, training)
        weights = [tf.convert_to_tensor(each.value) for each in (cell.kernel, cell.recurrent_kernel, cell.bias)]
        if training and 0 < cell.dropout < 1:  # at 1 Keras drops nothing
            sequences *= cell.get_dropout_mask(sequences[:, 0])[:, None]  # the same at all steps
        steps = sequences.shape[1]
        if repeats:
            entering = sequences[:, 0]
        else:
            entering = tf.transpose(tf.reverse(sequences, [1]) if layer.go_backwards else sequences, (1, 0, 2))
        loop = (_to_train if training else _to_forecast)(steps, every=every, repeats=repeats)
        outputs, carry_BU = loop(entering, *weights, *initial_state)
        last_BU = outputs[-1] if every else outputs
        return last_BU, tf.transpose(outputs, (1, 0, 2)) if every else outputs[:, None], [last_BU, carry_BU]

    return inner_loop


def _to_forecast(steps: int, *, every: bool, repeats: bool) -> Any:
    """Return the loop as :func:`_to_train` does, but one that keeps nothing; TensorFlow differentiates it, if need be.

    Args:
        steps: T.
        every: Whether every output is wanted.
        repeats: Whether all steps read the same.
    """

    def loop(inputs: Any, kernel_FG: Any, recurrent_UG: Any, bias_G: Any, first_BU: Any, carry_BU: Any) -> Any:
        project = (_once if repeats else _at_each_step)(inputs, kernel_FG, recurrent_UG, bias_G)

        def forward(step: Any, hidden_BU: Any, carry_BU: Any, *outputs: Any) -> Any:
            hidden_BU, carry_BU = _advance(_activate(project(step, hidden_BU)), carry_BU)
            return (step + 1, hidden_BU, carry_BU, *(array.write(step, hidden_BU) for array in outputs))

        outputs = [_array(steps, *first_BU.shape)] if every else []
        state = (tf.constant(0), first_BU, carry_BU, *outputs)
        _, last_BU, end_BU, *outputs = tf.while_loop(
            lambda step, *_: step < steps,
            forward,
            state,
            parallel_iterations=1,
            maximum_iterations=steps,  # XLA has to know it for a gradient, as of a layer that is called not to train
        )
        return outputs[0].stack() if every else last_BU, end_BU

    return loop


def _to_train(steps: int, *, every: bool, repeats: bool) -> Any:
    """Return the loop over ``(T, B, F)``: it gives every output ``(T, B, U)`` or the last ``(B, U)``, and the carry.

    Args:
        steps: T.
        every: Whether every output is wanted.
        repeats: Whether all steps read the same, which is then given once: ``(B, F)``.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def loop(inputs: Any, kernel_FG: Any, recurrent_UG: Any, bias_G: Any, first_BU: Any, carry_BU: Any) -> Any:
        batch, features, units = inputs.shape[-2], inputs.shape[-1], recurrent_UG.shape[0]
        project = (_once if repeats else _at_each_step)(inputs, kernel_FG, recurrent_UG, bias_G)

        def forward(step: Any, carry_BU: Any, carries: Any, hiddens: Any, *gates: Any) -> Any:
            activated = _activate(project(step - 1, hiddens.read(step - 1)))
            written = [gate.write(step, value_BU) for gate, value_BU in zip(gates, activated, strict=True)]
            hidden_BU, carry_BU = _advance([gate.read(step) for gate in written], carry_BU)
            return (step + 1, carry_BU, carries.write(step, carry_BU), hiddens.write(step, hidden_BU), *written)

        # One array for each value: joined, they would be copied at every step.
        carries, hiddens, *gates = (_array(steps + 1, batch, units) for _ in range(6))
        gates[-1] = gates[-1].write(0, tf.zeros_like(first_BU))  # the gate to leave: nothing left before the first step
        state = (tf.constant(1), carry_BU, carries.write(0, carry_BU), hiddens.write(0, first_BU), *gates)
        _, end_BU, *kept = tf.while_loop(lambda step, *_: step <= steps, forward, state, parallel_iterations=1)
        carries_ZBU, hiddens_ZBU, *gates_ZBU = [array.stack() for array in kept]
        leaves_ZBU = gates_ZBU[-1]

        def gradient(d_outputs: Any, d_end_BU: Any) -> Any:
            recurrent_GU = tf.transpose(recurrent_UG)  # once: in the loop it would be turned at every step

            def to_carry(step: Any, d_hidden_BU: Any) -> Any:
                bounded_BU = tf.tanh(tf.gather(carries_ZBU, step))
                return d_hidden_BU * tf.gather(leaves_ZBU, step) * (1 - bounded_BU * bounded_BU)

            def backward(step: Any, d_hidden: Any, d_carry: Any, kept: Any, *total: Any) -> Any:
                enter, forget, candidate, leave = (tf.gather(gate_ZBU, step) for gate_ZBU in gates_ZBU)
                d_gates_BG = tf.concat(
                    [
                        d_carry * candidate * enter * (1 - enter),
                        d_carry * tf.gather(carries_ZBU, step - 1) * forget * (1 - forget),
                        d_carry * enter * (1 - candidate * candidate),
                        d_hidden * tf.gather(hiddens_ZBU, step) * (1 - leave),
                    ],
                    axis=1,
                )
                d_hidden = tf.matmul(d_gates_BG, recurrent_GU)
                if every:
                    d_hidden += tf.gather(d_outputs_ZBU, step - 1)
                d_carry = d_carry * forget + to_carry(step - 1, d_hidden)
                total = tuple(sum_BG + d_gates_BG for sum_BG in total)
                return step - 1, d_hidden, d_carry, kept.write(step - 1, d_gates_BG), *total

            d_outputs_ZBU = tf.pad(d_outputs, [[1, 0], [0, 0], [0, 0]]) if every else None
            d_last_BU = d_outputs[-1] if every else d_outputs
            total = (tf.zeros((batch, 4 * units)),) if repeats else ()
            d_carry = d_end_BU + to_carry(steps, d_last_BU)
            state = (tf.constant(steps), d_last_BU, d_carry, _array(steps, batch, 4 * units), *total)
            _, d_first, d_carry, kept, *total = tf.while_loop(
                lambda step, *_: step > 0, backward, state, parallel_iterations=1
            )
            d_gates_SG = tf.reshape(kept.stack(), (steps * batch, 4 * units))
            hidden_SU = tf.reshape(hiddens_ZBU[:-1], (steps * batch, units))
            if repeats:
                d_entered, d_kernel, d_bias = _input_gradients(inputs, total[0], kernel_FG)
                d_recurrent = tf.matmul(hidden_SU, d_gates_SG, transpose_a=True)
            else:
                flat_SF = tf.reshape(inputs, (steps * batch, features))
                d_entered, d_joined, d_bias = _input_gradients(
                    tf.concat([flat_SF, hidden_SU], 1), d_gates_SG, kernel_FG
                )
                d_kernel, d_recurrent = d_joined[:features], d_joined[features:]
            return tf.reshape(d_entered, inputs.shape), d_kernel, d_recurrent, d_bias, d_first, d_carry

        return (hiddens_ZBU[1:] if every else hiddens_ZBU[-1], end_BU), gradient

    return loop


def _activate(gates_BG: Any) -> tuple[Any, Any, Any, Any]:
    enter, forget, candidate, leave = tf.split(gates_BG, 4, axis=1)
    return tf.sigmoid(enter), tf.sigmoid(forget), tf.tanh(candidate), tf.sigmoid(leave)


def _advance(activated: Sequence[Any], carry_BU: Any) -> tuple[Any, Any]:
    """Return the output of a step, and the carry."""
    enter, forget, candidate, leave = activated
    carry_BU = forget * carry_BU + enter * candidate
    return leave * tf.tanh(carry_BU), carry_BU


def _input_gradients(entered_XH: Any, d_gates_XG: Any, kernel_FG: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of inputs, of all weights that were multiplied with what entered, and of the bias.

    The bias is one more weight, that of a one which enters: see the head of this file.
    """
    ones_X1 = tf.ones((entered_XH.shape[0], 1))
    d_weights_JG = tf.matmul(tf.concat([entered_XH, ones_X1], 1), d_gates_XG, transpose_a=True)
    return tf.matmul(d_gates_XG, kernel_FG, transpose_b=True), d_weights_JG[:-1], d_weights_JG[-1]


def _once(inputs_BF: Any, kernel_FG: Any, recurrent_UG: Any, bias_G: Any) -> Any:
    """Return what gives the gates of a step where every step reads the same."""
    projected_BG = tf.matmul(inputs_BF, kernel_FG) + bias_G
    return lambda step, hidden_BU: projected_BG + tf.matmul(hidden_BU, recurrent_UG)


def _at_each_step(inputs_TBF: Any, kernel_FG: Any, recurrent_UG: Any, bias_G: Any) -> Any:
    """Return what gives the gates of a step: with few features by one product of both, else projected beforehand."""
    steps, batch, features = inputs_TBF.shape
    if features <= recurrent_UG.shape[0] // 2:
        both_HG = tf.concat([kernel_FG, recurrent_UG], 0)
        return lambda step, hidden_BU: (
            tf.matmul(tf.concat([tf.gather(inputs_TBF, step), hidden_BU], 1), both_HG) + bias_G
        )
    flat_SF = tf.reshape(inputs_TBF, (steps * batch, features))
    projected_TBG = tf.reshape(tf.matmul(flat_SF, kernel_FG), (steps, batch, -1))
    return lambda step, hidden_BU: tf.gather(projected_TBG, step) + tf.matmul(hidden_BU, recurrent_UG) + bias_G


def _array(steps: int, batch: int, width: int) -> Any:
    return tf.TensorArray(tf.float32, steps, element_shape=(batch, width), clear_after_read=False)
