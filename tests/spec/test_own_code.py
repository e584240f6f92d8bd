"""Names that are taken, signatures, and what of a user's code an experiment uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqexp.errors import ConfigError
from seqexp.evaluation.baselines import BASELINES as SHIPPED_BASELINES
from seqexp.evaluation.metrics import METRICS
from seqexp.plugins.signature import arguments_of_signature
from seqexp.spec.own_code import BASELINES, SCORES
from seqexp.spec.settings import _UNRANKED, SELECTED
from seqexp.spec.used_code import own_codes, own_parts
from seqexp.workflows.project import open_project

Write = Callable[[str, str], Path]
TEXT = """
import seqexp
@seqexp.loss
def slanted(y_true, y_pred, by: float = 1, times: int = 1, name: str = "", flip: bool = False, rest=None): ...
@seqexp.function
def halve(x, by: float = 2.0): ...
@seqexp.metric
def worst(true_WNK, forecast_WNK): ...
@seqexp.scaler
def middle(values_T, share: float): ...
@seqexp.source
def steps(length: int = 100): ...
@seqexp.baseline
def two_before(history, first_W): ...
"""


def test_the_names_that_are_taken_are_those_in_use() -> None:
    assert set(SHIPPED_BASELINES) <= set(BASELINES)
    assert set(METRICS) <= set(SCORES)
    assert {name.removeprefix("val/") for name in SELECTED} <= set(SCORES)
    assert set(METRICS) <= {name.removeprefix("val/") for name in SELECTED} | _UNRANKED.keys()
    assert _UNRANKED.keys() <= set(SCORES)


def test_kinds_come_from_annotations_or_defaults() -> None:
    def f(
        given: Any,
        a: int,
        b: float | None = None,
        c=True,  # type: ignore[no-untyped-def]
        d=3,  # type: ignore[no-untyped-def]
        e="x",  # type: ignore[no-untyped-def]
        g: str = "y",
        h: tuple[int, ...] = (),
        *i: Any,
        **j: Any,
    ) -> None: ...

    found = arguments_of_signature(f, 1)
    assert {name: described["kind"] for name, described in found.items()} == {
        "a": "int",
        "b": "number",
        "c": "bool",
        "d": "number",
        "e": "text",
        "g": "text",
        "h": "any",
    }
    assert "default" not in found["a"]


@pytest.mark.parametrize(
    ("overrides", "key", "told"),
    [
        (["training.loss={slanted: {bye: 1}}"], "training.loss.slanted.bye", "Did you mean by?"),
        (["training.loss={slanted: {by: text}}"], "training.loss.slanted.by", "expected a number"),
        (["training.loss={slanted: {times: 1.5}}"], "training.loss.slanted.times", "expected a whole number"),
        (["training.loss={slanted: {flip: 1}}"], "training.loss.slanted.flip", "expected true or false"),
        (["training.loss={slanted: {name: 1}}"], "training.loss.slanted.name", "expected a text"),
        (["training.loss=slantd"], "training.loss", "Did you mean slanted?"),
        (["training.metrics=[worst]"], "training.metrics[0]", "Name it in evaluation.metrics"),
        (["evaluation.metrics=[mse]"], "evaluation.metrics[0]", "Name it in training.metrics"),
        (["evaluation.metrics=[wurst]"], "evaluation.metrics[0]", "Did you mean worst?"),
        (["evaluation.baselines=[two]"], "evaluation.baselines[0]", "there is no baseline 'two'"),
        (["data.scaler=middle"], "data.scaler.middle", "middle needs share"),
        (["data.scaler=midle"], "data.scaler", "Did you mean middle?"),
        (["data.scaler=whiten"], "data.scaler", "--plugin FILE.py"),
        (["data.source=stepps"], "data.source", "Did you mean steps?"),
        (["data.source=weather"], "data.source", "--plugin FILE.py"),
        (["data.source={steps: {lengt: 3}}"], "data.source.steps.lengt", "Did you mean length?"),
        (["topology.layers=[{Lambda: {function: halve, arguments: {bi: 3}}}]"], "arguments.bi", "has no argument 'bi'"),
    ],
)
def test_the_signature_serves_validation(write: Write, overrides: list[str], key: str, told: str) -> None:
    project = open_project(plugins=[write("mine.py", TEXT)])
    with pytest.raises(ConfigError) as error:
        project.compose_one(["data=sine", *overrides])
    problem = next(problem for problem in error.value.problems if problem.key.endswith(key))
    assert told in str(problem)


def test_a_source_of_ones_own_takes_the_place_of_the_file_of_a_table(write: Write) -> None:
    project = open_project(plugins=[write("mine.py", TEXT)])
    composed = project.compose_one(["data=table", "data.source=steps", "data.targets=y"])
    assert composed.spec.data.path is None
    with pytest.raises(ConfigError, match=r"data.path: the source steps reads no file"):
        project.compose_one(["data=table", "data.source=steps", "data.targets=y", "data.path=my.csv"])
    with pytest.raises(ConfigError, match=r"^data.source: there is no source 'stepps'") as error:
        project.compose_one(["data=table", "data.source=stepps", "data.targets=y"])
    assert len(error.value.problems) == 1
    with pytest.raises(ConfigError, match=r"data.path: needs a value"):
        project.compose_one(["data=table", "data.targets=y"])


def test_a_spec_states_them_as_yaml_does(write: Write) -> None:
    project = open_project(plugins=[write("mine.py", TEXT)])
    words = ["data=sine", "data.source=steps", "data.scaler={middle: {share: 1}}", "evaluation.metrics=[worst]"]
    words += ["training.loss={slanted: {by: 2}}"]
    spec = project.compose_one(words).spec
    tree = spec.as_tree()
    assert tree["data"]["source"] == "steps"
    assert tree["data"]["scaler"] == {"middle": {"share": 1.0}}
    assert tree["training"]["loss"] == {"slanted": {"by": 2.0}}
    assert tree["evaluation"]["metrics"] == ["worst"]
    assert {part.name for part in own_parts(spec)} == {"steps", "middle", "slanted", "worst"}
    assert [code.name for code in own_codes(spec)] == ["mine"]


def test_runs_that_use_nothing_of_it_keep_their_spec(write: Write) -> None:
    without = open_project().compose_one(["data=sine"]).spec
    beside = open_project(plugins=[write("mine.py", TEXT)]).compose_one(["data=sine"]).spec
    assert beside.as_tree() == without.as_tree()
    assert own_codes(beside) == ()
    assert "metrics" not in beside.as_tree()["evaluation"]


def test_without_the_plugin_the_mend_names_the_option() -> None:
    with pytest.raises(ConfigError, match=r"--plugin FILE\.py"):
        open_project().compose_one(["data=sine", "training.loss=slanted"])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["evaluation.select=val/worst"], r"the metric worst is not scored(.|\n)*evaluation.metrics=\[worst\]"),
        (
            ["evaluation.select=val/wrost", "evaluation.metrics=worst"],
            "no figure.*'val/wrost'(.|\n)*Did you mean val/worst",
        ),
        (["evaluation.select=test/worst", "evaluation.metrics=worst"], "choose nothing(.|\n)*validation: val/worst"),
        (["evaluation.select=mae"], "no figure of validation 'mae'(.|\n)*Did you mean val/mae"),
        (["evaluation.select=val/xyz"], "There is: val/mae, val/rmse(.|\n)*--plugin"),
        (
            ["evaluation.select=val/mape"],
            r"val/mape ranks no runs: .*value is 0\.(.|\n)*There is: val/mae, val/rmse",
        ),
        (["evaluation.select=wape"], "val/wape ranks no runs: .* as val/mae does"),
        (
            ["evaluation.select=val/r2", "evaluation.metrics=worst"],
            "highest is best(.|\n)*cross_entropy, val/worst",
        ),
        (["evaluation.select=test/mape"], "choose nothing(.|\n)*There is: val/mae"),
    ],
)
def test_what_runs_are_ranked_by_has_to_be_scored_on_validation(overrides: list[str], says: str, write: Write) -> None:
    project = open_project(plugins=[write("mine.py", TEXT)])
    spec = project.compose_one(["evaluation.select=val/worst", "evaluation.metrics=worst"]).spec
    assert spec.evaluation.select == "val/worst"
    with pytest.raises(ConfigError, match=says) as caught:
        project.compose_one(overrides)
    assert caught.value.problems[0].key == "evaluation.select"
