"""A recorded run as an object, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import MODEL, StoredRun
from seqexp.workflows.stored_spec import require_code_of, spec_of

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from seqexp.workflows.serving import Forecaster
    from seqexp.workflows.using.new_rows import Table
    from seqexp.workflows.using.origins import Origin


class Run:
    """One attempt of one run, read from its directory when asked for."""

    def __init__(
        self, stored: StoredRun, mlflow_run_id: str | None = None, *, load_code: Callable[[], None] | None = None
    ) -> None:
        """Take a stored run; ``load_code`` loads the own code that was asked for, if the run turns out to use any."""
        self._stored, self._load_code = stored, load_code
        self.mlflow_run_id = mlflow_run_id

    def __repr__(self) -> str:
        known = f", val/mae={self.metrics['val/mae']:.4g}" if "val/mae" in self.metrics else ""
        return f"<Run {self._stored.path.name} {self.record.title}: {self.status}{known}>"

    @property
    def run_dir(self) -> Path:
        """The run directory."""
        return self._stored.path

    @property
    def record(self) -> RunRecord:
        """Everything that was noted about the run."""
        return self._stored.record

    @property
    def status(self) -> str:
        """FINISHED, FAILED or KILLED."""
        return self.record.status

    @property
    def run_key(self) -> str:
        """The fingerprint of what affects the result."""
        return self.record.run_key

    @property
    def metrics(self) -> dict[str, float]:
        """``val/mae``, ``test/mae``, ``test/skill`` ..., in source units."""
        return self.record.metrics

    @property
    def baselines(self) -> dict[str, float]:
        """``baseline/persistence/mae`` (test), ``val/baseline/...``, on the same windows."""
        return self.record.baselines

    @cached_property
    def spec(self) -> ExperimentSpec:
        """The resolved config."""
        return spec_of(self._stored, self._load_code)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row for each epoch."""
        import pandas as pd

        return pd.DataFrame(self._stored.history)

    @cached_property
    def forecasts(self) -> dict[str, Any]:
        """The test forecasts: ``true``, ``forecast`` and ``baseline_*``, each (windows, steps, targets)."""
        return self._stored.forecasts

    @cached_property
    def model(self) -> keras.Model:
        """The trained model, in scaled units; loaded with safe mode on."""
        from seqexp.training.start import start_tensorflow
        from seqexp.workflows.using.predict import check_has_model

        check_has_model(self._stored)
        start_tensorflow()
        from seqexp.models.saved import load_model

        self._require_code()
        return load_model(self.run_dir / MODEL)

    def predict(self, table: Table | None = None, *, origin: Origin | None = None) -> pd.DataFrame:
        """Forecast, in source units in and out.

        Args:
            table: A frame (its stamps a column or the index) or the path of a CSV or Parquet file; None for the run's
                own data.
            origin: The stamp of the last step that is known, or where there are no stamps its number, from 0 at the
                first row that is read (of the run's own data, the first that ``data.rows`` leaves); or ``every``; None
                for the last row.

        Returns:
            One row for each step, with its time and every target, and the ends of intervals where there are any.

        Raises:
            DataError: The table is not as the run's config says, or has no such origin.
            StoreError: The run has no model.
        """
        from seqexp.workflows.using.predict import check_has_model, predict

        check_has_model(self._stored)
        self._require_code()
        return predict(self._stored, table, origin=origin, forecaster=self._forecaster)

    @cached_property
    def _forecaster(self) -> Forecaster:
        from seqexp.workflows.serving import Forecaster

        return Forecaster(self.run_dir)

    def _require_code(self) -> None:
        """See that what the run uses of a user's own code is loaded.

        Raises:
            StoreError: It is not.
        """
        require_code_of(self._stored, self._load_code)
