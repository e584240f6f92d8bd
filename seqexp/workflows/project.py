"""A project: a workspace, its config folders, and how requests in it are composed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqexp.assets import shipped_folder
from seqexp.compose.axes import Axis, Interval
from seqexp.compose.composer import Composed, Composer, located_at
from seqexp.compose.groups import ConfigGroups
from seqexp.compose.origin import Setting
from seqexp.compose.overrides import Request, read_overrides
from seqexp.compose.workspace import find_workspace, workspace_plugins, workspace_settings
from seqexp.errors import ConfigError, Problem
from seqexp.spec.data import DataSpec
from seqexp.spec.execution import ExecutionSpec
from seqexp.spec.sources import WindowsSource
from seqexp.spec.validate import validate_as
from seqexp.workflows.user_code import PluginFiles


@dataclass
class Project:
    """Where a person works: everything that a request needs before it is composed."""

    workspace: Path
    groups: ConfigGroups
    defaults: list[Setting] = field(default_factory=list)
    plugins: PluginFiles = field(default_factory=PluginFiles)

    def __post_init__(self) -> None:
        self._composer = Composer(self.groups, _count_features)
        self._is_loaded = False

    @property
    def runs(self) -> Path:
        """The folder of run directories."""
        return self.workspace / "runs"

    @property
    def sweeps(self) -> Path:
        """The folder of sweep directories."""
        return self.workspace / "sweeps"

    def load_code(self) -> None:
        """Load the user's own code, which what is composed may name.

        Raises:
            PluginError: It cannot be loaded.
        """
        if not self._is_loaded:
            self.plugins.load()
            self._is_loaded = True

    def request(self, overrides: Sequence[str]) -> Request:
        """Read overrides: values and axes."""
        return read_overrides(overrides, self.groups)

    def compose(self, settings: Sequence[Setting]) -> Composed:
        """Compose one experiment on top of the workspace's defaults."""
        self.load_code()
        return self._composer.compose([*self.defaults, *settings])

    def execution(self, settings: Sequence[Setting]) -> ExecutionSpec:
        """Return how a sweep with these settings is executed.

        Raises:
            ConfigError: The section ``execution`` is wrong.
        """
        tree, origins = self._composer.section("execution", [*self.defaults, *settings])
        with located_at(origins):
            return validate_as(ExecutionSpec, tree or {}, "execution")

    def compose_one(self, overrides: Sequence[str]) -> Composed:
        """Compose the one experiment that overrides describe.

        Raises:
            ConfigError: An override has several values, which is a sweep.
        """
        return self.compose(self.request_one(overrides))

    def request_one(self, overrides: Sequence[str]) -> list[Setting]:
        """Read the overrides of one experiment.

        Raises:
            ConfigError: An override has several values, which is a sweep.
        """
        request = self.request(overrides)
        if request.axes:
            mend = "Use seqexp sweep for several values."
            problems = [
                Problem(f"{_many(axis)}, and one run takes one value.", key, mend, f"override {request.texts[key]}")
                for key, axis in request.axes.items()
            ]
            raise ConfigError(problems)
        return request.settings


def open_project(
    workspace: str | Path | None = None,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] | None = None,
) -> Project:
    """Find the workspace and its config folders: ``--config-dir``, the workspace's ``conf/``, then the shipped one.

    Args:
        workspace: The folder asked for.
        config_dir: A folder with config groups of the user's own.
        plugins: Files of own code, besides those that the workspace's seqexp.yaml names. They are loaded when something
            is composed.

    Raises:
        ConfigError: A folder that was asked for does not exist, or seqexp.yaml is not valid.
    """
    folder = find_workspace(workspace)
    folders = []
    if config_dir is not None:
        asked = Path(config_dir).expanduser()
        if not asked.is_dir():
            raise ConfigError(f"--config-dir: there is no folder {config_dir}.")
        folders.append(asked.resolve())
    own = folder / "conf"
    if own.is_dir() and own.resolve() != shipped_folder("conf").resolve():
        folders.append(own)
    named = tuple(Path(path).expanduser().resolve() for path in plugins or ())
    files = PluginFiles(named, tuple(workspace_plugins(folder)))
    return Project(folder, ConfigGroups(folders), workspace_settings(folder), files)


def _many(axis: Axis) -> str:
    return "is an interval" if isinstance(axis, Interval) else f"has {len(axis)} values"


def _count_features(data: dict[str, Any]) -> int:
    """Count the columns that ``features: all`` means; 1 where the data section is not valid, which is reported."""
    from seqexp.data.examples import count_features
    from seqexp.data.table import numeric_columns

    try:
        spec = validate_as(DataSpec, {**data, "name": "data", "n_targets": 1, "n_features": 1})
    except ConfigError:
        return 1
    if isinstance(spec.source, WindowsSource):
        return count_features(Path(spec.path or ""))
    return len(numeric_columns(spec))
