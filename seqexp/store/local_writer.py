"""Runs and models written straight into the tables of a local store.

MLflow takes 1.3 s of a core to import, and its client makes an object of every row, of which a run has hundreds: 50 ms
for each run of a sweep, in place of 10. A test holds that the rows of all tables are the same. They are written only
where the columns are those that MLflow 3.13 to 3.17 make; any other store is left to the client.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import url2pathname
from uuid import uuid4

from seqexp.errors import StoreError
from seqexp.store import local_rows
from seqexp.store.client_writer import upload
from seqexp.store.local_database import LocalDatabase
from seqexp.store.mlflow_model import save_pyfunc
from seqexp.store.projection import LoggedModel, Point
from seqexp.store.store_writer import NewRun, SentExperiment, SentRun, StoreWriter, Texts

_PLACE = re.compile(r"(file://)?(/[^?#]*)")  # addresses to which MLflow adds names as to any path
_NOT_IN_MODELS = "/:.%\"'"


class LocalWriter(StoreWriter):
    """Writes to the SQLite file of a store that is set up; each call is one transaction."""

    def __init__(self, database: LocalDatabase) -> None:
        self._database = database

    @classmethod
    def of(cls, uri: str) -> LocalWriter | None:
        """Return what writes to the store at an address; None where that is better left to MLflow's client."""
        database = LocalDatabase.of(uri)
        return None if database is None else cls(database)

    def experiment(self, name: str) -> SentExperiment | None:
        """Look for it by its name."""
        with self._database.transaction() as database:
            words = "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?"
            if not (found := database.execute(words, (name,)).fetchall()):
                return None
            ((experiment_id, stage),) = found
            of_experiment = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
            tags = dict(database.execute(of_experiment, (experiment_id,)))
        return SentExperiment(str(experiment_id), stage == "deleted", tags)

    def make_experiment(self, name: str, place: str | None, tags: Texts) -> str:
        """Make an experiment, which is given a place: a local store has none of its own."""
        with self._database.transaction() as database:
            return local_rows.make_experiment(database, name, place, tags)

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore all of its runs, as MLflow does."""
        with self._database.transaction() as database:
            local_rows.restore_experiment(database, experiment_id)

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Write one row."""
        with self._database.transaction() as database:
            local_rows.tag_experiment(database, experiment_id, key, value)

    def find(self, experiment_id: str, tags: Texts, *, status: str = "") -> list[SentRun]:
        """Search by tags."""
        words, values = "experiment_id = ? AND lifecycle_stage = 'active'", [experiment_id]
        if status:
            words, values = f"{words} AND status = ?", [*values, status]
        for tag in tags.items():
            words += " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
            values += tag
        with self._database.transaction() as database:
            return local_rows.find_runs(database, f"{words} ORDER BY start_time DESC, run_uuid", values)

    def get(self, run_id: str) -> SentRun:
        """Return a run that is there."""
        with self._database.transaction() as database:
            if not (found := local_rows.find_runs(database, "run_uuid = ?", [run_id])):
                raise StoreError(f"The store {self._database.path} has no run {run_id}.", key="tracking.uri")
            return found[0]

    def begin(self, experiment_id: str, name: str, started: int, tags: Texts) -> SentRun:
        """Make a run."""
        run = self._new(experiment_id, name, started, tags)
        with self._database.transaction() as database:
            local_rows.begin_run(database, run)
        return run

    def add(self, runs: Sequence[NewRun]) -> list[str]:
        """Copy their files, and write all of it in one transaction.

        A run's rows lie all over the tables' indices, and SQLite writes each page of these twice: some hundred for one
        run, and hardly more for several.
        """
        begun = [self._new(new.experiment_id, new.run.run_name, new.run.started, new.tags) for new in runs]
        with ExitStack() as files:
            for one, new in zip(begun, runs, strict=True):
                files.enter_context(self._sent(one, new.run.files))
            with self._database.transaction() as database:
                for one, new in zip(begun, runs, strict=True):
                    local_rows.begin_run(database, one)
                    local_rows.set_status(database, one.run_id, new.run.status, new.run.ended)
                    local_rows.log(database, one.run_id, new.run.params, new.run.points, new.last_tags)
        return [one.run_id for one in begun]

    def _new(self, experiment_id: str, name: str, started: int, tags: Texts) -> SentRun:
        """Return what a run will be; nothing of it is written yet."""
        local_rows.check_names(tags)
        run_id = uuid4().hex
        artifact_uri = _below(self._place(experiment_id), run_id, "artifacts")
        return SentRun(run_id, experiment_id, artifact_uri, started, {**tags, local_rows.RUN_NAME: name})

    def log(self, run_id: str, params: Texts, points: Sequence[Point] = (), tags: Texts | None = None) -> None:
        """Write all of it at once."""
        with self._run(run_id) as database:
            local_rows.log(database, run_id, params, points, tags or {})

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        with self._run(run_id) as database:
            local_rows.rename_run(database, run_id, name)

    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """Say that it runs again, or how it ended."""
        with self._run(run_id) as database:
            local_rows.set_status(database, run_id, status, ended)

    def finish(self, run_id: str, status: str, ended: int, params: Texts, points: Sequence[Point], tags: Texts) -> None:
        """Write all of it at once."""
        with self._run(run_id) as database:
            local_rows.set_status(database, run_id, status, ended)
            local_rows.log(database, run_id, params, points, tags)

    def send_files(self, run: SentRun, files: Mapping[Path, str]) -> None:
        """Copy files; where the experiment keeps its own elsewhere, MLflow knows how."""
        if (place := _folder(run.artifact_uri)) is None:
            upload(run, files, f"sqlite:///{self._database.path}")
            return
        for path, folder in files.items():
            target = place / folder
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    @contextmanager
    def _sent(self, new: SentRun, files: Mapping[Path, str]) -> Iterator[None]:
        """Send the files of what is not in any row yet; take them away again where the block does not write these."""
        try:
            self.send_files(new, files)
            yield
        except BaseException:
            if (place := _folder(new.artifact_uri)) is not None:
                shutil.rmtree(place.parent, ignore_errors=True)
            raise

    def has_model(self, run: SentRun) -> bool:
        """Look for a row."""
        with self._database.transaction() as database:
            return local_rows.has_model(database, run.run_id)

    def log_model(self, run: SentRun, model: LoggedModel) -> None:
        """Write its folder, and then its rows."""
        if not model.name or set(model.name) & set(_NOT_IN_MODELS):
            mend = f"It holds none of {' '.join(_NOT_IN_MODELS)}."
            raise StoreError(f"MLflow takes no model of the name {model.name!r}.", mend=mend)
        model_id = f"m-{uuid4().hex}"
        artifact_uri = _below(self._place(run.experiment_id), "models", model_id, "artifacts")
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / "model"
            save_pyfunc(made, model, run_id=run.run_id, model_id=model_id)
            files = {path: path.parent.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
            topmost = {path: "" if folder == "." else folder for path, folder in files.items()}
            with self._sent(replace(run, artifact_uri=artifact_uri), topmost), self._run(run.run_id) as database:
                local_rows.add_model(database, run, model.name, model_id, artifact_uri)

    def _place(self, experiment_id: str) -> str:
        """Return where an experiment keeps its files, which must not be deleted."""
        words = "SELECT artifact_location FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'"
        with self._database.transaction() as database:
            found = database.execute(words, (experiment_id,)).fetchall()
        if not found:
            message = f"The store {self._database.path} has no experiment {experiment_id}, or has it in its trash."
            raise StoreError(message, key="tracking.uri")
        return str(found[0][0])

    @contextmanager
    def _run(self, run_id: str) -> Iterator[sqlite3.Connection]:
        """Begin to write to a run, which must not be deleted."""
        with self._database.transaction() as database:
            words = "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
            if not database.execute(words, (run_id,)).fetchall():
                message = f"The run {run_id} was deleted from the store {self._database.path}."
                raise StoreError(message, key="tracking.uri")
            yield database


def _below(place: str, *names: str) -> str:
    """Return the address of a folder below another."""
    if _PLACE.fullmatch(place):
        return "/".join((place.rstrip("/"), *names))
    from mlflow.utils.uri import append_to_uri_path

    return str(append_to_uri_path(place, *names))


def _folder(address: str) -> Path | None:
    """Return the folder of an address on this machine, or None of any other."""
    found = _PLACE.fullmatch(address)
    return Path(url2pathname(found[2])) if found else None
