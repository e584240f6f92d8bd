"""The progress of a run or a sweep, on stderr: a bar on a terminal, a line for each run elsewhere."""

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
    """Draws one bar: the epochs of the run at hand, after the runs that are over."""

    def __init__(self, total_runs: int = 1) -> None:
        self._total_runs = total_runs
        self._run = 0
        self._live = sys.stderr.isatty()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def waiting(self, spec: ExperimentSpec) -> None:
        """Say what is waited for."""
        console().print(f"Another process is running {title_of(spec)}; waiting for it ...", markup=False)

    def started(self, spec: ExperimentSpec) -> None:
        """Begin the bar of a run."""
        self._run += 1
        count = f"[{self._run}/{self._total_runs}] " if self._total_runs > 1 else ""
        label = f"{count}{title_of(spec)}"
        if not self._live:
            console().print(label, markup=False)
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"),
            TimeElapsedColumn(),
            console=console(),
        )
        self._bar.start()
        self._task = self._bar.add_task(label.replace("[", "\\["), total=spec.training.epochs, losses="")

    def epoch(self, event: EpochEvent) -> None:
        """Move the bar."""
        if self._bar is not None:
            losses = "  ".join(
                f"{name} {event.values[name]:.4f}" for name in ("train/loss", "val/loss") if name in event.values
            )
            self._bar.update(self._task, completed=event.epoch, losses=losses)

    def skipped(self) -> None:
        """Count a run that was done before."""
        self._run += 1

    def ended(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
