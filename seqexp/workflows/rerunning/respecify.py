"""The spec of a rerun: that of the record, or the same with overrides."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from seqexp.compose.composer import DERIVED, Composed
from seqexp.compose.groups import GROUPS
from seqexp.compose.origin import Origin, Setting
from seqexp.compose.tree import leaves, set_value
from seqexp.errors import ConfigError, Problem, SeqexpError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.topology import RESERVED
from seqexp.spec.validate import validate
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.project import Project
from seqexp.workflows.user_code import PLUGINS, require_code

#: Keys from which others follow: a recorded spec holds these already, worked out.
_FOLLOWED = ("topology", "timesteps", "output_length", "data.targets", "data.features", "data.future", "data.calendar")


def recorded_spec(stored: StoredRun) -> ExperimentSpec:
    """Return the spec of a run.

    Raises:
        ConfigError: This release does not take it any more.
        StoreError: It uses own code that is not loaded. If that was edited since, the verdict will say so.
    """
    require_code(stored.path, stored.record.environment, may_be_edited=True)
    try:
        return validate(stored.spec)
    except ConfigError as error:
        code = ", or for the own code as it is now" if stored.record.environment.get(PLUGINS) else ""
        head = Problem(f"the recorded spec of {stored.path.name} is none for this release of seqexp{code}.")
        raise ConfigError([head, *error.problems]) from None


def respecify(project: Project, stored: StoredRun, overrides: Sequence[str]) -> Composed:
    """Return what a rerun is to run.

    Overrides are composed with the config of today, with the recorded values below them, so that what follows from a
    key follows here too (``topology.units=64`` reaches the layers). If that config does not give the recorded spec any
    more, only keys can be set from which nothing follows. A recorded time limit is left out: here and now a run may
    take longer, and that changes nothing in what comes out.

    Raises:
        ConfigError: The recorded spec or an override is wrong, or has several values.
    """
    project.load_code()
    recorded = _without_time_limit(recorded_spec(stored))
    if not overrides:
        return Composed(recorded, {})
    request = project.request_one(overrides)
    below = list(_settings(recorded, stored, anew=set()))
    differing = _differing(project, below, recorded)
    if not differing:
        anew = {setting.key for setting in request if setting.key in GROUPS}
        return project.compose([*_settings(recorded, stored, anew=anew), *request])
    for setting in request:
        if setting.key in GROUPS or setting.key.startswith(_FOLLOWED):
            message = f"the config here does not give the recorded spec of {stored.path.name} any more ({differing})."
            mend = f"Leave {setting.key} out, or compose the experiment anew: seqexp run ..."
            raise ConfigError([Problem(message, setting.key, mend, str(setting.origin))])
    tree = copy.deepcopy(recorded.as_tree())
    origins: dict[str, Origin] = {}
    for setting in request:
        origins |= dict.fromkeys(set_value(tree, setting.key, setting.value), setting.origin)
    composed = Composed(recorded, origins)
    with composed.explained():
        return Composed(validate(tree), origins)


def _without_time_limit(spec: ExperimentSpec) -> ExperimentSpec:
    return spec.model_copy(update={"execution": spec.execution.model_copy(update={"timeout": None})})


def _settings(spec: ExperimentSpec, stored: StoredRun, *, anew: set[str]) -> Iterator[Setting]:
    """Yield what composes a recorded spec again, but for the groups that are chosen anew."""
    origin = Origin("record", stored.path.name)
    for section, value in spec.as_tree().items():
        if section in anew:
            continue
        if section not in GROUPS:
            yield Setting(section, value, origin)
            continue
        if section in ("topology", "data"):
            yield Setting(section, value["name"], origin)
        derived = {*DERIVED, *(f"topology.{key}" for key in RESERVED)}
        if section == "topology":
            derived -= {"topology.match_parameters", "topology.head", "topology.quantiles"}
            derived |= {"topology.units"} if "match_parameters" in value else set()
        for key, item in value.items():
            if f"{section}.{key}" not in derived:
                yield Setting(f"{section}.{key}", item, origin)


def _differing(project: Project, settings: Sequence[Setting], recorded: ExperimentSpec) -> str:
    """Return in which keys the config of today gives another spec than the recorded one; nothing if in none."""
    try:
        today = project.compose(settings).spec.what_affects_the_result()
    except SeqexpError as error:
        return error.problems[0].message.rstrip(".")
    flat: list[dict[str, Any]] = [dict(leaves(tree)) for tree in (recorded.what_affects_the_result(), today)]
    keys = dict.fromkeys([*flat[0], *flat[1]])
    found = [key for key in keys if (key in flat[0], flat[0].get(key)) != (key in flat[1], flat[1].get(key))]
    return f"{', '.join(found[:3])}{' ...' if len(found) > 3 else ''}"
