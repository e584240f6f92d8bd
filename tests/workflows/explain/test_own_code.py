"""Scripts of experiments with own code: it is written out without seqexp, or refused with the line that needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.errors import ConfigError
from seqexp.workflows.explain.explain import explain
from seqexp.workflows.explain.own_code import read_own_code
from seqexp.workflows.project import Project, open_project

Hold = Callable[..., dict[str, dict[str, float]]]
Write = Callable[[str, str], Path]
MINE = '''
"""What the shop has of its own."""

import keras
import numpy as np
import pandas as pd
from keras import ops
from scipy.stats import iqr as spread

import seqexp
from seqexp import function as known_function

HALF = 0.5
UNUSED = spread


def times(x, by):
    return x * by


# What stands above a class belongs to it.
@seqexp.layer
class Factor(keras.layers.Layer):
    def __init__(self, start: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="he_normal", name="factor")

    def call(self, x):
        return times(x, self.factor + self.start)


@seqexp.loss
def slanted(y_true, y_pred, under: float = 2.0):
    error = y_true - y_pred
    return ops.mean(ops.where(error > 0, under * error, -error), axis=-1)


@seqexp.loss
class Quartic(keras.losses.Loss):
    def __init__(self, power: float = 4.0):
        super().__init__(reduction="sum")
        self.power = power

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** self.power, axis=-1)


@seqexp.metric
def worst(true, forecast, by: float = 1.0):
    assert true.shape == forecast.shape
    return np.nanmax(np.abs(true - forecast)) / by


@known_function
def shrink(x, by: float = 2.0):
    return x * HALF / by


@seqexp.source
def weeks(length: int = 150, named: bool = False):
    step = np.arange(length)
    table = pd.DataFrame({"value": step % 7 + np.sin(step), "other": step * 0.1})
    return table.set_index("other") if named else table


@seqexp.scaler
def middle(values):
    return np.median(values), np.ptp(values)


@seqexp.scaler
class Spread:
    def __init__(self, share: float = 0.5):
        self.share = share

    def fit(self, values):
        return float(values.mean()), self.share * float(np.ptp(values))


@seqexp.baseline
def two_before(history, first):
    return history.values_at(history.known_WN(first) - 1, first)


if __name__ == "__main__":
    print(weeks())
'''
SHORT = ["timesteps=6", "output_length=3", "topology=vector_output", "training.epochs=2"]
SINE = ["data=sine", "data.source.sine.length=150", *SHORT]
LAYERS = "topology.layers=[{Factor:{start:0.5}},{Lambda:{function:shrink,arguments:{by:4}}},Flatten,{Dense:{units:3}},"
LAYERS += "{Reshape:{target_shape:[3,1]}}]"


@pytest.fixture
def own_project(write: Write) -> Project:
    return open_project(plugins=[write("mine.py", MINE)])


def test_own_code_is_written_out(hold_against_runs: Hold, own_project: Project) -> None:
    source = ["data=sine", "data.source={weeks: {length: 140}}", "data.targets=value", *SHORT]
    own = ["training.loss={slanted: {under: 3}}", "data.scaler={Spread: {share: 0.25}}"]
    own += ["evaluation.metrics=[{worst: {by: 2}}]", "evaluation.baselines=[two_before]"]
    words = [*source, *own, LAYERS]
    found = hold_against_runs({"own": words}, project=own_project, formatted=False)
    assert "test/persistence/worst" in found["own"]
    script = explain(own_project, words).text
    assert "# What stands above a class belongs to it.\nclass Factor(" in script
    assert "HALF = 0.5" in script
    for unused in ("UNUSED", "Quartic", "middle", "two_before", "scipy"):
        assert unused not in script
    assert "A topology of your own" in explain(own_project, words, markdown=True).text


@pytest.mark.slow
def test_so_is_that_of_other_kinds(hold_against_runs: Hold, own_project: Project, tmp_path: Path) -> None:
    (tmp_path / "holes.csv").write_text("v\n" + "\n".join(f"{n % 7 if n % 41 else ''}" for n in range(1, 160)))
    holes = ["data=table", f"data.path={tmp_path / 'holes.csv'}", "data.targets=v", "data.missing=forward_fill", *SHORT]
    source = ["data=sine", "data.source={weeks: {length: 140, named: true}}", "data.targets=value"]
    cases = {
        "filled": [*holes, "training.loss={slanted: {under: 3}}", "data.scaler=middle"],
        "filled_class": [*holes, "training.loss={Quartic: {power: 2}}", "evaluation.metrics=worst"],
        "class": [*SINE, "training.loss=Quartic", "training.refit=train+validation"],
        "plain": [*SINE, "training.loss=slanted", "data.features=value"],
        "named": [*source, "data.features=all", *SHORT, "evaluation.conformal={level: 0.6}"],
    }
    hold_against_runs(cases, project=own_project, formatted=False)


OWN = "@seqexp.metric\ndef own(true, given): return 1.0"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (f"{OWN} + len(seqexp.__name__)", "mine.py:4 uses seqexp itself"),
        (f"np.random.seed(1)\n{OWN}", "mine.py:3 does more than to define things"),
        (f"def score(x): return x\n{OWN} * score(1)", "has the name 'score'"),
        (f"from keras import activations as keras\n{OWN} * bool(keras)", "has the name 'keras'"),
    ],
)
def test_what_cannot_be_written_out_is_refused(code: str, says: str, write: Write) -> None:
    project = open_project(plugins=[write("mine.py", f"import numpy as np\nimport seqexp\n{code}")])
    words = [*SINE, "evaluation.metrics=[own]"]
    with pytest.raises(ConfigError, match=says):
        explain(project, words)
    assert "# vector_output" in explain(project, words, markdown=True).text


@pytest.mark.parametrize("code", [f"print('loaded')\n{OWN}", f"{OWN}\ndef score(): pass\nseqexp.loss(print_)"])
def test_what_the_experiment_does_not_use_is_no_matter(code: str, write: Write) -> None:
    print_ = "def print_(y_true, y_pred): return y_true\n"
    project = open_project(plugins=[write("mine.py", f"import seqexp\n{print_}{code}")])
    script = explain(project, [*SINE, "evaluation.metrics=[own]"]).text
    assert "def own(" in script
    assert "loaded" not in script
    assert "print_" not in script


def test_code_that_only_a_baseline_needs_is_left_out(own_project: Project) -> None:
    spec = own_project.compose_one([*SINE, "evaluation.baselines=[two_before]"]).spec
    assert read_own_code(spec).blocks == ()
