"""Where runs are shown: the address of the tracking store."""

from __future__ import annotations

import os
from pathlib import Path

from seqexp.spec.settings import TrackingSpec
from seqexp.workflows.project import Project


def tracking_uri(tracking: TrackingSpec, workspace: Path) -> str:
    """Return where runs are shown: the config (an override, then seqexp.yaml), the environment, or the workspace."""
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace / 'mlflow.db'}"


def default_tracking_uri(project: Project) -> str:
    """Return where a project's runs are shown when no override says otherwise."""
    return tracking_uri(TrackingSpec(uri=asked_tracking_uri(project)), project.workspace)


def asked_tracking_uri(project: Project) -> str | None:
    """Return where a project's seqexp.yaml says that runs are shown; None where it does not say."""
    return next((str(s.value) for s in reversed(project.defaults) if s.key == "tracking.uri"), None)
