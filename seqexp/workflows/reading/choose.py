"""Choose runs by what they were told and how they did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqexp.compose.tree import leaves
from seqexp.errors import ConfigError, StoreError, suggest
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.attempts import latest_runs
from seqexp.workflows.reading.where import ABSENT, Condition, as_written, number_in, parse_where

_USUAL = ("topology", "data", "timesteps", "output_length", "seed", "optimizer", "val/mae", "test/mae")


def choose_runs(runs: Iterable[StoredRun], where: str) -> list[StoredRun]:
    """Return the finished runs that meet every condition.

    Keys are those of the spec, with dots; ``topology`` stands for ``topology.name``, and so ``data`` and ``optimizer``;
    and the figures, such as ``test/mae``.

    Raises:
        ConfigError: The conditions cannot be read, name a key that no run has, or hold numbers against words.
        StoreError: No run meets them.
    """
    conditions = parse_where(where)
    finished = latest_runs(runs)
    facts = [_facts(run) for run in finished]
    if not finished:
        return []
    for condition in conditions:
        _check(condition, facts)
    kept = [
        run
        for run, known in zip(finished, facts, strict=True)
        if all(condition.holds(known.get(condition.key, ABSENT)) for condition in conditions)
    ]
    if not kept:
        raise _nothing_left(conditions, facts)
    return kept


def _facts(run: StoredRun) -> dict[str, Any]:
    names = {group: part["name"] for group, part in run.spec.items() if isinstance(part, Mapping) and "name" in part}
    known = {**names, **dict(leaves(run.spec)), **run.record.metrics}
    return {**{key: known[key] for key in _USUAL if key in known}, **known}  # a list of what there is begins with them


def _check(condition: Condition, facts: Sequence[Mapping[str, Any]]) -> None:
    known = dict.fromkeys(key for of_run in facts for key in of_run)
    if condition.key not in known:
        message = f"no run has a key {condition.key!r}."
        raise ConfigError(message, key="--where", mend=suggest(condition.key, known))
    values = _values(condition.key, facts)
    numbers = _numbers(values)
    if condition.orders and not numbers:
        message = f"{condition} compares numbers, and {condition.key} is {_listed(values)}."
        raise ConfigError(message, key="--where", mend="Use = or !=.")
    if numbers and len(numbers) == len(values) and number_in(condition.value) is None and condition.value != "null":
        message = f"{condition.key} is a number ({_listed(values)}), and {condition.value!r} is none."
        raise ConfigError(message, key="--where", mend="Give a number.")


def _nothing_left(conditions: Sequence[Condition], facts: Sequence[Mapping[str, Any]]) -> StoreError:
    """Name the condition that no run meets, and what there is instead."""
    total = f"None of the {len(facts)} runs meets" if len(facts) > 1 else "The run does not meet"
    for condition in conditions:
        values = _values(condition.key, facts)
        if not any(condition.holds(known.get(condition.key, ABSENT)) for known in facts):
            if condition.orders:
                mend = f"There {condition.key} is {_listed(values)}."
            else:
                mend = suggest(condition.value, map(as_written, values))
            return StoreError(f"{total} {condition}.", mend=mend)
    told = " and ".join(map(str, conditions))
    return StoreError(f"{total} {told}.", mend="Each condition is met by some run, but no run meets them all.")


def _values(key: str, facts: Sequence[Mapping[str, Any]]) -> list[Any]:
    return list(dict.fromkeys(known[key] for known in facts if key in known))


def _numbers(values: Sequence[Any]) -> list[float]:
    return [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]


def _listed(values: Sequence[Any]) -> str:
    """Say what values there are: a few by name, of many numbers from where to where."""
    numbers = _numbers(values)
    if len(numbers) > 4:
        return f"{min(numbers):.6g} to {max(numbers):.6g}"
    return " or ".join(f"{value:.6g}" if value in numbers else as_written(value) for value in values[:4])
