"""A user's own code from end to end: it trains, is saved, is found again, and enters the keys of what uses it.

Axis letters: B batch, T steps, F features, N output steps, K targets, W windows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqexp
from seqexp.errors import ConfigError, PluginError, StoreError
from seqexp.store.run_dir import damaged_files
from seqexp.workflows.checking.check import check_layers
from seqexp.workflows.checking.leakage import check_leakage
from seqexp.workflows.explain.explain import explain
from seqexp.workflows.project import open_project
from seqexp.workflows.rerunning.rerun import rerun
from seqexp.workflows.using.predict import predict

Write = Callable[[str, str], Path]
MINE = """
import keras
import numpy as np
import pandas as pd
from keras import ops

import seqexp


@seqexp.layer
class Scale(keras.layers.Layer):
    def __init__(self, start: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(self.start))

    def call(self, x_BF):
        return x_BF * self.factor


@seqexp.loss
def slanted(y_true, y_pred, under: float = 2.0):
    error_BNK = y_true - y_pred
    return ops.mean(ops.where(error_BNK > 0, under * error_BNK, -error_BNK), axis=-1)


@seqexp.loss
class Quartic(keras.losses.Loss):
    def __init__(self, power: float = 4.0):
        super().__init__()
        self.power = power

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** self.power, axis=-1)


@seqexp.metric
def worst(true_WNK, forecast_WNK, by: float = 1.0):
    return np.nanmax(np.abs(true_WNK - forecast_WNK)) / by


@seqexp.function
def halve(x_BTF, by: float = 2.0):
    return x_BTF / by


@seqexp.source
def steps(length: int = 200):
    step_T = np.arange(length)
    return pd.DataFrame({"value": step_T % 7 + np.sin(step_T), "other": step_T * 0.1})


@seqexp.scaler
def middle(values_T):
    return np.median(values_T), np.ptp(values_T)


@seqexp.baseline
def two_before(history, first_W):
    return history.values_at(history.known_WN(first_W) - 1, first_W)
