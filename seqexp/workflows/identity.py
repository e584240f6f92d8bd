"""What a run is called: its key, and a title for people."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from seqexp.fingerprint import short_key
from seqexp.padding import padded_rows
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.used_code import code_digests


def run_key_of(spec: ExperimentSpec, data_fingerprint: str) -> str:
    """Return the fingerprint of what affects the result: the spec, the content of the data, the minor version.

    And a user's own code, where the spec uses any: the file that it stands in.
    """
    values = {"spec": spec.what_affects_the_result(), "data": data_fingerprint, "seqexp": _minor_version()}
    code = code_digests(spec)
    return short_key({**values, "code": code} if code else values)


@cache
def _minor_version() -> str:
    """Return the version, without what mends faults alone; to look it up takes a millisecond each time."""
    return ".".join(version("seqexp").split(".")[:2])


def program_key_of(spec: ExperimentSpec, rows: int) -> str:
    """Return what runs have in common that can share a compiled program (their series has so many ``rows``).

    It says which runs are better computed by one worker, and nothing of what a program is found by.
    """
    tree = spec.as_tree()
    training = {key: tree["training"][key] for key in ("engine", "batch_size", "loss", "metrics")}
    optimizer = {key: value for key, value in tree["optimizer"].items() if key != "learning_rate"}
    lengths = {key: tree[key] for key in ("timesteps", "output_length")}
    columns = {key: tree["data"][key] for key in ("n_features", "n_targets", "missing", "lead", "future", "calendar")}
    layers = tree["topology"]["layers"]
    alignment = tree["topology"]["contract"]["alignment"]
    parts = [layers, alignment, lengths, columns, training, optimizer, padded_rows(rows), code_digests(spec)]
    return short_key(parts)


def title_of(spec: ExperimentSpec) -> str:
    """Return a readable name: ``encoder_decoder 14->7 seed 0``, of a fold ``... seed 0 fold 3``."""
    fold = spec.evaluation.backtest.fold
    name = f"{spec.topology.name} {spec.timesteps}->{spec.output_length} seed {spec.seed}"
    if spec.data.split.holds_nothing_back:
        return f"{name} on all rows"
    return name if fold is None else f"{name} fold {fold}"
