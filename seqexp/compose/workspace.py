"""The workspace: the folder that a person's runs, config and defaults belong to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqexp.compose.origin import Origin, Setting, shown_path
from seqexp.compose.yaml_file import PLUGINS, YamlFile, read_yaml
from seqexp.errors import ConfigError, Problem
from seqexp.spec.parts import dotted, shown

MARK = "seqexp.yaml"


def find_workspace(asked: str | Path | None = None) -> Path:
    """Return the folder asked for, that of ``SEQEXP_WORKSPACE``, the nearest with a seqexp.yaml, or the present one.

    Raises:
        ConfigError: The folder asked for does not exist.
    """
    wanted = asked or os.environ.get("SEQEXP_WORKSPACE")
    if wanted:
        folder = Path(wanted).expanduser().resolve()
        if not folder.is_dir():
            source = "--workspace" if asked else "SEQEXP_WORKSPACE"
            if folder.exists():
                raise ConfigError(f"{source}: {wanted} is a file.", mend="Name the folder it lies in.")
            raise ConfigError(f"{source}: there is no folder {wanted}.", mend="Make it first, or name another.")
        return folder
    here = Path.cwd().resolve()
    return next((folder for folder in (here, *here.parents) if (folder / MARK).is_file()), here)


def workspace_settings(workspace: Path) -> list[Setting]:
    """Return the defaults that the workspace's seqexp.yaml sets; none where there is no such file."""
    path = workspace / MARK
    if not path.is_file():
        return []
    file = read_yaml(path, may_name_plugins=True)
    tree = file.tree or {}
    if isinstance(tree, Mapping):
        tree = {key: value for key, value in tree.items() if key != PLUGINS}
    return list(settings_of(tree, file, "workspace"))


def workspace_plugins(workspace: Path) -> list[Path]:
    """Return the files of own code that the workspace's seqexp.yaml names; their paths count from it.

    Raises:
        ConfigError: The key holds something else than paths.
    """
    path = workspace / MARK
    if not path.is_file():
        return []
    file = read_yaml(path, may_name_plugins=True)
    named = file.tree.get(PLUGINS) if isinstance(file.tree, Mapping) else None
    if named is None:
        return []
    if not isinstance(named, list) or not all(isinstance(item, str) and item for item in named):
        where = shown_path(path, file.lines.get(PLUGINS, 0))
        message = f"expected a list of Python files, got {shown(named)}."
        raise ConfigError([Problem(message, PLUGINS, "For example plugins: [my_layers.py].", where)])
    return [(workspace / Path(item).expanduser()).resolve() for item in named]


def settings_of(tree: Any, file: YamlFile, kind: Any, prefix: str = "") -> Iterator[Setting]:
    """Turn a mapping of overrides, as in seqexp.yaml or a study's ``set``, into settings.

    Args:
        tree: ``{data: household_power, training.epochs: 5, training: {batch_size: 16}}``.
        file: The file it stands in, for the lines.
        kind: The kind of origin.
        prefix: The key of the mapping inside the file.
    """
    if not isinstance(tree, Mapping):
        where = shown_path(file.path)
        raise ConfigError([Problem(f"expected a mapping of keys and values, got {shown(tree)}.", prefix, where=where)])
    for key, value in tree.items():
        name = str(key)
        line = file.lines.get(dotted(prefix, name), 0)
        origin = Origin(kind, text=f"{name}={value}", file=file.path, line=line)
        yield Setting(name, value, origin)
