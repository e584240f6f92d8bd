"""Plans: products of axes, contracts, what is left out, and every mistake before the first run."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqexp.errors import ConfigError, DataError
from seqexp.workflows.project import Project
from seqexp.workflows.sweeping.plan import plan_sweep

Write = Callable[[str, str], Path]
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "tracking=none"]
STUDY = """
question: Which is best?
set: {data: sine, data.source.sine.length: 200, training.epochs: 1, tracking: none, timesteps: 6, output_length: 3}
sweep:
  - {topology: [vector_output, many_to_one], seed: 0..1}
  - {topology: one_to_many}
expected: one of them
"""


def test_axes_make_a_product(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=vector_output,encoder_decoder", "timesteps=7,14", "seed=0..2"])
    assert len(plan.points) == 12
    assert {(p.spec.topology.name, p.spec.timesteps, p.spec.seed) for p in plan.points} >= {("vector_output", 7, 2)}


def test_what_is_slow_is_done_once_for_points_that_share_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """To resolve a config takes OmegaConf 3 ms, to find a version takes Python 1 ms: a thousand points would wait."""
    slow, resolve = [], OmegaConf.to_container
    monkeypatch.setattr(OmegaConf, "to_container", lambda *args, **how: slow.append("config") or resolve(*args, **how))
    monkeypatch.setattr("seqexp.workflows.identity.version", lambda name: slow.append("version") or version(name))
    plan = plan_sweep(project, [*SMALL, "timesteps=7,14", "seed=0..19"])
    assert len({point.run_key for point in plan.points}) == 40
    assert len(slow) < 10


def test_a_point_that_breaks_a_contract_is_left_out_with_the_reason(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=all", "timesteps=7,14", "output_length=7"])
    kept = {(point.spec.topology.name, point.spec.timesteps) for point in plan.points}
    assert ("many_to_many", 7) in kept
    assert ("many_to_many", 14) not in kept
    assert not any(name in ("many_to_one", "one_to_one", "one_to_many") for name, _ in kept)
    reasons = {point.label: point.reason for point in plan.left_out}
    assert "gives 1 step(s)" in reasons["topology=many_to_one timesteps=7"]
    assert len(plan.points) + len(plan.left_out) == 16


def test_a_study_sets_yield_to_contracts_and_its_grids_add_up(project: Project, write: Write) -> None:
    plan = plan_sweep(project, [str(write("mine.yaml", STUDY)), "training.batch_size=16"])
    lengths = [(p.spec.topology.name, p.spec.timesteps, p.spec.output_length, p.spec.seed) for p in plan.points]
    assert lengths == [
        ("vector_output", 6, 3, 0),
        ("vector_output", 6, 3, 1),
        ("many_to_one", 6, 1, 0),
        ("many_to_one", 6, 1, 1),
        ("one_to_many", 1, 3, 0),
    ]
    assert {point.spec.name for point in plan.points} == {"mine"}
    assert {point.spec.training.batch_size for point in plan.points} == {16}


def test_the_command_line_takes_the_place_of_an_axis(project: Project, write: Write) -> None:
    plan = plan_sweep(project, [str(write("mine.yaml", STUDY)), "seed=5", "name=other"])
    assert [point.spec.seed for point in plan.points] == [5, 5, 5]
    assert plan.points[0].spec.name == "other"


def test_the_same_run_is_planned_once(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "topology=many_to_one", "seed=choice(1,1)"])
    assert len(plan.points) == 1
    assert "the same run" in plan.left_out[0].reason


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["timesteps=7,many"], ConfigError, "at timesteps=many"),
        (["seed=0..9999", "timesteps=1..10"], ConfigError, "100,000 points"),
        (["timesteps=7,5000"], DataError, "at timesteps=5000"),
        (["nothing"], ConfigError, "There is no study"),
    ],
)
def test_a_wrong_sweep_is_refused_before_the_first_run(
    project: Project, words: list[str], error: type, says: str
) -> None:
    with pytest.raises(error) as caught:
        plan_sweep(project, words if words == ["nothing"] else [*SMALL, *words])
    assert says in str(caught.value)


def test_the_mistakes_of_all_points_stand_in_one_report(project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_sweep(project, [*SMALL, "timesteps=7,2a", "seed=0,x", "trainig.epochs=1"])
    assert [problem.key for problem in caught.value.problems] == ["trainig", "seed", "timesteps"]


def test_points_that_differ_in_anything_are_told_apart(project: Project) -> None:
    plan = plan_sweep(project, [*SMALL, "optimizer.learning_rate=0.1,0.2", "seed=1"])
    assert [point.title.partition(" seed ")[2] for point in plan.points] == [
        "1 optimizer.learning_rate=0.1",
        "1 optimizer.learning_rate=0.2",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("question: 3\n", "question"),
        ("quest: x\nquestion: y\n", "Did you mean question?"),
        ("- a\n", "mapping"),
        ("question: x\nsweep: {topolgy: all}\n", "Did you mean topology?"),
        ("question: x\nset: {training: {epoch: 3}}\n", "Did you mean epochs?"),
        ("question: x\nsweep: {seed: []}\n", "no values"),
    ],
)
def test_a_wrong_study_is_explained(project: Project, write: Write, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_sweep(project, [str(write("bad.yaml", text))])
    assert says in str(caught.value)
