"""What a run is called: its key, and a title for people."""

from __future__ import annotations

from importlib.metadata import version

from seqexp.fingerprint import short_key
from seqexp.spec.experiment import ExperimentSpec


def run_key_of(spec: ExperimentSpec, data_fingerprint: str) -> str:
    """Return the fingerprint of what affects the result: the spec, the content of the data, the minor version."""
    minor = ".".join(version("seqexp").split(".")[:2])
    return short_key({"spec": spec.what_affects_the_result(), "data": data_fingerprint, "seqexp": minor})


def title_of(spec: ExperimentSpec) -> str:
    """Return a readable name: ``encoder_decoder 14->7 seed 0``."""
    return f"{spec.topology.name} {spec.timesteps}->{spec.output_length} seed {spec.seed}"
