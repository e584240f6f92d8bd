"""Runs that a tracking store shows: found by their id or their run key, and their files fetched. Nothing is written."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqexp.errors import StoreError
from seqexp.spec.tracking_uri import problem_of_uri
from seqexp.store.local_store import local_path
from seqexp.store.mlflow_settings import asked_briefly, mlflow_settings
from seqexp.store.mlflow_store import READY
from seqexp.store.outage import does_not_answer, reason_of
from seqexp.store.projection import ShownRun

MOST_BYTES = 100_000_000  # of one file: what a record, single steps or a history never come near
_PAGE = 1000
_NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class MlflowRuns:
    """The runs of one tracking store, which must be there."""

    def __init__(self, uri: str, *, key: str) -> None:
        """Open it; ``key`` is the option or key that named it, for messages.

        Raises:
            StoreError: There is no such store, or it does not answer.
        """
        self.uri, self._key = uri, key
        if problem := problem_of_uri(uri, key):
            raise StoreError([problem])
        if (path := local_path(uri)) is not None and not path.is_file():
            mend = "Name the store that shows the run: sqlite:////path/to/mlflow.db, or http://host:port."
            raise StoreError(f"there is no MLflow store {uri}.", key=key, mend=mend)
        with mlflow_settings():
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
            from sqlalchemy.exc import SQLAlchemyError

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._refusal = MlflowException
        self._failures = (MlflowException, SQLAlchemyError, OSError)
        with self._explained(), asked_briefly():
            self._client = MlflowClient(tracking_uri=uri)
            self._client.search_experiments(max_results=1)

    def get(self, run_id: str) -> ShownRun | None:
        """Return the run of an id, or None where there is none."""
        with self._explained():
            try:
                run = self._client.get_run(run_id)
                return _shown(run, self._client.get_experiment(run.info.experiment_id).name)
            except self._refusal as error:
                if error.error_code in _NOT_THERE:
                    return None
                raise

    def with_tag(self, tag: str, begins: str) -> list[ShownRun]:
        """Return every run whose tag begins so, but for deleted ones."""
        return self._search(f"tags.`{tag}` LIKE '{begins}%'")

    def published(self) -> list[ShownRun]:
        """Return every run that was sent whole, but for deleted ones."""
        return self._search(f"tags.`{READY}` != ''")

    def _search(self, words: str) -> list[ShownRun]:
        found: list[ShownRun] = []
        with self._explained():
            names = {one.experiment_id: one.name for one in self._paged(self._client.search_experiments)}
            ids = list(names)
            for first in range(0, len(ids), _PAGE):
                runs = self._paged(self._client.search_runs, ids[first : first + _PAGE], filter_string=words)
                found += (_shown(run, names[run.info.experiment_id]) for run in runs)
        return found

    def files(self, run: ShownRun, folder: str | None = None) -> dict[str, int]:
        """Return the path of every file among the artifacts of a run, or in a folder of them, and its size in bytes."""
        with self._explained():
            items = self._client.list_artifacts(run.run_id, folder)
        return {str(item.path): int(item.file_size or 0) for item in items if not item.is_dir}

    @mlflow_settings()
    def fetch(self, run: ShownRun, names: Sequence[str], folder: Path) -> None:
        """Copy files of a run into a folder, each under the name that is asked for.

        Raises:
            StoreError: One of them cannot be had, or is no file.
        """
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:  # where in it, each kind of store decides
                try:
                    got = Path(self._client.download_artifacts(run.run_id, name, scratch))
                except self._failures as error:
                    message = f"{name} of the MLflow run {run.run_id} cannot be had: {reason_of(error)}"
                    raise does_not_answer(error)(message, key=self._key) from None
                if got.is_symlink() or not got.is_file():
                    raise StoreError(f"{name} of the MLflow run {run.run_id} is no file.", key=self._key)
                got.replace(folder / name)

    def read_text(self, run: ShownRun, name: str) -> str:
        """Return the text of a file of a run.

        Raises:
            StoreError: It cannot be had.
        """
        with tempfile.TemporaryDirectory() as scratch:
            self.fetch(run, [name], Path(scratch))
            return (Path(scratch) / name).read_text("utf-8")

    def _paged(self, search: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        token = None
        while True:
            page = search(*arguments, max_results=_PAGE, page_token=token, **options)
            yield from page
            token = page.token
            if not token:
                return

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with mlflow_settings():
                yield
        except self._failures as error:
            message = f"MLflow at {self.uri} does not answer: {reason_of(error)}."
            mend = "Is the server up, and is the address right? seqexp ui starts one on the workspace's own store."
            raise does_not_answer(error)(message, key=self._key, mend=mend) from None


def _shown(run: Any, experiment: str) -> ShownRun:
    info, data = run.info, run.data
    is_deleted = info.lifecycle_stage == "deleted"
    return ShownRun(
        info.run_id, experiment, info.status, info.start_time or 0, dict(data.tags), dict(data.metrics), is_deleted
    )
