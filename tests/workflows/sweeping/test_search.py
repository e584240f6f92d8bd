"""Searches: what is drawn, what is chosen by what came before, and that a search goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from seqexp.errors import ConfigError
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import StoredRun
from seqexp.store.sweep_dir import list_sweeps, read_plan
from seqexp.workflows.project import Project
from seqexp.workflows.running.reporter import Reporter
from seqexp.workflows.sweeping.earlier import SweepOptions
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import SweepResult, run_sweep
from seqexp.workflows.upkeep.sync import sync

QUICK = [
    "data=sine",
    "data.source.sine.length=200",
    "training.epochs=2",
    "topology.layers=[{Flatten:{}},{Dense:{units:7}},{Reshape:{target_shape:[7,1]}}]",
    "optimizer=sgd",
    "optimizer.clipnorm=null",
]
OPTUNA = [*QUICK, "tracking=none", "execution=inline", "execution.search=optuna"]
RATES = "optimizer.learning_rate=log:1e-4..1e-1"


def _values(plan_or_result: object, key: str) -> list[str]:
    points = plan_or_result.points  # type: ignore[attr-defined]
    return [word.partition("=")[2] for point in points for word in point.label.split() if word.startswith(f"{key}=")]


class TestRandom:
    def test_so_many_combinations_are_drawn(self, project: Project) -> None:
        words = [*QUICK, RATES, "timesteps=7,14,21", "execution.search=random", "execution.trials=6"]
        plan = plan_sweep(project, words)
        assert len(plan.points) == 6
        rates = [float(value) for value in _values(plan, "optimizer.learning_rate")]
        assert len(set(rates)) == 6
        assert all(1e-4 <= rate <= 1e-1 for rate in rates)
        assert plan_sweep(project, words).key == plan.key
        assert plan_sweep(project, [*words, "execution.search_seed=1"]).key != plan.key

    def test_seeds_are_run_for_every_combination(self, project: Project) -> None:
        plan = plan_sweep(project, [*QUICK, RATES, "seed=0..2", "execution.search=random", "execution.trials=4"])
        assert _values(plan, "seed") == ["0", "1", "2"] * 4
        assert len(set(_values(plan, "optimizer.learning_rate"))) == 4

    def test_what_cannot_be_run_is_drawn_past(self, project: Project) -> None:
        words = ["topology=many_to_many_last_n", "output_length=1..60", "timesteps=14", "execution.search=random"]
        plan = plan_sweep(project, [*words, "execution.trials=10"])
        assert len(plan.points) == 10
        assert plan.left_out
        assert all(point.spec.output_length <= 14 for point in plan.points)

    def test_a_small_space_is_drawn_whole(self, project: Project) -> None:
        plan = plan_sweep(project, [*QUICK, "timesteps=7,14", "execution.search=random", "execution.trials=10"])
        assert sorted(_values(plan, "timesteps")) == ["14", "7"]


class TestOptuna:
    def test_trials_are_chosen_run_and_recorded(self, project: Project) -> None:
        plan = plan_sweep(project, [*OPTUNA, RATES, "timesteps=7,14", "execution.trials=5"])
        result = run_sweep(project, plan)
        assert [outcome.stored.record.status for outcome in result.outcomes] == ["FINISHED"] * 5
        (folder,) = list_sweeps(project.sweeps)
        frozen = read_plan(folder)
        assert [point["run_key"] for point in frozen["points"]] == [point.run_key for point in plan.points]
        assert frozen["search"]["axes"] == {"optimizer.learning_rate": "log:0.0001..0.1", "timesteps": [7, 14]}
        assert frozen["search"]["sampler"] == "tpe"

    def test_the_same_command_goes_on(self, project: Project) -> None:
        words = [*OPTUNA, RATES]
        run_sweep(project, plan_sweep(project, [*words, "execution.trials=3"]))
        again = run_sweep(project, plan_sweep(project, [*words, "execution.trials=3"]))
        assert [outcome.was_done for outcome in again.outcomes] == [True] * 3
        more = run_sweep(project, plan_sweep(project, [*words, "execution.trials=5"]))
        assert [outcome.was_done for outcome in more.outcomes] == [True] * 3 + [False] * 2
        assert len({outcome.stored.record.run_key for outcome in more.outcomes}) == 5

    def test_an_interrupted_search_goes_on(self, project: Project) -> None:
        class Interrupt(Reporter):
            def ended(self, number: int, stored: StoredRun | None = None) -> None:
                if number == 1:
                    raise KeyboardInterrupt

        words, result = [*OPTUNA, RATES, "execution.trials=4"], SweepResult()
        with pytest.raises(KeyboardInterrupt):
            run_sweep(project, plan_sweep(project, words), reporter=Interrupt(), result=result)
        assert len(result.outcomes) == 2
        again = run_sweep(project, plan_sweep(project, words))
        assert len(again.outcomes) == 4
        assert len(list(list_runs(project.runs))) == 4

    def test_a_trial_is_the_mean_over_its_seeds(self, project: Project) -> None:
        plan = plan_sweep(project, [*OPTUNA, RATES, "seed=0,1", "execution.trials=3"])
        result = run_sweep(project, plan)
        assert len(result.outcomes) == 6
        assert _values(plan, "seed") == ["0", "1"] * 3
        (folder,) = list_sweeps(project.sweeps)
        told = [json.loads(line) for line in (folder / "study.log").read_text().splitlines()]
        values = [entry["values"][0] for entry in told if entry.get("values")]
        means = [
            sum(outcome.stored.record.metrics["val/mae"] for outcome in result.outcomes[first : first + 2]) / 2
            for first in (0, 2, 4)
        ]
        assert values == pytest.approx(means)

    def test_a_failed_trial_is_run_again_when_asked(self, project: Project) -> None:
        words = [*OPTUNA, "optimizer.learning_rate=0.01,1e12", "training.epochs=8", "execution.trials=2"]
        first = run_sweep(project, plan_sweep(project, words))
        assert [outcome.stored.record.status for outcome in first.failed] == ["FAILED"]
        again = run_sweep(project, plan_sweep(project, words))
        assert [outcome.was_done for outcome in again.outcomes] == [True, True]
        retried = run_sweep(project, plan_sweep(project, words), SweepOptions(retry_failed=True))
        assert sorted(outcome.stored.record.attempt for outcome in retried.outcomes) == [1, 2]

    def test_force_searches_anew(self, project: Project) -> None:
        words = [*OPTUNA, RATES, "execution.trials=2"]
        run_sweep(project, plan_sweep(project, words))
        again = run_sweep(project, plan_sweep(project, words), SweepOptions(force=True))
        assert [outcome.stored.record.attempt for outcome in again.outcomes] == [2, 2]

    def test_pruned_runs_are_recorded_and_not_run_again(self, project: Project) -> None:
        words = [*OPTUNA, "optimizer.learning_rate=log:1e-5..1e-1", "training.epochs=12", "execution.trials=14"]
        words.append("execution.pruning=median")
        result = run_sweep(project, plan_sweep(project, words))
        pruned = [outcome for outcome in result.outcomes if outcome.was_pruned]
        assert pruned
        assert result.failed == []
        assert all(outcome.stored.record.status == "KILLED" for outcome in pruned)
        assert all(0 < len(outcome.stored.history) < 12 for outcome in pruned)
        again = run_sweep(project, plan_sweep(project, words))
        assert all(outcome.was_done for outcome in again.outcomes)
        assert len(list(list_runs(project.runs))) == 14

    def test_combinations_that_forecast_something_else_are_left_out(self, project: Project) -> None:
        words = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology.units=3"]
        words += ["topology=vector_output,many_to_one", "execution=inline", "execution.search=optuna", "tracking=none"]
        result = run_sweep(project, plan_sweep(project, words))
        assert len(result.outcomes) == 1
        assert [point.reason for point in result.skipped] == [
            "it forecasts something else (1 steps, the others 7), which does not compare"
        ]

    def test_lists_and_groups_can_be_chosen(self, project: Project) -> None:
        words = [word for word in OPTUNA if not word.startswith("optimizer")]
        plan = plan_sweep(project, [*words, "optimizer=adam,sgd", "training.metrics=choice([mae],[mse])"])
        result = run_sweep(project, plan)
        assert len(result.outcomes) == 4  # all there are, though 20 trials are allowed

    def test_whole_numbers_in_order_are_an_interval(self, project: Project) -> None:
        plan = plan_sweep(project, [*OPTUNA, "timesteps=7..21"])
        assert plan.search is not None
        assert str(plan.search.axes["timesteps"]) == "7..21"

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ([], "nothing to choose from"),
            (["output_length=7,14"], "equal forecasts"),
            (["data.targets=choice([a],[b])"], "equal forecasts"),
            (["timesteps=7,14", "seed=0,1", "execution.pruning=median"], "several seeds"),
            (["timesteps=7,14", "data.split.validation=0"], "validation split"),
            (["timesteps=7,14", "execution.search=grid", "execution.pruning=median"], "Optuna alone"),
            (["timesteps=7,14", "execution.search=grid", "execution.trials=3"], "a search alone"),
            (["timesteps=7..14", RATES, "execution.search=grid"], "no end of values"),
        ],
    )
    def test_what_cannot_be_searched_is_explained(self, words: list[str], says: str, project: Project) -> None:
        with pytest.raises(ConfigError, match=says):
            plan_sweep(project, [*OPTUNA, *words])

    def test_mlflow_shows_the_search_and_sync_finds_it(self, project: Project, workspace: Path) -> None:
        words = [word for word in OPTUNA if word != "tracking=none"]
        plan = plan_sweep(project, [*words, RATES, "execution.trials=3"])
        result = run_sweep(project, plan)
        client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
        (experiment,) = [found for found in client.search_experiments() if found.name == "seqexp"]
        runs = client.search_runs([experiment.experiment_id], f"tags.`sweep.{plan.key}` = 'seqexp'")
        (parent,) = [run for run in runs if run.data.tags.get("seqexp.kind") == "sweep"]
        assert parent.info.status == "FINISHED"
        assert parent.data.params["optimizer.learning_rate"] == "log:0.0001..0.1"
        assert parent.data.params["execution.sampler"] == "tpe"
        assert parent.data.metrics["runs/planned"] == 3
        assert len(runs) == 4
        assert all(outcome.mlflow_run_id for outcome in result.outcomes)
        assert list(sync(project)) == []


def test_test_figures_choose_nothing(project: Project) -> None:
    """The value that Optuna hears of, and the order of the leaderboard, come from validation."""
    plan = plan_sweep(project, [*OPTUNA, RATES, "execution.trials=3", "evaluation.select=val/rmse"])
    result = run_sweep(project, plan)
    (folder,) = list_sweeps(project.sweeps)
    told = [json.loads(line) for line in (folder / "study.log").read_text().splitlines()]
    values = [entry["values"][0] for entry in told if entry.get("values")]
    assert values == pytest.approx([outcome.stored.record.metrics["val/rmse"] for outcome in result.outcomes])
