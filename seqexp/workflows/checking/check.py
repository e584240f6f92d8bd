"""Check an experiment before it is run: first all that needs no TensorFlow, then the build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqexp.data.dataset import Dataset, prepare_dataset
from seqexp.data.splits import SPLITS
from seqexp.evaluation.own import check_scores
from seqexp.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from seqexp.models.build import LayerRow


@dataclass(frozen=True)
class SplitRow:
    """One line of the table of splits; the stamps are empty where the source has no time."""

    split: str
    steps: int
    windows: int
    first: str
    last: str


def check_data(spec: ExperimentSpec) -> tuple[Dataset, list[SplitRow]]:
    """Read the data of an experiment and count its windows.

    Raises:
        DataError: The data are not as the spec says.
    """
    dataset = prepare_dataset(spec)
    rows = []
    for split in SPLITS:
        stretches, stamps = dataset.stretches(split), dataset.series.stamps
        steps = sum(stop - start for start, stop in stretches)
        first, last = "", ""
        if stamps is not None and steps:
            first = _day(min(stamps[start] for start, stop in stretches if stop > start))
            last = _day(max(stamps[stop - 1] for start, stop in stretches if stop > start))
        rows.append(SplitRow(split, steps, len(dataset.starts[split]), first, last))
    return dataset, rows


def check_layers(spec: ExperimentSpec) -> tuple[LayerRow, ...]:
    """Build the model and the optimizer, and return what each layer does.

    Raises:
        ModelError: Keras refuses a layer, or the output has not the shape that the experiment needs.
    """
    from seqexp.training.start import start_tensorflow

    start_tensorflow(spec.training.cores)
    from seqexp.models.build import build_model
    from seqexp.training.optimizers import check_settings

    built = build_model(spec)
    check_settings(spec.optimizer, spec.training, targets=spec.data.n_targets)
    check_scores(spec.evaluation.metrics, steps=spec.output_length, targets=spec.data.n_targets)
    return built.rows


def _day(stamp: object) -> str:
    return str(stamp).removesuffix(" 00:00:00")
