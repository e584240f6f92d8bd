"""Choose one file from each config group, with Hydra. The only module that touches its internals.

Hydra composes files and nothing else here: values are applied on top by :mod:`seqexp.compose.composer`, so that a
misspelt key is reported together with every other mistake.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqexp.assets import shipped_folder
from seqexp.compose.origin import Origin, shown_path
from seqexp.compose.yaml_file import YamlFile, read_yaml
from seqexp.errors import ConfigError, Problem, suggest
from seqexp.spec.parts import dotted

GROUPS = ("topology", "data", "optimizer", "training", "evaluation", "tracking", "execution")
Tree = dict[str, Any]
Origins = dict[str, Origin]


class CheckedFiles(FileConfigSource):  # type: ignore[misc]
    """Hydra's source of files, which refuses whatever is not plain data before Hydra sees it."""

    @staticmethod
    def scheme() -> str:
        """Return the word before ``://`` in a search path."""
        return "seqexp"

    def load_config(self, config_path: str) -> ConfigResult:
        """Read and check a file."""
        path = Path(self.path) / self._normalize_file_name(config_path)
        if not path.is_file():
            raise ConfigLoadError(f"There is no config file {path}.")
        file = _FILES[path] = read_yaml(path)
        if not isinstance(file.tree or {}, Mapping):
            raise ConfigError(f"The file {path} holds no keys and values.", mend="Write lines of the form key: value.")
        header = self._get_header_dict(file.head)
        return ConfigResult(self.provider, f"seqexp://{self.path}", OmegaConf.create(file.tree or {}), header)


_FILES: dict[Path, YamlFile] = {}


@dataclass
class Composition:
    """What the chosen files say together: values not yet resolved, where each came from, and the choices made."""

    tree: Tree
    origins: Origins
    choices: dict[str, str]


class ConfigGroups:
    """The config folders of a user, then the shipped one; a file in an earlier folder hides one of the same name."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self.folders = [*dict.fromkeys(folder.resolve() for folder in folders), shipped_folder("conf")]
        Plugins.instance().register(CheckedFiles)
        search_path = ConfigSearchPathImpl()
        for position, folder in enumerate(self.folders):
            search_path.append(f"conf{position}", f"seqexp://{folder}")
        search_path.append("schema", "structured://")
        self.loader = ConfigLoaderImpl(config_search_path=search_path)
        self._options: dict[str, list[str]] = {}
        # A pickled tree is copied in a tenth of the time that a deep copy takes: a sweep wants one for each point.
        self._composed: dict[tuple[tuple[str, str], ...], tuple[Composition, bytes]] = {}

    def options(self, group: str) -> list[str]:
        """Return the names that may be chosen from a group."""
        if group not in self._options:
            self._options[group] = sorted(self.loader.get_group_options(group))
        return self._options[group]

    def file_of(self, group: str, name: str) -> Path:
        """Return the file that a choice stands for."""
        return next(path for folder in self.folders if (path := folder / group / f"{name}.yaml").is_file())

    def compose(self, choices: Mapping[str, str]) -> Composition:
        """Merge the chosen files; of a group without a choice, the one that config.yaml names.

        Raises:
            ConfigError: A file is not readable or not valid.
        """
        key = tuple(sorted(choices.items()))
        if key not in self._composed:
            made = self._compose([f"{group}={name}" for group, name in key])
            self._composed[key] = made, pickle.dumps(made.tree)
        made, tree = self._composed[key]
        return Composition(pickle.loads(tree), dict(made.origins), dict(made.choices))

    def _compose(self, overrides: list[str]) -> Composition:
        # What Hydra's compose() does, without Hydra's own config (logging, launchers), which is half of its time.
        try:
            parsed, repository = self.loader._parse_overrides_and_create_caching_repo("config", overrides)
            found = create_defaults_list(repository, "config", parsed, prepend_hydra=False, skip_missing=False)
            config = self.loader._compose_config_from_defaults_list(found.defaults, repository)
        except RecursionError:
            raise ConfigError([self._circle(", ".join(overrides) or "config.yaml")]) from None
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError([self._not_composed(_first_line(error))]) from None
        tree: Tree = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
        choices = found.overrides.known_choices
        origins: Origins = {}
        for default in found.defaults:
            for path in self._files_of(default.config_path or ""):
                for name, line in _FILES[path].lines.items():
                    if not name.startswith("defaults"):
                        origins[dotted(default.package or "", name)] = Origin("file", file=path, line=line)
        return Composition(tree, origins, {group: choices[group] for group in GROUPS if group in choices})

    def _not_composed(self, reason: str) -> Problem:
        """Explain defaults that name a file that is not there."""
        found = re.match(r"In '(\w+)/(\w+)': Could not load '(?:\w+/)?([^']+)'", reason)
        if found is None or found[1] not in GROUPS:
            return Problem(f"The config files do not compose: {reason}")
        group, name, wanted = found.groups()
        file = _FILES[self.file_of(group, name)]
        where = shown_path(file.path, file.lines.get("defaults", 0))
        return Problem(f"there is no {group} {wanted!r}.", group, suggest(wanted, self.options(group)), where)

    def _circle(self, chosen: str) -> Problem:
        """Explain defaults that lead back to their own file."""
        for path, file in _FILES.items():
            defaults = file.tree.get("defaults") if isinstance(file.tree, Mapping) else None
            ours = any(path.is_relative_to(folder) for folder in self.folders)
            if ours and isinstance(defaults, list) and path.stem in defaults:
                group = path.parent.name
                message = f"the defaults of {group}/{path.name} lead back to the file itself."
                hides = (self.folders[-1] / group / path.name).is_file()
                mend = "It takes the whole place of the shipped file of its name: give it another one." if hides else ""
                return Problem(message, group, mend, shown_path(path, file.lines.get("defaults", 0)))
        return Problem(f"The defaults of a file chosen by {chosen} lead back to the file itself.")

    def _files_of(self, config_path: str) -> Iterator[Path]:
        for folder in self.folders:
            path = folder / f"{config_path}.yaml"
            if path in _FILES and path.is_file():
                yield path
                return


def _first_line(error: Exception) -> str:
    text = str(error).strip() or str(error.__cause__ or "")
    return text.splitlines()[0] if text else type(error).__name__
