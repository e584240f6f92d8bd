"""Write down what came of a run."""

from __future__ import annotations

import time
from pathlib import Path

from seqexp.errors import RunFailed
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.used_code import own_codes
from seqexp.store.environment import code_state, describe_environment, git_state
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import HISTORY, SPEC, StoredRun, history_file, spec_file, write_run
from seqexp.workflows.identity import title_of
from seqexp.workflows.running.again import FIRST, Again
from seqexp.workflows.running.compute import Computed
from seqexp.workflows.running.kept_data import noted_snapshot
from seqexp.workflows.user_code import PLUGINS, describe_code

ERROR = "error.txt"


def record_run(
    runs: Path, spec: ExperimentSpec, run_key: str, started: float, computed: Computed, again: Again = FIRST
) -> StoredRun:
    """Record a run, however it ended; where there is no room for its files, that it failed for that.

    Raises:
        RunFailed: Not even that can be written.
    """
    try:
        return _write(runs, spec, run_key, started, computed, again)
    except OSError as error:
        message = f"the run directory in {runs / spec.name} cannot be written: {error.strerror or error}"
        try:
            full = Computed("FAILED", {"reason": "disk_full", "message": message}, message, history=computed.history)
            return _write(runs, spec, run_key, started, full, again)
        except OSError:
            raise RunFailed("disk_full", message) from None


def _write(
    runs: Path, spec: ExperimentSpec, run_key: str, started: float, computed: Computed, again: Again
) -> StoredRun:
    computed_in = computed.values.get("environment") or describe_environment()
    environment = {**computed_in, "git": git_state(Path.cwd()), "code": code_state()}
    if code := describe_code(spec):
        environment[PLUGINS] = code
    values = again.carried(computed.values)
    data = noted_snapshot(runs, values.get("data", {}))
    record = RunRecord(
        name=spec.name,
        run_key=run_key,
        attempt=0,  # given when it is written
        status=computed.status,
        started=started,
        ended=time.time(),
        title=title_of(spec),
        spec=spec.as_tree(),
        error=computed.error,
        rerun_of=again.rerun_of,
        **{**values, "data": data, "environment": environment},
    )
    files = {SPEC: spec_file(spec.as_tree()), HISTORY: history_file(computed.history), **computed.files}
    files |= {code.file_name: code.content for code in own_codes(spec)}
    if computed.explanation:
        files[ERROR] = f"{computed.explanation}\n".encode()
    return write_run(runs, record, files)
