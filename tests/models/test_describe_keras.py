"""The catalogue is what the installed Keras offers."""

from __future__ import annotations

import inspect

import keras
import pytest

from seqexp.models.describe_keras import describe, left_out
from seqexp.spec.catalogue import load_catalogue
from seqexp.spec.topology import HEAD_LOSSES


def test_the_catalogue_is_up_to_date() -> None:
    stored = load_catalogue()
    if stored["keras"] != keras.__version__:
        pytest.xfail(f"made from Keras {stored['keras']}; make catalogue writes it anew")
    assert describe() == stored


def test_every_layer_of_keras_is_there_or_left_out_for_a_reason() -> None:
    missing = []
    for name in dir(keras.layers):
        entry = getattr(keras.layers, name)
        if inspect.isclass(entry) and issubclass(entry, keras.layers.Layer):
            known = entry.__name__ in load_catalogue()["layers"] or name in load_catalogue()["layers"]
            if not known and not left_out(entry.__name__) and not left_out(name):
                missing.append(name)
    assert missing == []


@pytest.mark.parametrize("section", ["optimizers", "schedules", "losses", "metrics", "initializers", "regularizers"])
def test_every_name_is_one_of_keras(section: str) -> None:
    module = keras.optimizers.schedules if section == "schedules" else getattr(keras, section)
    assert [name for name in load_catalogue()[section] if not hasattr(module, name) and name not in HEAD_LOSSES] == []