"""
LAYERS = (
    "[{LSTM: {units: 4}}, {Scale: {start: 0.5}}, {Lambda: {function: halve, arguments: {by: 4}}},"
    ' {Dense: {units: "${output_length}"}}, {Reshape: {target_shape: ["${output_length}", 1]}}]'
)
BASIC = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology=vector_output", "tracking=none"]
WHOLE = [
    *BASIC[2:],
    "data=sine",
    "data.source={steps: {length: 210}}",
    "data.targets=value",
    f"topology.layers={LAYERS}",
    "training.loss={slanted: {under: 3}}",
    "data.scaler=middle",
    "evaluation.metrics=[worst]",
    "evaluation.baselines=[two_before]",
]


@pytest.fixture
def mine(write: Write) -> Path:
    return write("mine.py", MINE)


@pytest.mark.parametrize("engine", ["compiled", "keras"])
def test_all_kinds_train_are_scored_saved_and_found_again(mine: Path, tmp_path: Path, engine: str) -> None:
    words = [*WHOLE, f"training.engine={engine}"]
    run = seqexp.run(words, plugins=[mine])
    assert run.status == "FINISHED"
    assert run.metrics["test/worst"] >= run.metrics["test/mae"]
    assert run.metrics["val/worst"] > 0
    assert {"baseline/two_before/mae", "baseline/two_before/worst", "baseline/linear/worst"} <= set(run.baselines)
    steps = run._stored.steps
    assert max(value or 0 for value in steps["step/worst"]) == pytest.approx(run.metrics["test/worst"])
    scaler = run.record.data["target_scaler"]
    train_T = seqexp_steps(210)[: int(210 * 0.7)]
    assert scaler == {"center": [np.median(train_T)], "scale": [np.ptp(train_T)]}
    assert [type(layer).__name__ for layer in run.model.layers][2:4] == ["Scale", "Lambda"]
    assert run.model.layers[2].start == 0.5
    assert (run.run_dir / "plugins" / "mine.py").read_text("utf-8") == MINE
    assert "plugins/mine.py" in json.loads((run.run_dir / "manifest.json").read_text())
    assert damaged_files(run.run_dir) == []
    assert list(predict(run._stored)["value"])
    assert seqexp.run(words, plugins=[mine]).run_dir == run.run_dir  # already done


def seqexp_steps(length: int) -> Any:
    step_T = np.arange(length)
    return step_T % 7 + np.sin(step_T)


def test_a_run_without_its_plugin_names_the_copy_and_executes_nothing(mine: Path, tmp_path: Path, write: Write) -> None:
    run = seqexp.run(WHOLE, plugins=[mine])
    copy = run.run_dir / "plugins" / "mine.py"
    canary = tmp_path / "canary"
    hostile = f"open({str(canary)!r}, 'w').close()\n{MINE}"
    copy.write_text(hostile, "utf-8")
    stranger = seqexp.load(run.run_dir)
    for use in (lambda: stranger.model, lambda: stranger.spec, lambda: predict(stranger._stored)):
        with pytest.raises(StoreError, match=f"--plugin {copy}"):
            use()
    assert not canary.exists()
    copy.write_text(MINE, "utf-8")
    with pytest.raises(StoreError, match="which is not loaded"):
        rerun(open_project(), run.run_key)
    again = rerun(open_project(plugins=[copy]), run.run_key)
    assert again.verdict.is_reproduced
    assert "\nclass Scale(" in explain(open_project(plugins=[copy]), [run.run_key]).text
    named = seqexp.load(run.run_dir, plugins=[copy])
    assert type(named.model.layers[2]).__name__ == "Scale"
    edited = write("edited/mine.py", MINE.replace("x_BF * self.factor", "x_BF - self.factor"))
    with pytest.raises(StoreError, match="was edited since"):
        _ = seqexp.load(run.run_dir, plugins=[edited]).model


def test_an_edited_loss_trains_again_and_an_unrelated_edit_does_not(write: Write) -> None:
    text = MINE.replace("import pandas as pd", "import pandas as pd  # edited")
    own = [*BASIC, "training.loss=slanted"]
    other = write("other.py", "import seqexp\n@seqexp.function\ndef third(x): return x / 3\n")
    plugins = [write("mine.py", MINE), other]
    first, plain = seqexp.run(own, plugins=plugins), seqexp.run(BASIC, plugins=plugins)
    write("other.py", "import seqexp\n@seqexp.function\ndef third(x): return x / 3.0\n")
    assert seqexp.run(own, plugins=plugins).run_dir == first.run_dir
    write("mine.py", text.replace("under * error_BNK", "100 * under * error_BNK"))
    again = seqexp.run(own, plugins=plugins)
    assert again.run_dir != first.run_dir
    # Neither this process nor the cache of compiled programs took the old loss for the new one.
    assert abs(again.history["train/loss"][0]) > 10 * abs(first.history["train/loss"][0])
    assert seqexp.run(BASIC, plugins=plugins).run_dir == plain.run_dir
    assert seqexp.run(BASIC).run_key == plain.run_key


def test_an_edited_layer_is_not_taken_for_the_old_one(write: Write) -> None:
    words = [*BASIC, f"topology.layers={LAYERS.replace('{Scale: {start: 0.5}}', 'Scale')}"]
    first = seqexp.run(words, plugins=[write("mine.py", MINE)])
    again = seqexp.run(
        words, plugins=[write("mine.py", MINE.replace("x_BF * self.factor", "0.0 * x_BF * self.factor"))]
    )
    assert again.status == "FINISHED"
    assert again.run_key != first.run_key
    assert again.metrics["val/mae"] != first.metrics["val/mae"]
    assert np.ptp(again.forecasts["forecast"], axis=0).max() == pytest.approx(0)  # the new one lets nothing through
    assert np.ptp(first.forecasts["forecast"], axis=0).max() > 0


def test_a_loss_class_gives_what_a_function_does(mine: Path) -> None:
    runs = [seqexp.run([*BASIC, f"training.loss={loss}"], plugins=[mine]) for loss in ("{Quartic: {power: 2}}", "mse")]
    assert runs[0].history["train/loss"][0] == pytest.approx(runs[1].history["train/loss"][0], rel=1e-5)


def test_a_sweep_takes_it_to_its_workers(mine: Path, tmp_path: Path) -> None:
    words = ["training.loss=mse,slanted", f"topology.layers={LAYERS}", "execution.workers=2", *BASIC]
    (tmp_path / "seqexp.yaml").write_text("plugins: [mine.py]\n", "utf-8")
    swept = seqexp.sweep(words)
    assert [run.status for run in swept] == ["FINISHED"] * 2
    assert {run.record.environment["plugins"][0]["parts"][-1] for run in swept} == {"function halve", "loss slanted"}
    assert type(swept.runs[0].model.layers[2]).__name__ == "Scale"
    single = seqexp.run([*BASIC, "training.loss=slanted", f"topology.layers={LAYERS}"])
    assert single.run_dir in [run.run_dir for run in swept]  # already done


SCRIPT = """
import keras
import seqexp
from keras import ops

