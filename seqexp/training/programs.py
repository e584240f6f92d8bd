"""The programs that a process holds: a run takes the one that was compiled for its shape, if there is one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import keras
import tensorflow as tf

from seqexp.fingerprint import hash_values
from seqexp.plugins.table import everything, find
from seqexp.training.epoch_program import EpochProgram, Recipe

_MOST = 8  # programs held at once; some tens of megabytes each
_held: OrderedDict[str, EpochProgram] = OrderedDict()


def find_program(model: keras.Model, recipe: Recipe) -> tuple[EpochProgram, bool]:
    """Return the program for a model and a recipe, and whether it had to be made."""
    codes = list(_code(model, recipe))
    key = hash_values({"model": model.to_json(), "recipe": recipe.as_values(), "code": codes})
    is_new = key not in _held
    if is_new:
        # On a GPU cuDNN's own kernels are faster than what XLA makes of a recurrent layer.
        xla = not tf.config.list_physical_devices("GPU")
        # A user's own code may hang on more than its text: of such a program nothing is kept for other processes.
        _held[key] = EpochProgram(model, recipe, xla=xla, key="" if codes else key)
    _held.move_to_end(key)
    while len(_held) > _MOST:
        _held.popitem(last=False)
    return _held[key], is_new


def _code(model: keras.Model, recipe: Recipe) -> Iterator[str]:
    """Yield the hashes of a user's own code in a model and its loss: under one name it may be another than before."""
    entries = {type(layer) for layer in model._flatten_layers()}
    entries |= {layer.function for layer in model._flatten_layers() if isinstance(layer, keras.layers.Lambda)}
    loss = find("loss", recipe.loss.name)
    for part in everything():
        if part is loss or part.entry in entries:
            yield part.code.digest
