"""Which run of a sweep is guessed to be more work than another."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part
from seqexp.workflows.project import open_project
from seqexp.workflows.sweeping.effort import guess_effort


def _spec(folder: Path, *words: str) -> ExperimentSpec:
    return open_project(folder).compose_one(["topology=vector_output", *words]).spec


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("timesteps=24", "timesteps=48"),
        ("training.epochs=10", "training.epochs=20"),
        ("topology.units=16", "topology.units=32"),
        ("topology=vector_output", "topology=encoder_decoder"),
    ],
)
def test_more_steps_epochs_weights_and_layers_are_more_work(less: str, more: str, tmp_path: Path) -> None:
    assert guess_effort(_spec(tmp_path, less)) < guess_effort(_spec(tmp_path, more))


def test_what_nobody_can_count_is_taken_for_a_small_lstm(tmp_path: Path) -> None:
    spec = _spec(tmp_path, "timesteps=24", "topology.units=32")
    unknown = spec.topology.model_copy(update={"layers": [Part(name="Mystery", args={})]})
    guessed = guess_effort(spec.model_copy(update={"topology": unknown}))
    assert guess_effort(spec) / 3 < guessed < guess_effort(spec) * 3
