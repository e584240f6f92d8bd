"""What is another between two records of runs, beside their figures: each may be why figures drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from seqexp.compose.tree import leaves
from seqexp.errors import ConfigError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.validate import validate
from seqexp.store.environment import changed_files
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.identity import run_key_of
from seqexp.workflows.user_code import PLUGINS

Kind = Literal["request", "key", "data", "own_code", "code", "versions", "machine", "threads", "engine", "flags"]
_WITHOUT_EFFECT = {"mlflow", "matplotlib"}  # no figure passes through these
_NOTHING = "nothing"
_MOST_FILES = 5  # that are named
#: What a record of today holds -> how it is called where an older one does not.
_HELD = {
    ("fit", "final_hash"): "hashes of the weights",
    ("fit", "threads"): "the number of threads",
    ("fit", "engine"): "the engine",
    ("data", "columns"): "fingerprints of the columns",
    ("environment", "versions"): "versions",
    ("environment", "machine"): "the machine",
    ("environment", "flags"): "flags of TensorFlow and XLA",
    ("environment", "code"): "the state of seqexp's code",
}


@dataclass(frozen=True)
class Difference:
    """One thing that is another.

    Attributes:
        kind: What it is about.
        text: What was, and what is.
        can_matter: Whether figures can depend on it.
    """

    kind: Kind
    text: str
    can_matter: bool = True


def find_differences(before: StoredRun, after: StoredRun, data_change: str = "") -> list[Difference]:
    """Return everything in which two runs differ, as far as their records tell.

    Args:
        before: The run that was to be repeated.
        after: The one that repeats it.
        data_change: What is another in the data, if the two series were held against each other.
    """
    own_code = list(_own_code(before.record.environment, after.record.environment))
    return [
        *_asked_for(before, after),
        *(() if own_code else _key(before)),
        *_data(before.record.data, after.record.data, data_change),
        *own_code,
        *_code(before.record.environment, after.record.environment),
        *_versions(before.record.environment, after.record.environment),
        *_machine(before.record.environment, after.record.environment),
        *_fit(before.record.fit, after.record.fit),
        *_flags(before.record.environment, after.record.environment),
    ]


def not_held(before: StoredRun) -> list[str]:
    """Return what the record of a run does not hold, for it was written by an older release."""
    record = before.record
    parts = {"fit": record.fit, "data": record.data, "environment": record.environment}
    return [name for (part, key), name in _HELD.items() if key not in parts[part]]


def _asked_for(before: StoredRun, after: StoredRun) -> Iterator[Difference]:
    """Yield the keys of the spec that were overridden."""
    try:
        trees = [validate(run.spec) for run in (before, after)]
    except ConfigError:
        return
    old, new = (dict(leaves(_told(spec))) for spec in trees)
    for key in dict.fromkeys([*old, *new]):
        if old.get(key, _NOTHING) != new.get(key, _NOTHING) or (key in old) != (key in new):
            yield Difference("request", f"{key} {old.get(key, _NOTHING)} -> {new.get(key, _NOTHING)}")


def _told(spec: ExperimentSpec) -> dict[str, Any]:
    tree = spec.what_affects_the_result()
    for derived in ("n_features", "n_targets"):
        del tree["data"][derived]
    return tree


def _key(before: StoredRun) -> Iterator[Difference]:
    """Say so where the very same experiment and data have another key now: another release says so."""
    record = before.record
    try:
        key = run_key_of(validate(before.spec), str(record.data.get("fingerprint", "")))
    except ConfigError:
        return
    if key != record.run_key:
        text = f"this release of seqexp gives the experiment another run key ({record.run_key} -> {key})"
        yield Difference("key", text)


def _data(before: Mapping[str, Any], after: Mapping[str, Any], change: str) -> Iterator[Difference]:
    if before.get("fingerprint") != after.get("fingerprint"):
        yield Difference("data", f"the data changed: {change or _by_fingerprints(before, after)}")


def _by_fingerprints(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say of what there is no copy what the fingerprints tell."""
    told = []
    if "columns" in before and "columns" in after:
        names = [name for name, print_ in before["columns"].items() if after["columns"].get(name) != print_]
        told += [f"column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"] if names else []
        told += ["the stamps"] if before.get("stamps") != after.get("stamps") else []
        told += ["which values are filled"] if before.get("observed") != after.get("observed") else []
    else:
        told.append("the record does not hold which columns")
    for key, word in (("steps", "rows"), ("first", "first row"), ("last", "last row")):
        if before.get(key) != after.get(key):
            told.append(f"{word} {before.get(key)} -> {after.get(key)}")
    told = told or ["names, or how the values are laid out"]
    return f"{', '.join(told)} (there is no copy to tell which rows)"


