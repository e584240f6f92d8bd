"""Read a study: a YAML file with a question, values that are held fixed, and axes that are swept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.assets import shipped_folder
from seqexp.compose.axes import Axes, Axis
from seqexp.compose.groups import ConfigGroups
from seqexp.compose.origin import Setting
from seqexp.compose.overrides import read_axis
from seqexp.compose.workspace import settings_of
from seqexp.compose.yaml_file import YamlFile, read_yaml
from seqexp.errors import ConfigError, Problem, located, suggest
from seqexp.spec.study import StudySpec
from seqexp.spec.validate import validate_as


@dataclass(frozen=True)
class Study:
    """A study that was read: what it sets, and its grids of axes."""

    name: str
    spec: StudySpec
    settings: list[Setting]
    grids: list[Axes]


def find_study(word: str) -> Path | None:
    """Return the file that a word on the command line means: a path, or a study that ships with seqexp.

    Raises:
        ConfigError: The word looks like a file, and there is none.
    """
    if word.endswith((".yaml", ".yml")):
        path = Path(word).expanduser().resolve()
        if not path.is_file():
            raise ConfigError(f"There is no study file {word}.", mend=suggest(Path(word).stem, study_names()))
        return path
    path = shipped_folder("experiments") / f"{word}.yaml"
    return path if "/" not in word and path.is_file() else None


def study_names() -> list[str]:
    """Return the studies that ship with seqexp."""
    return sorted(path.stem for path in shipped_folder("experiments").glob("*.yaml"))


def read_study(path: Path, groups: ConfigGroups) -> Study:
    """Read and check a study file.

    Raises:
        ConfigError: The file is not a study.
    """
    file = read_yaml(path)
    try:
        spec = validate_as(StudySpec, file.tree or {})
    except ConfigError as error:
        lines = {"": path.name, **{key: f"{path.name}:{line}" for key, line in file.lines.items()}}
        raise located(error, lines.items()) from None
    grids = [dict(_axes(grid, groups, file)) for grid in spec.grids]
    return Study(path.stem, spec, list(settings_of(spec.set, file, "study", "set")), grids)


def _axes(grid: dict[str, Any], groups: ConfigGroups, file: YamlFile) -> Iterator[tuple[str, Axis]]:
    for key, value in grid.items():
        where = f"{file.path.name}, sweep"
        if isinstance(value, list):
            if not value:
                raise ConfigError([Problem("this axis has no values.", key, where=where)])
            yield key, value
        elif isinstance(value, str):
            yield key, read_axis(key, value, groups, where)
        else:
            yield key, [value]
