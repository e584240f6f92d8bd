"""The progress of runs, on stderr: bars on a terminal, a line for each run elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from seqexp.cli.screen import progress as console
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.identity import title_of
from seqexp.workflows.reporter import Reporter

if TYPE_CHECKING:
    from seqexp.training.watch import EpochEvent


class BarReporter(Reporter):
    """Draws a bar for every run that goes on and, of a sweep, one for all of them."""

    def __init__(self) -> None:
        self._total = 1
        self._begun: set[int] = set()
        self._bars: Progress | None = None
        self._all: TaskID | None = None
        self._runs: dict[int, TaskID] = {}

    def planned(self, total: int) -> None:
        """Draw the bar of the sweep."""
        self._total = total
        if total > 1 and sys.stderr.isatty():
            self._all = self._live().add_task("runs", total=total, losses="")

    def waiting(self, spec: ExperimentSpec) -> None:
        """Say what is waited for."""
        console().print(f"Another process is running {title_of(spec)}; waiting for it ...", markup=False)

    def started(self, number: int, spec: ExperimentSpec, title: str) -> None:
        """Begin the bar of a run."""
        self._begun.add(number)
        if not sys.stderr.isatty():
            count = f"[{len(self._begun)}/{self._total}] " if self._total > 1 else ""
            console().print(f"{count}{title}", markup=False)
            return
        self._drop(number)
        plain = title.replace("[", "\\[")
        self._runs[number] = self._live().add_task(plain, total=spec.training.epochs, losses="")

    def epoch(self, number: int, event: EpochEvent) -> None:
        """Move the bar of a run."""
        if self._bars is not None and number in self._runs:
            names = [name for name in ("train/loss", "val/loss") if name in event.values]
            losses = "  ".join(f"{name} {event.values[name]:.4f}" for name in names)
            self._bars.update(self._runs[number], completed=event.epoch, losses=losses)

    def skipped(self, number: int) -> None:
        """Count a run that was done before."""
        self._begun.add(number)
        self._advance()

    def ended(self, number: int) -> None:
        """Count the run; of several, its bar makes room for others."""
        self._advance()
        if self._total > 1:
            self._drop(number)

    def closed(self) -> None:
        """Leave the bars as they stand."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _live(self) -> Progress:
        if self._bars is None:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[losses]}"),
                TimeElapsedColumn(),
                console=console(),
            )
            self._bars.start()
        return self._bars

    def _advance(self) -> None:
        if self._bars is not None and self._all is not None:
            self._bars.advance(self._all)

    def _drop(self, number: int) -> None:
        if self._bars is not None and number in self._runs:
            self._bars.remove_task(self._runs.pop(number))
