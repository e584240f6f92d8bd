"""The MLflow model registry: name a model, point an alias at it, and get it back.

Everything goes through ``MlflowClient`` with explicit ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.errors import StoreAway, StoreError
from seqexp.store.local_store import local_path
from seqexp.store.mlflow_settings import asked_briefly, mlflow_settings
from seqexp.store.outage import does_not_answer, outage, reason_of
from seqexp.store.run_dir import RECORD

PREFIX = "models:/"
RUN_KEY, ATTEMPT = "run_key", "attempt"  # tags of a version: which run directory holds it


@dataclass(frozen=True)
class Version:
    """One version of a registered model.

    Attributes:
        name: Of the model.
        number: Counted from 1 by MLflow.
        run_key: Of the run whose model it is; empty for a model that something else registered.
        attempt: Of that run.
        aliases: That point at it.
    """

    name: str
    number: str
    run_key: str
    attempt: str
    aliases: tuple[str, ...] = ()


class ModelRegistry:
    """The registry of one tracking store, which must be there."""

    @mlflow_settings()
    def __init__(self, uri: str) -> None:
        """Open it.

        Raises:
            StoreError: There is no such store, or it does not answer.
        """
        if (path := local_path(uri)) is not None and not path.is_file():
            raise StoreError(f"there is no MLflow store {uri}.", key="tracking.uri", mend="Its first run makes it.")
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self.uri = uri
        self._failure = MlflowException
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if path is None:
            with self._explained(), asked_briefly():
                self._client.search_registered_models(max_results=1)

    @mlflow_settings()
    def register(self, name: str, run_id: str, *, run_key: str, attempt: int, alias: str | None) -> Version:
        """Make the logged model of an MLflow run a version of a name; one that is there already stays the same.

        Raises:
            StoreError: The name or alias is none, or the run has no logged model.
        """
        try:
            self._make_name(name)
            found = self._version_of(name, run_key, attempt) or self._add(name, run_id, run_key, attempt)
            if alias is not None:
                self._client.set_registered_model_alias(name, alias, found.version)
            return self._told(self._client.get_model_version(name, found.version))
        except self._failure as error:
            message = f"MLflow at {self.uri} does not register {name!r}: {reason_of(error)}"
            raise does_not_answer(error)(message) from None

    @mlflow_settings()
    def find(self, address: str) -> Version:
        """Return what ``models:/NAME/3`` or ``models:/NAME@champion`` stands for.

        Raises:
            StoreError: The address is written in another way, or there is no such model.
        """
        name, version, alias = _parts(address)
        try:
            if alias:
                return self._told(self._client.get_model_version_by_alias(name, alias))
            return self._told(self._client.get_model_version(name, version))
        except self._failure as error:
            if why := outage(error):
                raise StoreAway(f"the registry of {self.uri} does not answer: {why}.") from None
            mend = f"seqexp register RUN {name} --alias {alias or 'champion'} registers one."
            raise StoreError(f"{address} is not in the registry of {self.uri}: {reason_of(error)}", mend=mend) from None

    @mlflow_settings()
    def runs(self) -> set[tuple[str, str]]:
        """Return run key and attempt of every run with a registered version."""
        with self._explained():
            found = self._client.search_model_versions(max_results=10_000)
        return {(version.tags.get(RUN_KEY, ""), version.tags.get(ATTEMPT, "")) for version in found}

    @mlflow_settings()
    def download(self, version: Version, folder: Path) -> Path:
        """Copy the model of a version into a folder, and return the folder of its run's files.

        Raises:
            StoreError: It cannot be had, or is no model of seqexp's.
        """
        import mlflow.artifacts

        try:
            source = self._client.get_model_version_download_uri(version.name, version.number)
            got = mlflow.artifacts.download_artifacts(source, dst_path=str(folder), tracking_uri=self.uri)
        except (self._failure, OSError) as error:
            message = f"the model {version.name} {version.number} cannot be had from {self.uri}: {reason_of(error)}"
            raise does_not_answer(error)(message) from None
        record = next(Path(got).rglob(RECORD), None)
        if record is None:
            raise StoreError(f"{version.name} {version.number} is no model that seqexp logged.")
        return record.parent

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._failure as error:
            message = f"the registry of {self.uri} does not answer: {reason_of(error)}."
            raise does_not_answer(error)(message) from None

    def _make_name(self, name: str) -> None:
        try:
            self._client.get_registered_model(name)
        except self._failure as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(name)

    def _version_of(self, name: str, run_key: str, attempt: int) -> Any:
        for version in self._client.search_model_versions(f"name = '{name}'"):
            if (version.tags.get(RUN_KEY), version.tags.get(ATTEMPT)) == (run_key, str(attempt)):
                return version
        return None

    def _add(self, name: str, run_id: str, run_key: str, attempt: int) -> Any:
        experiment = self._client.get_run(run_id).info.experiment_id
        words = f"source_run_id = '{run_id}'"
        logged = self._client.search_logged_models([experiment], filter_string=words, max_results=1)
        if not logged:
            raise StoreError(f"the MLflow run {run_id} has no logged model.")
        tags = {RUN_KEY: run_key, ATTEMPT: str(attempt)}
        model = logged[0]
        # Its place, not models:/ID: that MLflow looks up in the store of the working directory, whatever this one is.
        return self._client.create_model_version(
            name, model.artifact_location, run_id=run_id, tags=tags, model_id=model.model_id
        )

    def _told(self, version: Any) -> Version:
        tags = version.tags
        aliases = tuple(version.aliases or ())
        return Version(version.name, str(version.version), tags.get(RUN_KEY, ""), tags.get(ATTEMPT, ""), aliases)


def _parts(address: str) -> tuple[str, str, str]:
    """Return name, version and alias of an address; one of the last two is empty."""
    rest = address.removeprefix(PREFIX)
    name, at, alias = rest.rpartition("@")
    if at and name and alias:
        return name, "", alias
    name, _, version = rest.rpartition("/")
    if name and version.isdigit():
        return name, version, ""
    mend = f"Write {PREFIX}NAME@ALIAS or {PREFIX}NAME/VERSION."
    raise StoreError(f"{address!r} is no address of a registered model.", mend=mend)