def _own_code(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield a user's files whose text is another, with the parts of them that the run uses still."""
    now = {part: code["sha256"] for code in after.get(PLUGINS) or [] for part in code["parts"]}
    for code in before.get(PLUGINS) or []:
        if parts := [part for part in code["parts"] if now.get(part, code["sha256"]) != code["sha256"]]:
            used = f"file {PurePath(code['file']).name}, of which the run uses {', '.join(parts)}"
            yield Difference("own_code", f"own code changed: {used}")


def _code(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = before.get("code", {}), after.get("code", {})
    if not old:
        yield from _repository_alone(before.get("git", {}), after)
    elif old.get("files") != new.get("files"):  # the files are the truth: a commit may touch none of them
        yield Difference("code", f"the code of seqexp changed: {_of_code(old, new)}")
    elif "commit" in old and "commit" in new and _state(old) != _state(new):
        yield Difference("code", _moved_on(old, new), can_matter=False)


def _repository_alone(old: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what an older record tells: it holds the repository of the working directory, which may be seqexp's."""
    new, code = after.get("git", {}), after.get("code", {})
    if not old or _state(old) == _state(new):
        return
    is_ours = new.get("commit") is not None and code.get("commit") == new["commit"]
    if is_ours and not old.get("dirty") and _files_between(old, code) == []:
        yield Difference("code", _moved_on(old, new), can_matter=False)
    else:
        yield Difference("code", f"the repository of the working directory changed: {_commits(old, new)}")


def _moved_on(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return f"the repository of seqexp moved on, and its code is the same: {_commits(old, new)}"


def _state(git: Mapping[str, Any]) -> tuple[Any, ...]:
    return git.get("commit"), git.get("diff")


def _of_code(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if "commit" not in old or "commit" not in new:
        return f"its files are others ({old.get('files', '')[:8]} -> {new.get('files', '')[:8]})"
    told = _commits(old, new)
    files = _files_between(old, new)
    if not files:  # git cannot tell, or what is another was never committed
        return told
    named = ", ".join(f"seqexp/{name}" for name in files[:_MOST_FILES])
    more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
    return f"{told} ({named}{more})"


def _files_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str] | None:
    return changed_files(old["commit"], None if new.get("dirty") else new["commit"])


def _commits(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return f"commit {_commit(old)} -> {_commit(new)}"


def _commit(git: Mapping[str, Any]) -> str:
    changes = f" with changes {git['diff'][:8]}" if git.get("diff") else " with changes" if git.get("dirty") else ""
    return f"{(git.get('commit') or 'none')[:10]}{changes}"


def _versions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    if "versions" in before:
        for name, old, new in _changed(before["versions"], after.get("versions", {}), "none"):
            yield Difference("versions", f"{name} {old} -> {new}", name not in _WITHOUT_EFFECT)


def _machine(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = (environment.get("machine", {}) for environment in (before, after))
    for key, word in (("processor", "processor"), ("architecture", "architecture"), ("system", "operating system")):
        if key in old and old[key] != new.get(key):
            yield Difference("machine", f"another {word}: {old[key]} -> {new.get(key)}")


def _fit(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    if None not in (old := before.get("threads"), new := after.get("threads")) and old != new:
        yield Difference("threads", f"threads {old} -> {new}")
    engines = [_engine(fit) for fit in (before, after)]
    if "engine" in before and engines[0] != engines[1]:
        yield Difference("engine", f"engine {engines[0]} -> {engines[1]}")


def _engine(fit: Mapping[str, Any]) -> str:
    return f"{fit.get('engine')}{'' if fit.get('xla') or fit.get('engine') == 'keras' else ' without XLA'}"


def _flags(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    if "flags" in before:
        for name, old, new in _changed(before["flags"], after.get("flags", {}), "not set"):
            yield Difference("flags", f"{name} {old} -> {new}")


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], absent: str) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield name, before.get(name, absent) or "empty", after.get(name, absent) or "empty"
