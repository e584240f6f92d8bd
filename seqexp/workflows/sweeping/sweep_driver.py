"""Hear what happens to the runs of a sweep, record it, and have it shown in MLflow: the one writer."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

from seqexp.execution.contract import Broken, Ended, Event, Lost, Started, Task, Told
from seqexp.spec.settings import TrackingSpec
from seqexp.spec.used_code import own_codes
from seqexp.store.find_runs import find_finished, find_last
from seqexp.store.local_store import may_hold
from seqexp.store.run_dir import StoredRun, note_published, published_as
from seqexp.store.sweep_dir import add_point, note_trained, read_plan, trained_by
from seqexp.workflows.project import Project
from seqexp.workflows.publishing.address import tracking_uri
from seqexp.workflows.publishing.live import LiveRun
from seqexp.workflows.publishing.project_run import Shown
from seqexp.workflows.publishing.publish import Publisher, Sending
from seqexp.workflows.publishing.publish_queue import PublishQueue
from seqexp.workflows.publishing.views import PARENT
from seqexp.workflows.publishing.waiting import PATIENCE, wait_until_sent
from seqexp.workflows.running.checkpoints import checkpoint_place, clear_checkpoint
from seqexp.workflows.running.compute import Computed
from seqexp.workflows.running.kept_data import keep_data
from seqexp.workflows.running.record import record_run
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.running.requests import RunOutcome, not_sent
from seqexp.workflows.running.run import killed, pruned
from seqexp.workflows.sweeping.earlier import SweepOptions, find_earlier
from seqexp.workflows.sweeping.effort import guess_effort
from seqexp.workflows.sweeping.executors import RunTask
from seqexp.workflows.sweeping.plan import Plan
from seqexp.workflows.sweeping.points import LeftOut, Point
from seqexp.workflows.sweeping.publish_sweep import SweepPublisher, log_best_models, sweep_tag
from seqexp.workflows.sweeping.thinning import Freed, behind_best, thin_out

_PAUSE = 2.0  # seconds between two times at which runs that are over are sent
_MOST = 20  # runs that are sent together: a resumed sweep may have thousands that no store has yet


class Enough(BaseException):
    """No more runs are wanted."""


@dataclass
class _Show:
    """One MLflow store in which a sweep is shown, and the runs that are over and not sent to it yet."""

    publisher: Publisher
    sweep: SweepPublisher
    queue: PublishQueue
    waiting: list[int] = field(default_factory=list)
    sent: float = -math.inf  # on a clock of seconds


class SweepDriver:
    """Hears what happens to runs, records it, and has it shown.

    Attributes:
        freed: What was taken out of the runs when the sweep was over.
    """

    def __init__(self, project: Project, plan: Plan, options: SweepOptions, reporter: Reporter, folder: Path) -> None:
        self._project, self._plan, self._options, self._reporter = project, plan, options, reporter
        self._folder, self._frozen = folder, read_plan(folder)
        self._request = uuid4().hex if options.force else ""
        self._points: dict[int, Point] = {}
        self._begun: dict[int, float] = {}
        self._histories: dict[int, list[dict[str, float]]] = {}
        self._stored: dict[int, StoredRun] = {}
        self._done_before: set[int] = set()
        self._run_ids: dict[int, str] = {}
        self._live: dict[int, LiveRun] = {}
        self._shows: dict[str, _Show] = {}
        self.freed = Freed()

    def look_up(self, number: int, point: Point) -> Task | None:
        """Return what is to be done for a point, or None where it was done before."""
        self._points[number] = point
        found = find_earlier(self._project.runs, point, self._options)
        if found is None:
            self._open_show(number)
            keep_data(self._project.runs, point.snapshot, lambda: point.again.read(point.spec))
            place = checkpoint_place(point.spec, self._project.runs, point.run_key, self._request)
            execution = self._plan.execution
            own_limit = execution.timeout if execution.executor == "inline" else None
            task = RunTask(point.spec, point.fingerprint, point.again.kept, own_codes(point.spec), place, own_limit)
            return Task(number, task, point.program_key, task.files, guess_effort(point.spec))
        self._done_before.add(number)
        self._keep(number, found)
        self._reporter.skipped(number)
        return None

    def choose(self, number: int, point: Point) -> Task | None:
        """Look up a point that a search chose, and note it with the sweep."""
        add_point(self._folder, point.as_values())
        self._frozen["points"].append(point.as_values())
        return self.look_up(number, point)

    def recall(self, number: int, point: Point) -> Task | None:
        """Take up a point that the search tried before, however that ended; return it to be done if nothing is left."""
        self._points[number] = point
        place = (self._project.runs, point.spec.name, point.run_key)
        if (found := find_finished(*place) or find_last(*place)) is None:
            return self.look_up(number, point)
        self._done_before.add(number)
        self._keep(number, found)
        self._reporter.skipped(number)
        return None

    def leave_out(self, point: LeftOut) -> None:
        """Note a combination that a search chose and that cannot be run."""
        self._frozen["left_out"].append({"label": point.label, "reason": point.reason})

    def handle(self, event: Event) -> None:
        """Hear of one thing that happened."""
        number, spec = event.number, self._points[event.number].spec
        if isinstance(event, Started):
            self._begun[number], self._histories[number] = event.when, []
            self._reporter.started(number, event.worker, spec, self._points[number].title)
        elif isinstance(event, Told):
            self._histories[number].append(event.content.as_row())
            self._reporter.epoch(number, event.content)
            self._show_epochs(number)
        elif isinstance(event, Lost):
            self._reporter.lost(number, event.message)
        elif isinstance(event, Ended):
            self._record(number, event.result)
        elif isinstance(event, Broken) and event.reason == "stopped":
            self._record(number, pruned(self._histories[number]))
        elif isinstance(event, Broken):
            error = {"reason": event.reason, "message": event.message}
            history = self._histories[number]
            self._record(number, Computed("FAILED", error, event.explanation or event.message, history=history))

    def stop(self, reason: str) -> None:
        """Record what was begun as interrupted, and show what can be shown quickly."""
        for number in sorted(self._begun.keys() - self._stored.keys()):
            self._record(number, killed(reason, self._histories[number]), stopping=True)
        self._finish("KILLED", PATIENCE)

    def finish(self) -> None:
        """Show what is not shown yet: the best models, and how the sweep ended."""
        failed = any(outcome.has_failed for outcome in self.outcomes())
        self._finish("FAILED" if failed or not self._stored else "FINISHED", None)

    def outcomes(self) -> list[RunOutcome]:
        """Return every run that is recorded, in the order of the plan."""
        return [self.outcome(number) for number in sorted(self._stored)]

    def outcome(self, number: int) -> RunOutcome:
        """Return the run of a point, which is recorded."""
        show = self._shows.get(self._uri(number))
        run_id = self._run_ids.get(number)
        warning = not_sent(show.queue.failure) if show and show.queue.failure and run_id is None else ""
        title = self._points[number].title
        return RunOutcome(self._stored[number], number in self._done_before, run_id, warning, title)

    def warnings(self) -> list[str]:
        """Return, of each store that is not shown everything, why not."""
        failures = {uri: show.queue.failure for uri, show in self._shows.items() if show.queue.failure}
        unsent = [number for number in self._stored if self._tracking(number).mlflow and number not in self._run_ids]
        missed = Counter(map(self._uri, unsent))
        return [not_sent(failure, missed[uri]) for uri, failure in failures.items()]

    def _record(self, number: int, computed: Computed, *, stopping: bool = False) -> None:
        point = self._points[number]
        runs, begun = self._project.runs, self._begun[number]
        stored = record_run(runs, point.spec, point.run_key, begun, computed, point.again)
        note_trained(self._folder, stored.path.name)
        self._keep(number, stored)
        clear_checkpoint(runs, self._stored[number].record)
        self._reporter.ended(number, self._stored[number])
        if computed.status == "FAILED" and self._options.fail_fast and not stopping:
            raise Enough

    def _keep(self, number: int, stored: StoredRun) -> None:
        self._stored[number] = stored
        if self._tracking(number).mlflow:
            show = self._show(self._uri(number))
            show.waiting.append(number)
            self._send_waiting(show)

    def _send_waiting(self, show: _Show, *, now: bool = False) -> None:
        """Have all runs sent that wait for it, unless some were a moment ago: several at once cost little more."""
        if show.waiting and (now or time.monotonic() - show.sent >= _PAUSE):
            for first in range(0, len(show.waiting), _MOST):
                show.queue.put(partial(self._publish, show, show.waiting[first : first + _MOST]))
            show.waiting, show.sent = [], time.monotonic()

    def _publish(self, show: _Show, numbers: Sequence[int]) -> None:
        run_ids = show.publisher.publish_all([self._sending(show, number) for number in numbers])
        self._run_ids |= zip(numbers, run_ids, strict=True)

    def _sending(self, show: _Show, number: int) -> Sending:
        tracking, live = self._tracking(number), self._live.get(number)
        return Sending(
            self._stored[number],
            with_model=tracking.log_model == "all",
            with_forecasts=tracking.keep.forecasts == "all",
            tags={} if number in self._done_before else self._nesting(show),
            shown=(live.shown if live else None) or Shown(),
        )

    def _show_epochs(self, number: int) -> None:
        spec = self._points[number].spec
        if spec.tracking.mlflow:
            show = self._show(self._uri(number))
            if number not in self._live:
                self._live[number] = LiveRun(show.publisher, show.queue, spec, self._points[number].run_key)
            self._live[number].heard(self._histories[number], partial(self._nesting, show))
            self._send_waiting(show)

    def _open_show(self, number: int) -> None:
        """Show the sweep while the workers are started: a core is idle then."""
        uri = self._uri(number)
        if self._tracking(number).mlflow and uri not in self._shows:
            self._show(uri).queue.put(self._shows[uri].sweep.open)

    def _nesting(self, show: _Show) -> dict[str, str]:
        """Return the tags by which a run nests under the sweep that trained it."""
        return {**sweep_tag(self._frozen), PARENT: show.sweep.open()}

    def _show(self, uri: str) -> _Show:
        if uri not in self._shows:
            publisher = Publisher(uri, self._project.workspace, is_patient=True)
            self._shows[uri] = _Show(publisher, SweepPublisher(self._frozen, publisher), PublishQueue())
        return self._shows[uri]

    def _uri(self, number: int) -> str:
        return tracking_uri(self._tracking(number), self._project.workspace)

    def _finish(self, status: str, seconds: float | None) -> None:
        behind = behind_best(self._stored.values(), self._plan.select) if status != "KILLED" else set()
        mine, unsent = self._trained(), set()
        for uri, show in self._shows.items():
            self._send_waiting(show, now=True)
            if self._begun or not may_hold(uri, published_as(self._folder).get(uri, "")):
                show.queue.put(partial(self._close, uri, show, status, behind))
            if not wait_until_sent(show.queue, show.publisher, self._reporter.sending, seconds=seconds):
                unsent.add(uri)
        # What a store missed is sent later, and then has to be there.
        sent = (number for number in mine if not self._tracking(number).mlflow or self._uri(number) not in unsent)
        self.freed = thin_out([(self._stored[number], self._tracking(number).keep) for number in sent], behind)

    def _trained(self) -> list[int]:
        """Return the runs that this sweep trained, now or when it was begun before."""
        names = trained_by(self._folder)
        return [number for number, stored in sorted(self._stored.items()) if stored.path.name in names]

    def _tracking(self, number: int) -> TrackingSpec:
        return self._points[number].spec.tracking

    def _close(self, uri: str, show: _Show, status: str, behind: set[Path]) -> None:
        numbers = [number for number in sorted(self._stored) if self._uri(number) == uri]
        if status != "KILLED":
            self._log_best_models(show, numbers)
            self._send_best_forecasts(uri, show, behind)
        show.sweep.close([self.outcome(number) for number in numbers], status, self._plan.select)
        note_published(self._folder, uri, show.sweep.open())

    def _log_best_models(self, show: _Show, numbers: list[int]) -> None:
        wanting = [self._stored[number] for number in numbers if self._tracking(number).log_model in (None, "best")]
        log_best_models(show.publisher, wanting, self._plan.select)

    def _send_best_forecasts(self, uri: str, show: _Show, behind: set[Path]) -> None:
        """Send the forecasts that stay, where only now is known which these are."""
        for number in self._trained():
            wanted = self._tracking(number).mlflow and self._tracking(number).keep.forecasts == "best"
            if wanted and self._uri(number) == uri and self._stored[number].path not in behind:
                show.publisher.add_forecasts(self._stored[number])
