"""The progress of runs, on stderr: one live view on a terminal, a line for each run elsewhere."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from seqexp.cli.screen import number as figure
from seqexp.cli.screen import progress as console
from seqexp.cli.screen import share
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.settings import DEFAULT_SELECT
from seqexp.workflows.identity import title_of
from seqexp.workflows.running.reporter import Reporter

if TYPE_CHECKING:
    from seqexp.store.run_dir import StoredRun
    from seqexp.training.watch import EpochEvent


_LINE = 80  # characters of a line that tells of a run: a log is often read where longer ones are folded
_PREFIX = re.compile(r"(?<=\s)(?:\w+\.)+(?=\w+=)")  # optimizer. of optimizer.learning_rate=0.01


class BarReporter(Reporter):
    """Draws a bar for every worker; of a sweep, one for all runs, with the best so far, the pace and the time left."""

    def __init__(self) -> None:
        self._total = 1
        self._over = self._computed = 0
        self._began = time.monotonic()
        self._best: tuple[float, str] | None = None  # skill on validation, whose
        self._titles: dict[int, str] = {}
        self._bars: Progress | None = None
        self._all: TaskID | None = None
        self._by_worker: dict[str, TaskID] = {}
        self._by_run: dict[int, TaskID] = {}

    def planned(self, total: int) -> None:
        """Draw the bar of the sweep."""
        self._total = total
        if total > 1 and sys.stderr.isatty():
            self._all = self._live().add_task("runs", total=total, note="")

    def waiting(self, spec: ExperimentSpec) -> None:
        """Say what is waited for."""
        console().print(f"Another process is running {title_of(spec)}; waiting for it ...", markup=False)

    def started(self, number: int, worker: str, spec: ExperimentSpec, title: str) -> None:
        """Begin the bar of a worker anew; elsewhere than on a terminal, tell of a run that is alone."""
        self._titles[number] = title
        if not sys.stderr.isatty():
            if self._total == 1:
                console().print(title, markup=False)
            return
        plain, epochs, bars = title.replace("[", "\\["), spec.training.epochs, self._live()
        if worker in self._by_worker:
            bars.reset(self._by_worker[worker], description=plain, total=epochs, note="")
        else:
            self._by_worker[worker] = bars.add_task(plain, total=epochs, note="")
        self._by_run[number] = self._by_worker[worker]

    def epoch(self, number: int, event: EpochEvent) -> None:
        """Move the bar of the worker, and tell what is to be told of how the run began."""
        if event.note:
            console().print(f"{self._titles[number]}: {event.note}", markup=False, soft_wrap=True)
        if self._bars is not None and number in self._by_run:
            names = [name for name in ("train/loss", "val/loss") if name in event.values]
            losses = "  ".join(f"{name} {event.values[name]:.4f}" for name in names)
            self._bars.update(self._by_run[number], completed=event.epoch, note=losses)

    def lost(self, number: int, message: str) -> None:
        """Say which run is begun again, and why; its worker has no bar any more."""
        told = f"{self._titles[number]}: {message}; the run is begun again (execution.retries)"
        console().print(told, markup=False, soft_wrap=True)
        if self._bars is not None and (bar := self._by_run.pop(number, None)) is not None:
            self._by_worker = {worker: kept for worker, kept in self._by_worker.items() if kept != bar}
            self._bars.remove_task(bar)

    def skipped(self, number: int) -> None:
        """Count a run that was done before."""
        self._over += 1
        self._move()

    def ended(self, number: int, stored: StoredRun | None = None) -> None:
        """Count a run, and tell what came of it."""
        self._over += 1
        self._computed += 1
        if stored is not None:
            skill = stored.record.metrics.get("val/skill")
            if skill is not None and (self._best is None or skill > self._best[0]):
                self._best = skill, self._titles[number]
            if not sys.stderr.isatty() and self._total > 1:
                head, told = f"[{self._over}/{self._total}] ", f": {_result(stored)}"
                title = short_title(self._titles[number], _LINE - len(head) - len(told))
                console().print(f"{head}{title}{told}", markup=False, soft_wrap=True)
        self._move()

    def sending(self, what: str) -> None:
        """Say what is waited for, above the bars."""
        (console() if self._bars is None else self._bars.console).print(what, markup=False, soft_wrap=True)

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
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                console=console(),
            )
            self._bars.start()
        return self._bars

    def _move(self) -> None:
        if self._bars is not None and self._all is not None:
            self._bars.update(self._all, completed=self._over, note=self._outlook())

    def _outlook(self) -> str:
        """Return the best so far, the pace, and when the rest will be done at that pace."""
        if not self._computed:
            return ""
        seconds = (time.monotonic() - self._began) / self._computed
        left = seconds * (self._total - self._over)
        words = [f"{60 / seconds:.0f} runs/min", f"{left // 60:.0f}:{left % 60:02.0f} left" if left else ""]
        if self._best is not None:
            words.insert(0, f"best val skill {share(self._best[0])} ({self._best[1]})".replace("[", "\\["))
        return "  ".join(filter(None, words))


def short_title(title: str, room: int) -> str:
    """Return the title of a run in less room: keys by their last word, and where that is too long not its middle.

    The end of a title is where neighbours differ.

    >>> short_title("encoder_decoder 14->7 seed 0 optimizer.learning_rate=0.01", 60)
    'encoder_decoder 14->7 seed 0 learning_rate=0.01'
    >>> short_title("encoder_decoder 14->7 seed 0 optimizer.learning_rate=0.01", 30)
    'encoder_d...learning_rate=0.01'
    """
    title = _PREFIX.sub("", title)
    if len(title) <= room:
        return title
    end = max(room - 3, 2) * 2 // 3
    return f"{title[: max(room - 3 - end, 1)]}...{title[-end:]}"


def _result(stored: StoredRun) -> str:
    record = stored.record
    if record.status != "FINISHED":
        return f"{record.status} ({record.error['reason']})"
    select = stored.spec["evaluation"].get("select", DEFAULT_SELECT)
    names = (select, "val/mae", "val/cross_entropy", "test/mae", "test/accuracy")  # one is enough to see how it goes
    known = [f"{name} {figure(record.metrics[name])}, " for name in names if name in record.metrics]
    return f"{''.join(known[:1])}{record.ended - record.started:.1f} s"
