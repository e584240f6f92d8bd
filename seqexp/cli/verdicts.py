"""What rerun prints."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from seqexp.cli.reports import near
from seqexp.cli.screen import make_table, results
from seqexp.workflows.rerunning.rerun import Rerun
from seqexp.workflows.rerunning.rerun_sweep import RerunSweepResult
from seqexp.workflows.rerunning.verdict import Change, Verdict

_STYLES = {"bitwise": "green", "tolerance": "green", "drifted": "bold red", "failed": "bold red"}
_MOST = 12  # figures that are shown


def print_rerun(done: Rerun) -> None:
    """Print the verdict, the figures that differ, what else differs, and where the new attempt lies."""
    console, before, after = results(), done.before, done.outcome.stored
    name = before.path.name if after.record.rerun_of == before.path.name else f"MLflow run {after.record.rerun_of}"
    console.print(Text(f"{name} ({before.record.title}) run again as {after.path.name}"), soft_wrap=True)
    console.print(verdict_line(done.verdict), soft_wrap=True)
    console.print()
    _print_figures(done)
    print_notes([done.verdict])
    console.print(f"Run directory  {near(after.path)}", soft_wrap=True)
    if done.outcome.mlflow_run_id:
        console.print(f"MLflow run     {done.outcome.mlflow_run_id}", soft_wrap=True)


def print_rerun_sweep(result: RerunSweepResult) -> None:
    """Print a verdict for each run, what differs, each thing once, and the total."""
    console = results()
    for done in result.reruns:
        line = Text(f"{done.before.path.name}  {done.before.record.title}: ")
        console.print(line.append_text(verdict_line(done.verdict)), soft_wrap=True)
    console.print()
    print_notes([done.verdict for done in result.reruns])
    console.print(Text(f"{result.total}, in {result.sweep.seconds:.0f} s."), soft_wrap=True)


def verdict_line(verdict: Verdict) -> Text:
    """Return the verdict, coloured."""
    return Text(verdict.text, style=_STYLES[verdict.outcome])


def print_notes(verdicts: Sequence[Verdict]) -> None:
    """Print what differs, and what a reader has to know besides; of several runs each thing once."""
    console = results()
    lines = [f"differs: {found.text}" for verdict in verdicts for found in verdict.differences]
    lines += [f"note: {note}" for verdict in verdicts for note in verdict.notes]
    counts = Counter(lines)
    for line, count in counts.items():
        console.print(Text(line if len(verdicts) == 1 else f"{line} ({count} of {len(verdicts)} runs)"), soft_wrap=True)
    if counts:
        console.print()


def _print_figures(done: Rerun) -> None:
    """Print the figures of the model that differ, those that differ most first."""
    changed = done.verdict.changes
    shown = [change for change in changed if change.name in done.before.record.metrics][:_MOST]
    if not shown:
        return
    results().print(make_table(("figure", "recorded", "now", "relative"), map(_cells, shown), numbers=1))
    if rest := len(changed) - len(shown):
        results().print(f"and {rest:,} more, those of single steps and epochs among them")
    results().print()


def _cells(change: Change) -> tuple[str, ...]:
    before, after = ("-" if value is None else f"{value:.10g}" for value in (change.before, change.after))
    return change.name, before, after, "-" if math.isinf(change.relative) else f"{change.relative:.2g}"
