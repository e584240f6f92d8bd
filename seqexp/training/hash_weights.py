"""Name the weights of a model by content: two runs with the same name have the same weights, bit by bit."""

from __future__ import annotations

from hashlib import sha256

import keras
import numpy as np


def hash_weights(model: keras.Model) -> str:
    """Return the sha256 of the bytes of all weights, in the order of ``model.weights``."""
    content = sha256()
    for weight in model.weights:
        content.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).data)
    return content.hexdigest()
