"""A user's own code: which files a project loads, and what a record says of the code that a run used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.errors import PluginError, StoreError
from seqexp.plugins.code import Code
from seqexp.plugins.loading import load_entry_points, read_code, use_codes
from seqexp.plugins.table import everything
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.used_code import own_codes, own_parts

PLUGINS = "plugins"  # what a record calls the code that a run used, and the folder it lies in
OPTION, KEY = "--plugin", "plugins"


@dataclass(frozen=True)
class PluginFiles:
    """The files that a project loads.

    Attributes:
        asked: Named for this request. One of them takes the place of the workspace's of the same name.
        own: Named in the workspace's seqexp.yaml.
    """

    asked: tuple[Path, ...] = ()
    own: tuple[Path, ...] = ()

    def load(self) -> None:
        """Execute them, unless that was done before, and import what installed packages bring.

        Raises:
            PluginError: One of them cannot be read, or fails.
        """
        asked = _read(self.asked, OPTION)
        names = {code.name for _, code in asked}
        own = _read([path for path in self.own if path.stem not in names], KEY)
        codes = [*asked, *own]
        if any(b"keras" in code.content or b"tensorflow" in code.content for _, code in codes):
            from seqexp.training.start import import_keras

            import_keras()
        use_codes(codes)
        load_entry_points()


def _read(paths: Sequence[Path], key: str) -> list[tuple[str, Code]]:
    by_name: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        other = by_name.setdefault(path.stem, path)
        if other != path:
            message = f"two plugins have the name {path.stem!r}: {other} and {path}."
            raise PluginError(message, key=key, mend="Rename one of the files: the name tells their parts apart.")
    return [(key, read_code(path, key=key)) for path in by_name.values()]


def describe_code(spec: ExperimentSpec) -> list[dict[str, Any]]:
    """Return what a record says of the own code that a run used: file, hash and the parts that it used."""
    parts = own_parts(spec)
    return [
        {
            "file": code.file_name,
            "sha256": code.digest,
            "parts": [f"{part.kind} {part.name}" for part in parts if part.code.digest == code.digest],
        }
        for code in own_codes(spec)
    ]


def require_code(folder: Path, environment: Mapping[str, Any], *, may_be_edited: bool = False) -> None:
    """See that the own code of a recorded run is registered, as it was then: a record's copy is never executed unasked.

    Args:
        folder: The run directory.
        environment: That of its record.
        may_be_edited: Whether parts of the same names will do, whatever their code is now.

    Raises:
        StoreError: Something is not, or is another by now; it says which file to name.
    """
    described = environment.get(PLUGINS) or []
    if not described:
        return
    here = {part.code.digest for part in everything() if any(_is_of(part, code) for code in described)}
    missing = [code for code in described if code["sha256"] not in here]
    if not missing:
        return
    told = "; ".join(f"{', '.join(code['parts'])} of {Path(code['file']).name}" for code in missing)
    names = {f"{part.kind} {part.name}" for part in everything()}
    if may_be_edited and all(name in names for code in missing for name in code["parts"]):
        return
    is_other = any(name in names for code in missing for name in code["parts"])
    reason = "which was edited since" if is_other else "which is not loaded"
    options = " ".join(f"{OPTION} {folder / code['file']}" for code in missing)
    files = ", ".join(repr(str(folder / code["file"])) for code in missing)
    mend = f"Look at the copy in its record, and name it: {options}"
    mend += f"\n  From Python: seqexp.load(run, plugins=[{files}])"
    raise StoreError(f"the run {folder.name} uses own code, {reason}: {told}.", mend=mend)


def _is_of(part: Any, code: Mapping[str, Any]) -> bool:
    return f"{part.kind} {part.name}" in code["parts"]
