"""Contracts of lengths, and where targets lie."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqexp.errors import ConfigError
from seqexp.spec.contract import Alignment, Contract, target_offset
from seqexp.spec.validate import validate_as

LENGTHS = st.integers(1, 30)
CONTRACTS = st.builds(
    Contract,
    timesteps=st.just("any") | LENGTHS,
    output_length=st.sampled_from(["any", "timesteps", "<= timesteps"]) | LENGTHS,
    alignment=st.sampled_from(["future", "next", "same"]),
)
PROPERTY = settings(max_examples=50, deadline=None)


def _allows(contract: Contract, timesteps: int, output_length: int) -> bool:
    if contract.timesteps not in ("any", timesteps):
        return False
    if contract.alignment != "future" and output_length > timesteps:
        return False
    if contract.output_length == "timesteps":
        return output_length == timesteps
    if contract.output_length == "<= timesteps":
        return output_length <= timesteps
    return contract.output_length in ("any", output_length)


@PROPERTY
@given(contract=CONTRACTS, timesteps=LENGTHS, output_length=LENGTHS)
def test_a_contract_is_broken_exactly_when_a_length_is_outside_it(
    contract: Contract, timesteps: int, output_length: int
) -> None:
    for given_lengths in [(timesteps, output_length), (timesteps, timesteps), (output_length, output_length)]:
        assert (contract.broken_by(*given_lengths) == "") == _allows(contract, *given_lengths)


@PROPERTY
@given(contract=CONTRACTS, timesteps=LENGTHS, output_length=LENGTHS)
def test_the_fixed_lengths_are_the_only_ones_that_fit(contract: Contract, timesteps: int, output_length: int) -> None:
    fixed = contract.fixed_lengths(timesteps)
    timesteps = fixed.get("timesteps", timesteps)
    fitting = [n for n in range(1, 31) if _allows(contract, timesteps, n)]
    assume(fitting)
    if "output_length" in fixed:
        assert fitting == [fixed["output_length"]]
    elif contract.output_length == "any" and contract.alignment == "future":
        assert len(fitting) == 30


@pytest.mark.parametrize(
    ("contract", "fixed"),
    [
        ({"timesteps": 1, "output_length": 1}, {"timesteps": 1, "output_length": 1}),
        ({"timesteps": 1}, {"timesteps": 1}),
        ({"output_length": 1}, {"output_length": 1}),
        ({"output_length": "timesteps"}, {"output_length": 14}),
        ({"timesteps": 5, "output_length": "timesteps"}, {"timesteps": 5, "output_length": 5}),
        ({"output_length": "<= timesteps"}, {}),
        ({}, {}),
    ],
)
def test_a_length_that_leaves_no_choice_is_set(contract: dict[str, Any], fixed: dict[str, int]) -> None:
    assert Contract(**contract).fixed_lengths(14) == fixed


@pytest.mark.parametrize(
    ("contract", "lengths", "says"),
    [
        ({"timesteps": 1}, (2, 1), ["timesteps=2", "1 step"]),
        ({"output_length": 1}, (2, 3), ["output_length=3", "1 step"]),
        ({"output_length": "timesteps"}, (4, 3), ["output_length=3", "timesteps=4"]),
        ({"output_length": "<= timesteps"}, (2, 3), ["output_length=3", "timesteps=2"]),
        ({"alignment": "same"}, (2, 3), ["same", "output_length=3", "timesteps=2"]),
        ({"alignment": "next"}, (2, 3), ["next", "output_length=3", "timesteps=2"]),
    ],
)
def test_the_reason_names_both_what_came_and_what_is_taken(
    contract: dict[str, Any], lengths: tuple[int, int], says: list[str]
) -> None:
    reason = Contract(**contract).broken_by(*lengths)
    assert all(word in reason for word in says)


@pytest.mark.parametrize(
    "contract",
    [
        {"timesteps": "some"},
        {"timesteps": -1},
        {"timesteps": True},
        {"output_length": 1.5},
        {"output_length": "< timesteps"},
        {"alignment": "past"},
        {"align": "next"},
    ],
)
def test_a_contract_of_other_words_is_refused(contract: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        validate_as(Contract, contract, "topology.contract")
    assert {problem.key for problem in caught.value.problems} == {f"topology.contract.{next(iter(contract))}"}


@PROPERTY
@given(timesteps=LENGTHS, output_length=LENGTHS)
def test_targets_lie_after_the_input_one_step_on_or_on_its_last_steps(timesteps: int, output_length: int) -> None:
    assume(output_length <= timesteps)
    last: dict[Alignment, int] = {
        name: target_offset(name, timesteps, output_length) + output_length - 1 for name in ("future", "next", "same")
    }
    last_input = timesteps - 1
    assert last == {"future": last_input + output_length, "next": last_input + 1, "same": last_input}


@pytest.mark.parametrize("timesteps", [1, 2, 7])
def test_one_output_step_lies_at_the_same_place_for_future_and_next(timesteps: int) -> None:
    assert target_offset("future", timesteps, 1) == target_offset("next", timesteps, 1) == timesteps


def test_alignments_differ_for_more_than_one_step() -> None:
    offsets = [target_offset(name, 5, 3) for name in ("future", "next", "same")]
    assert all(a > b for a, b in itertools.pairwise(offsets))