POWER = 2.0


def apart(one, other):
    return ops.abs(one - other) ** POWER


@seqexp.loss
def far(y_true, y_pred):
    return ops.mean(apart(y_true, y_pred), axis=-1)


@seqexp.layer
class Shift(keras.layers.Layer):
    def call(self, x):
        return x + POWER


if __name__ == "__main__":
    words = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "tracking=none", "training.loss=far"]
    words += ["topology.layers=[Shift, Flatten, {Dense: {units: 7}}, {Reshape: {target_shape: [7, 1]}}]"]
    swept = seqexp.sweep([*words, "seed=0,1", "execution.workers=1"])
    print([run.status for run in swept], swept.runs[0].model.layers[1].name)
    print(seqexp.run([*words, "seed=1"]).run_dir == swept.runs[1].run_dir)
"""


@pytest.mark.slow
def test_what_a_script_defines_reaches_workers_and_record(write: Write, tmp_path: Path) -> None:
    script = write("script.py", SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.splitlines() == ["['FINISHED', 'FINISHED'] shift", "True"], done.stderr
    (run_dir, _) = sorted((tmp_path / "runs" / "seqexp").iterdir())
    copies = sorted((run_dir / "plugins").iterdir())
    assert [path.name for path in copies] == ["layer_Shift.py", "loss_far.py"]
    loaded = seqexp.load(run_dir, plugins=copies)
    assert float(loaded.model.layers[1](np.ones((1, 1)))[0, 0]) == 3.0


def test_an_installed_package_brings_its_own(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("site/pack.py", "import seqexp\n@seqexp.metric\ndef packed(true_WNK, forecast_WNK): return 1.5\n")
    write("site/pack-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pack\nVersion: 1.0\n")
    write("site/pack-1.0.dist-info/entry_points.txt", "[seqexp.plugins]\npack = pack\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr("seqexp.plugins.loading._tried_entry_points", set())
    run = seqexp.run([*BASIC, "evaluation.metrics=[packed]"])
    assert run.metrics["test/packed"] == 1.5
    assert (run.run_dir / "plugins" / "pack.py").is_file()
    del sys.modules["pack"]


def test_paths_in_a_workspace_count_from_its_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("seqexp.yaml", "plugins: [code/mine.py]\n")
    write("code/mine.py", MINE)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    project = open_project()
    assert project.compose_one([*BASIC, "training.loss=slanted"]).spec.training.loss.name == "slanted"
    # A file that is asked for takes the place of the workspace's of its name.
    other = write("other/mine.py", MINE.replace("slanted", "steep"))
    with pytest.raises(ConfigError, match="there is no loss 'slanted'"):
        open_project(plugins=[other]).compose_one([*BASIC, "training.loss=slanted"])


def test_a_baseline_that_looks_ahead_is_found_out(write: Write) -> None:
    text = "import seqexp\n@seqexp.baseline\ndef seer(history, first_W):\n"
    plugin = write("mine.py", f"{text}    return history.filled_TK[history.target_WN(first_W)]\n")
    spec = open_project(plugins=[plugin]).compose_one(["data=sine", "evaluation.baselines=[seer]"]).spec
    assert any(not verdict.holds for verdict in check_leakage(spec))


def test_the_layers_of_a_check_are_own_ones_too(mine: Path) -> None:
    spec = open_project(plugins=[mine]).compose_one([*BASIC, f"topology.layers={LAYERS}"]).spec
    assert [row.name for row in check_layers(spec)][2:4] == ["Scale", "Lambda"]


def test_the_command_line_says_what_is_wrong_and_lists_what_is_there(
    write: Write, mine: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    broken = write("broken.py", "import seqexp\n\n1 / 0\n")
    failed = command("check", "--plugin", str(broken))
    assert failed.code == 2
    assert "broken.py:3: it cannot be loaded: ZeroDivisionError" in failed.err
    assert "Traceback" not in failed.err
    listed = command("list", "losses", "--plugin", "mine.py").out
    assert f"your own: {mine}:" in listed
    assert "slanted" in listed
    assert "MeanSquaredError" in listed
    assert "under" in command("list", "losses", "slanted", "--plugin", "mine.py").out


def test_two_files_of_one_name_are_refused(write: Write) -> None:
    one, two = write("one/mine.py", MINE), write("two/mine.py", MINE)
    with pytest.raises(PluginError, match="two plugins have the name 'mine'"):
        open_project(plugins=[one, two]).load_code()
