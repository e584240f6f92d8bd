"""Backtests: a run for each fold or one for all, pooled figures, ranks, comparisons, searches, MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import seqexp
from seqexp.cli.comparisons import print_comparisons
from seqexp.cli.reports import print_block, print_sweep
from seqexp.cli.table_formats import Format
from seqexp.errors import ConfigError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.store.find_runs import list_runs
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.checking.leakage import check_leakage
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.reading.compare import as_values, compare_found, compare_runs, what_changed
from seqexp.workflows.reading.leaderboard import build_leaderboard
from seqexp.workflows.reading.pooling import fold_of, pool
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import SweepResult, run_sweep

DATA = ["data=sine", "data.source.sine.length=240", "training.epochs=2", "timesteps=5", "output_length=2"]
FLAT = "topology.layers=[{Flatten:{}},{Dense:{units:2}},{Reshape:{target_shape:[2,1]}}]"
FOLDS = ["evaluation=backtest", "evaluation.backtest.folds=3"]
WORDS = [*DATA, *FOLDS, "execution=inline", "tracking=none", "optimizer.learning_rate=0.01"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, SweepResult]:
    """Two topologies, two seeds, three folds."""
    project = open_project(tmp_path_factory.mktemp("workspace"))
    words = [*WORDS, "topology=vector_output,encoder_decoder", "topology.units=3", "seed=0,1"]
    return project, run_sweep(project, plan_sweep(project, words))


def _runs(done: tuple[Project, SweepResult]) -> list[StoredRun]:
    return [outcome.stored for outcome in done[1].outcomes]


def test_every_fold_is_a_run_of_its_own(done: tuple[Project, SweepResult]) -> None:
    runs = _runs(done)
    assert len({run.record.run_key for run in runs}) == 12
    assert [fold_of(run) for run in runs] == [0, 1, 2] * 4
    assert runs[1].record.title == "vector_output 5->2 seed 0 fold 1"
    bounds = [run.record.data["bounds"] for run in runs[:3]]
    assert [found["test"] for found in bounds] == [[204, 216], [216, 228], [228, 240]]
    assert [found["train"] for found in bounds] == [[0, 168], [0, 180], [0, 192]]
    assert [run.record.data["folds"][0]["steps"] for run in runs[:3]] == [found["test"] for found in bounds]
    targets = [set((run.forecasts["target_start"][:, None] + np.arange(2)).ravel().tolist()) for run in runs[:3]]
    assert not targets[0] & targets[1]
    assert not targets[1] & targets[2]


def test_a_row_pools_over_folds_and_then_over_seeds(done: tuple[Project, SweepResult]) -> None:
    (block,) = build_leaderboard(_runs(done))
    rows = [row for row in block.rows if row.run]
    assert {row.label for row in rows} == {
        f"{name} 5->2 (3 folds, 2 seeds)" for name in ("vector_output", "encoder_decoder")
    }
    assert sorted(row.rank for row in rows if row.rank) == [1, 2]
    assert [(row.seeds, len(row.runs)) for row in rows] == [(2, 6), (2, 6)]
    assert block.windows["test"] == 33
    assert "(3 folds; 105 validation and 33 test windows)" in block.title
    row = next(row for row in rows if row.label.startswith("vector"))
    known = [run.record for run in _runs(done)[:6]]
    by_seed = [np.mean([record.metrics["test/mae"] for record in known[seed * 3 : seed * 3 + 3]]) for seed in (0, 1)]
    assert row.metrics["test/mae"] == pytest.approx(np.mean(by_seed))
    assert row.spread["test/mae"] == pytest.approx(np.std(by_seed, ddof=1))
    roots = [np.sqrt(np.mean([r.metrics["test/mse"] for r in known[seed * 3 : seed * 3 + 3]])) for seed in (0, 1)]
    assert row.metrics["test/rmse"] == pytest.approx(np.mean(roots))
    by_fold = [np.mean([known[fold].metrics["test/mae"], known[fold + 3].metrics["test/mae"]]) for fold in range(3)]
    assert block.by_fold(row) == pytest.approx(by_fold)
    naive = next(row for row in block.rows if row.label == "seasonal naive")
    pooled = np.mean([record.baselines["baseline/seasonal_naive/mae"] for record in known[:3]])
    assert naive.metrics["test/mae"] == pytest.approx(pooled)
    assert block.by_fold(naive)[1] == known[1].baselines["baseline/seasonal_naive/mae"]
    best = min(row.metrics["test/mae"] for row in block.rows if not row.run)
    assert row.metrics["test/skill"] == pytest.approx(1 - row.metrics["test/mae"] / best)


def test_figures_are_those_of_all_windows_at_once(done: tuple[Project, SweepResult]) -> None:
    runs = _runs(done)[:3]
    arrays = [run.forecasts for run in runs]
    error = np.concatenate([found["forecast"] - found["true"] for found in arrays])
    (pooled,) = pool(runs).runs
    assert pooled.record.metrics["test/mae"] == pytest.approx(np.abs(error).mean())
    assert pooled.record.metrics["test/rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert pooled.path == runs[2].path


def test_folds_of_other_sizes_count_by_their_windows(project: Project) -> None:
    table = project.workspace / "t.csv"
    values = ["" if n in (230, 233) else str(n % 7 + n % 3) for n in range(240)]  # two holes in the last fold
    table.write_text("n,y\n" + "\n".join(f"{n},{value}" for n, value in enumerate(values)))
    words = [word for word in WORDS if not word.startswith("data")]
    words += ["data=table", f"data.path={table}", "data.targets=y", "data.missing=drop", "data.season=7", FLAT]
    runs = [outcome.stored for outcome in run_sweep(project, plan_sweep(project, words)).outcomes]
    windows = [run.record.data["windows"]["test"] for run in runs]
    assert windows[0] > windows[2]
    assert windows[2] < 10
    assert not any("few_windows" in run.record.diagnostics for run in runs)  # they are pooled
    error = np.concatenate([run.forecasts["forecast"] - run.forecasts["true"] for run in runs])
    (row,) = (row for row in build_leaderboard(runs)[0].rows if row.run)
    assert row.metrics["test/mae"] == pytest.approx(np.abs(error).mean())


def test_a_row_that_lacks_a_fold_is_not_ranked(done: tuple[Project, SweepResult]) -> None:
    runs = _runs(done)
    (block,) = build_leaderboard([run for place, run in enumerate(runs) if place != 4])  # fold 1 of the second seed
    rows = [row for row in block.rows if row.run]
    assert [(row.label, row.rank) for row in rows] == [
        ("encoder_decoder 5->2 (3 folds, 2 seeds)", 1),
        ("vector_output 5->2 (2 of 3 folds, 2 seeds)", None),
    ]
    assert rows[-1] is block.rows[-1]
    assert block.by_fold(rows[1])[1] is None
    assert block.by_fold(rows[0])[1] is not None
    assert len(block.folds) == 3

    (alone,) = build_leaderboard(runs[:2])
    assert [(row.label, row.rank) for row in alone.rows if row.run] == [("vector_output 5->2 (2 of 3 folds)", None)]
    assert alone.best is None


def test_other_folds_stand_in_another_block(done: tuple[Project, SweepResult], tmp_path: Path) -> None:
    project = open_project(tmp_path)
    small = [word for word in WORDS if "folds" not in word]
    more = [*small, FLAT, "evaluation.backtest.folds=2"]
    others = [outcome.stored for outcome in run_sweep(project, plan_sweep(project, more)).outcomes]
    later = [*small, FLAT, "evaluation.backtest.folds=3", "evaluation.backtest.gap=3"]  # validation is another
    others += [outcome.stored for outcome in run_sweep(project, plan_sweep(project, later)).outcomes]
    blocks = build_leaderboard([*_runs(done), *others])
    assert sorted((len(block.folds), sum(row.run is not None for row in block.rows)) for block in blocks) == [
        (2, 1),
        (3, 1),
        (3, 2),
    ]


def test_compare_pairs_by_seed_fold_and_origin(
    done: tuple[Project, SweepResult], capsys: pytest.CaptureFixture[str]
) -> None:
    (comparison,) = compare_runs(done[0], [])
    (found,) = comparison.differences
    rows = [row for row in comparison.block.rows if row.run]
    assert (found.seeds, found.origins) == (2, 33)
    assert found.mean == pytest.approx(rows[1].metrics["test/mae"] - rows[0].metrics["test/mae"])
    values = as_values([comparison])["blocks"][0]
    assert [fold["fold"] for fold in values["folds"]] == [0, 1, 2]
    assert "test/fold/2/mae" in values["rows"][0]["metrics"]
    json.dumps(values, allow_nan=False)

    print_comparisons([comparison])
    assert "fold 2" in capsys.readouterr().out
    print_comparisons([comparison], Format.markdown)
    assert "| test MAE | fold 0 | fold 1 | fold 2 |" in capsys.readouterr().out

    grounds = compare_runs(done[0], [], on_common=True)
    assert [ground.block.data for ground in grounds] == ["sine (fold 0)", "sine (fold 1)", "sine (fold 2)"]
    assert [row.rank for row in grounds[1].block.rows if row.run] == [1, 2]


def test_rows_without_a_common_fold_are_not_held_against_each_other(done: tuple[Project, SweepResult]) -> None:
    keys = [_runs(done)[place].path.name for place in (0, 7)]
    (comparison,) = compare_runs(done[0], keys)
    assert comparison.differences == ()
    assert len(comparison.block.rows) > 2


def test_the_screen_shows_each_fold(done: tuple[Project, SweepResult], capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep(done[1])
    shown = capsys.readouterr().out
    assert "test MAE" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["from", "204", "216", "228"] in lines
    assert ["to", "215", "227", "239"] in lines
    values = done[1].as_values()["backtests"]
    assert [fold["steps"] for fold in values[0]["folds"]] == [[204, 216], [216, 228], [228, 240]]  # type: ignore[index]
    print_block(build_leaderboard(_runs(done))[0], budget=True)
    assert "(3 folds, 2 seeds)" in capsys.readouterr().out


def test_trained_once_one_run_is_scored_on_all_folds(project: Project) -> None:
    words = [*WORDS, "topology=vector_output", "topology.units=3", "evaluation.backtest.refit=never"]
    plan = plan_sweep(project, words)
    (outcome,) = run_sweep(project, plan).outcomes
    record, arrays = outcome.stored.record, outcome.stored.forecasts
    error = np.abs(arrays["forecast"] - arrays["true"])
    assert len(error) == 33  # none reaches from one fold into the next
    assert record.metrics["test/mae"] == pytest.approx(error.mean())
    assert sum(fold["windows"] for fold in record.data["folds"]) == 33
    for fold, (start, stop) in enumerate([(204, 216), (216, 228), (228, 240)]):
        begins = (arrays["target_start"] >= start) & (arrays["target_start"] < stop)
        assert record.metrics[f"test/fold/{fold}/mae"] == pytest.approx(error[begins].mean())
        assert record.metrics[f"test/fold/{fold}/rmse"] == pytest.approx(np.sqrt((error[begins] ** 2).mean()))
        persistence = np.abs(arrays["baseline_persistence"] - arrays["true"])[begins].mean()
        assert record.baselines[f"baseline/persistence/fold/{fold}/mae"] == pytest.approx(persistence)
    (block,) = build_leaderboard([outcome.stored])
    assert "3 folds, trained once" in block.title
    assert all(None not in block.by_fold(row) for row in block.rows)

    first = run_sweep(project, plan_sweep(project, [*WORDS, *words[-3:-1], "evaluation.backtest.fold=0"])).outcomes[0]
    assert first.stored.record.metrics["val/mae"] == record.metrics["val/mae"]  # the same training


def test_trained_once_and_for_every_fold_stand_in_one_block(
    done: tuple[Project, SweepResult], project: Project
) -> None:
    words = [*WORDS, "topology=vector_output", "topology.units=3", "seed=0,1", "evaluation.backtest.refit=never"]
    once = [outcome.stored for outcome in run_sweep(project, plan_sweep(project, words)).outcomes]
    (comparison,) = compare_found([*_runs(done), *once])
    rows = {row.label: row for row in comparison.block.rows if row.run}
    every = rows["vector_output 5->2 refit=every_fold (3 folds, 2 seeds)"]
    never = rows["vector_output 5->2 refit=never (2 seeds)"]
    assert sorted(row.rank or 0 for row in rows.values()) == [0, 1, 2]
    assert never.rank is None
    assert "val/mae" not in never.metrics  # of the first fold alone: it compares with nothing here
    assert comparison.block.windows["test"] == once[0].record.data["windows"]["test"] == 33
    assert comparison.block.by_fold(never)[0] == pytest.approx(comparison.block.by_fold(every)[0])  # the same model
    assert "not ranked" in comparison.notes[0]
    found = next(found for found in comparison.differences if found.label == never.label)
    first = next(row for row in rows.values() if row.rank == 1)
    changed = [change for change in what_changed([every, never]) if change[0] != "(git)"]  # they ran in two folders
    assert changed == [("evaluation.backtest.refit", ["every_fold", "never"])]
    assert (found.seeds, found.origins) == (2, 33)
    assert found.mean == pytest.approx(never.metrics["test/mae"] - first.metrics["test/mae"])

    more = [*words[:-2], "topology.units=2", "seed=0,1", words[-1]]
    others = [outcome.stored for outcome in run_sweep(project, plan_sweep(project, more)).outcomes]
    (alone,) = compare_found([*once, *others])  # among themselves they are ranked
    assert len([row for row in alone.block.rows if row.rank and row.run]) == 2
    assert alone.differences[0].origins == 33
    far = [*words[:-2], "seed=0", words[-1], "evaluation.backtest.gap=3"]
    apart = [outcome.stored for outcome in run_sweep(project, plan_sweep(project, far)).outcomes]
    assert len(build_leaderboard([*_runs(done), *apart])) == 2  # another validation, another training


def test_without_validation_a_fold_trains_up_to_it(project: Project) -> None:
    words = [*WORDS, FLAT, "data.split.train=0.85", "data.split.validation=0", "evaluation.backtest.gap=2"]
    result = run_sweep(project, plan_sweep(project, words))
    assert [outcome.stored.record.data["bounds"]["train"][1] for outcome in result.outcomes] == [202, 214, 226]
    (block,) = build_leaderboard(outcome.stored for outcome in result.outcomes)
    assert [row.rank for row in block.rows] == [None] * len(block.rows)


class TestPlans:
    """A backtest is a sweep over its folds, whatever says that it is one."""

    def test_folds_multiply(self, project: Project) -> None:
        plan = plan_sweep(project, [*WORDS, "topology=vector_output,encoder_decoder", "seed=0..1"])
        assert len(plan.points) == 12
        assert [point.label for point in plan.points[:2]] == [
            f"topology=vector_output seed=0 evaluation.backtest.fold={fold}" for fold in (0, 1)
        ]
        assert plan.points[1].title == "vector_output 5->2 seed 0 fold 1"

    def test_an_axis_may_say_so(self, project: Project) -> None:
        plan = plan_sweep(project, [*DATA, "evaluation.mode=holdout,backtest"])
        assert [point.spec.evaluation.backtest.fold for point in plan.points] == [None, 0, 1, 2, 3, 4]

    def test_folds_may_be_chosen(self, project: Project) -> None:
        plan = plan_sweep(project, [*WORDS, "evaluation.backtest.fold=0,2"])
        assert [point.spec.evaluation.backtest.fold for point in plan.points] == [0, 2]
        every = plan_sweep(project, [*WORDS, "evaluation.backtest.fold=null"])
        assert [point.spec.evaluation.backtest.fold for point in every.points] == [0, 1, 2]

    def test_workers_are_told_of_all_runs(self, project: Project) -> None:
        told = []
        plan_sweep(project, [*WORDS, "seed=0,1"], on_first=lambda execution, total: told.append(total))
        assert told == [6]

    def test_too_many_are_refused_with_their_number(self, project: Project) -> None:
        with pytest.raises(ConfigError, match=r"12,000 points \(seed \(4000\) x evaluation.backtest.fold \(3\)\)"):
            plan_sweep(project, [*WORDS, "seed=0..3999"])

    def test_drawn_combinations_have_all_folds(self, project: Project) -> None:
        rates = ["optimizer.learning_rate=log:1e-4..1e-1", "execution.search=random", "execution.trials=4"]
        plan = plan_sweep(project, [*WORDS[:-1], *rates])
        assert len(plan.points) == 12
        assert len({point.spec.optimizer.args["learning_rate"] for point in plan.points}) == 4

    def test_one_run_is_not_a_backtest(self, project: Project) -> None:
        with pytest.raises(ConfigError, match=r"evaluation\.mode: a backtest of 3 folds is as many runs"):
            seqexp.run(WORDS, workspace=project.workspace)
        one = seqexp.run([*WORDS, FLAT, "evaluation.backtest.fold=2"], workspace=project.workspace)
        assert one.record.title.endswith("fold 2")
        assert len(seqexp.sweep([*WORDS, FLAT], workspace=project.workspace)) == 3


@pytest.mark.slow
def test_a_search_chooses_by_all_folds(project: Project) -> None:
    words = [*WORDS[:-1], FLAT, "execution.search=optuna", "execution.trials=2", "seed=0,1"]
    words += ["optimizer.learning_rate=log:1e-4..1e-1"]
    plan = plan_sweep(project, words)
    assert plan.search is not None
    assert plan.search.repeats == 6
    result = run_sweep(project, plan)
    assert len(result.outcomes) == 12
    assert len([row for row in build_leaderboard(o.stored for o in result.outcomes)[0].rows if row.rank]) >= 2
    with pytest.raises(ConfigError, match="several seeds or folds"):
        plan_sweep(project, [*words[:-2], words[-1], "execution.pruning=median"])


@pytest.mark.parametrize("words", [[], ["evaluation.backtest.fold=2"], ["evaluation.backtest.refit=never"]])
def test_nothing_leaks_into_a_fold(words: list[str], compose: Callable[..., ExperimentSpec]) -> None:
    spec = compose(*DATA, *FOLDS, "evaluation.backtest.gap=3", "topology=vector_output", *words)
    assert [verdict.check for verdict in check_leakage(spec) if not verdict.holds] == []


def test_run_goes_the_way_of_a_sweep_and_nests_the_folds_in_mlflow(
    workspace: Path, command: Callable[..., Any]
) -> None:
    words = [*DATA, *FOLDS, FLAT, "execution=inline"]
    ran = command("run", *words, "--json")
    assert ran.code == 0, ran.err
    values = json.loads(ran.out)
    assert [run["title"][-6:] for run in values["runs"]] == ["fold 0", "fold 1", "fold 2"]
    assert len(values["backtests"][0]["folds"]) == 3

    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("seqexp")
    assert experiment is not None
    shown = client.search_runs([experiment.experiment_id])
    parent = next(run for run in shown if run.data.tags.get("seqexp.kind") == "sweep")
    assert parent.data.params["evaluation.backtest.fold"] == "0,1,2"
    nested = {run.data.tags["fold"] for run in shown if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id}
    assert nested == {"0", "1", "2"}
    last = max(list_runs(workspace / "runs"), key=lambda run: fold_of(run) or 0)
    best = client.get_run(next(value for tag, value in parent.data.tags.items() if tag.startswith("best.")))
    assert best.data.tags["run_key"] == last.record.run_key

    again = command("run", *words)
    assert again.code == 0, again.err
    assert "(3 folds)" in again.out
    assert "fold 2" in again.out
    assert "3 done before" in again.out


def test_examples_that_lie_in_no_series_have_no_folds(compose: Callable[..., ExperimentSpec]) -> None:
    with pytest.raises(ConfigError, match="none is before another") as caught:
        compose("data=adding", "topology=many_to_one", "evaluation.mode=backtest")
    assert "evaluation.mode" in [problem.key for problem in caught.value.problems]
