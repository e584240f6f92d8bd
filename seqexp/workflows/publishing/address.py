"""Where runs are shown: the address of the tracking store."""

from __future__ import annotations

import os
from pathlib import Path

from seqexp.errors import ConfigError
from seqexp.spec.settings import TrackingSpec
from seqexp.spec.tracking_uri import problem_of_uri
from seqexp.workflows.project import Project

_VARIABLE = "MLFLOW_TRACKING_URI"


def tracking_uri(tracking: TrackingSpec, workspace: Path) -> str:
    """Return where runs are shown: the config (an override, then seqexp.yaml), the environment, or the workspace."""
    return tracking.uri or os.environ.get(_VARIABLE) or f"sqlite:///{workspace / 'mlflow.db'}"


def check_environment(tracking: TrackingSpec) -> None:
    """Refuse an address that the environment gives and MLflow has no store for; the config's is checked as composed.

    Raises:
        ConfigError: There is no such store.
    """
    uri = os.environ.get(_VARIABLE)
    if tracking.mlflow and not tracking.uri and uri and (problem := problem_of_uri(uri, _VARIABLE)):
        raise ConfigError([problem])


def default_tracking_uri(project: Project) -> str:
    """Return where a project's runs are shown when no override says otherwise."""
    return tracking_uri(TrackingSpec(uri=asked_tracking_uri(project)), project.workspace)


def asked_tracking_uri(project: Project) -> str | None:
    """Return where a project's seqexp.yaml says that runs are shown; None where it does not say."""
    return next((str(s.value) for s in reversed(project.defaults) if s.key == "tracking.uri"), None)
