"""Which of a user's own parts an experiment uses, and the code that they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from seqexp.errors import PluginError
from seqexp.plugins.code import Code
from seqexp.plugins.table import OwnPart, find
from seqexp.spec.catalogue import OWN_KINDS
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.parts import Part, parts_within
from seqexp.spec.sources import OwnSource


def own_parts(spec: ExperimentSpec) -> list[OwnPart]:
    """Return a user's own parts in an experiment, each once."""
    found = (find(OWN_KINDS[section], name) for section, name in _named(spec) if section in OWN_KINDS)
    return list({(part.kind, part.name): part for part in found if part is not None}.values())


def own_codes(spec: ExperimentSpec) -> tuple[Code, ...]:
    """Return the codes that an experiment uses something of, each once, in the order of their names.

    Raises:
        PluginError: The source of one of them is not known, or two have one name.
    """
    found = {code.digest: code for code in (part.code for part in own_parts(spec))}
    codes = sorted(found.values(), key=lambda code: (code.name, code.digest))
    for one, other in pairwise(codes):
        if one.name == other.name:
            message = f"two pieces of own code have the name {one.name!r}: {one.place} and {other.place}."
            raise PluginError(message, mend="Rename one of the files.")
    return tuple(codes)


def code_digests(spec: ExperimentSpec) -> list[str]:
    """Return what a run key says of the code; empty where an experiment uses nothing of a user's own."""
    return [code.digest for code in own_codes(spec)]


def _named(spec: ExperimentSpec) -> Iterator[tuple[str, str]]:
    for layer in spec.topology.layers:
        yield from parts_within(layer, "layers")
    yield "losses", spec.training.loss.name
    if isinstance(spec.data.source, OwnSource):
        yield "sources", spec.data.source.name
    if isinstance(spec.data.scaler, Part):
        yield "scalers", spec.data.scaler.name
    for metric in spec.evaluation.metrics:
        yield "scores", metric.name
    for baseline in spec.evaluation.baselines:
        yield "baselines", baseline.name
