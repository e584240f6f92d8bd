"""Read a YAML file that may have been written by a stranger: data only, no tags, no aliases, no bombs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader  # reads 1e-3 as a number and a date as text, as Hydra does

from seqexp.compose.origin import shown_path
from seqexp.errors import ConfigError, Problem, suggest
from seqexp.spec.parts import dotted

LARGEST_FILE = 1_000_000  # bytes
DEEPEST = 40
PLUGINS = "plugins"  # the key under which a workspace, and nothing else, names files of code
_CODE_KEYS = {"_target_", "_partial_", "_args_", "_convert_", "_recursive_"}
_PLUGIN_KEYS = {f"{place}.{PLUGINS}" for place in ("set", "topology", "data", "training", "evaluation", "execution")}


@dataclass(frozen=True)
class YamlFile:
    """The content of a file, the line of every key in it (``layers[0].LSTM.units``), and its first characters."""

    path: Path
    tree: Any
    lines: dict[str, int]
    head: str


def read_yaml(path: Path, *, may_name_plugins: bool = False) -> YamlFile:
    """Read and check one file.

    Args:
        path: The file.
        may_name_plugins: Whether it is a workspace's seqexp.yaml, whose key ``plugins`` names files of code.

    Raises:
        ConfigError: The file is missing, too large, no valid YAML, or holds tags, aliases or code.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"The file {shown_path(path)} is larger than {LARGEST_FILE:,} bytes.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = [item.name for item in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        raise ConfigError(f"There is no file {shown_path(path)}.", mend=suggest(path.name, near)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The file {shown_path(path)} cannot be read: {error}") from None
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        if node is not None:
            _note_lines(node, "", lines, path)
        for key in () if may_name_plugins else lines:
            refuse_plugins(key, shown_path(path, lines[key]))
        return YamlFile(path, None if node is None else loader.construct_document(node), lines, text[:512])
    except _NotPlain as error:
        where = shown_path(path, error.line)
        raise ConfigError([Problem(str(error), where=where, mend="Write plain keys and values out.")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError([Problem(f"This is no valid YAML: {error.problem}.", where=shown_path(path, line))]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError([Problem(f"This is no valid YAML: {error}", where=shown_path(path))]) from None


class _NotPlain(Exception):
    def __init__(self, message: str, mark: Any) -> None:
        self.line = mark.line + 1
        super().__init__(message)


class _PlainLoader(get_yaml_loader()):  # type: ignore[misc]
    """Stops at the first thing in a file that is not a plain value, before anything is made of it."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _NotPlain("Anchors and aliases are not allowed in a config.", event.start_mark)
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            raise _NotPlain(f"The tag {tag} is not allowed in a config.", event.start_mark)
        if self._depth > DEEPEST:
            raise _NotPlain(f"The values are nested deeper than {DEEPEST} levels.", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _note_lines(node: yaml.Node, key: str, lines: dict[str, int], path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.tag != "tag:yaml.org,2002:str":
                raise _NotPlain(f"The key {name.value} is no text.", name.start_mark)
            inner = dotted(key, str(name.value))
            lines[inner] = name.start_mark.line + 1
            refuse_code(str(name.value), inner, shown_path(path, lines[inner]))
            _note_lines(value, inner, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            lines[f"{key}[{position}]"] = item.start_mark.line + 1
            _note_lines(item, f"{key}[{position}]", lines, path)


def refuse_plugins(key: str, where: str) -> None:
    """Refuse a key that looks as if an experiment could name a file of code."""
    if key == PLUGINS or key in _PLUGIN_KEYS:
        mend = "Name the file on the command line, --plugin FILE.py, or as plugins: [FILE.py] in your seqexp.yaml."
        raise ConfigError([Problem("an experiment cannot name code.", key, mend, where)])


def refuse_code(name: str, key: str, where: str) -> None:
    """Refuse the words with which Hydra would run code."""
    if name in _CODE_KEYS or key == "hydra" or key.startswith("hydra."):
        mend = "seqexp looks names up in its registry: layers, optimizers, losses and sources by their own name."
        raise ConfigError([Problem("code cannot be named in a config.", key, mend, where)])
