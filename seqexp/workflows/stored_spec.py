"""The spec of a recorded run, which may name a user's own code."""

from __future__ import annotations

from collections.abc import Callable

from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.validate import validate
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.user_code import PLUGINS, require_code

LoadCode = Callable[[], None]


def spec_of(stored: StoredRun, load_code: LoadCode | None = None) -> ExperimentSpec:
    """Return the spec of a run; ``load_code`` loads the own code that was asked for, if the run uses any.

    Raises:
        StoreError: The run uses own code that is not there.
    """
    require_code_of(stored, load_code)
    return validate(stored.spec)


def require_code_of(stored: StoredRun, load_code: LoadCode | None = None) -> None:
    """See that what a run uses of a user's own code is loaded.

    Raises:
        StoreError: It is not.
    """
    environment = stored.record.environment
    if environment.get(PLUGINS) and load_code is not None:
        load_code()
    require_code(stored.path, environment)
