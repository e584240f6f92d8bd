"""What of a user's own code is refused: a YAML or override that names it, and what is not what it is registered as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import seqexp
from seqexp.errors import ConfigError, DataError, ModelError
from seqexp.workflows.project import open_project

Write = Callable[[str, str], Path]
BASIC = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology=vector_output", "tracking=none"]
HOSTILE = {
    "conf/topology/bad.yaml": "plugins: [canary.py]\nlayers: [{Dense: {units: 1}}]\n",
    "conf/config.yaml": "defaults: [topology: vector_output, _self_]\nplugins: [canary.py]\n",
    "study.yaml": "set: {plugins: [canary.py]}\nsweep: {seed: [0]}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_yaml_of_an_experiment_names_code(write: Write, tmp_path: Path, name: str) -> None:
    write("canary.py", "open('canary', 'w').close()\n")
    write(name, HOSTILE[name])
    words = ["study.yaml"] if name == "study.yaml" else ["topology=bad"] if "bad" in name else []
    with pytest.raises(ConfigError, match=r"an experiment cannot name code|unknown key"):
        (seqexp.sweep if name == "study.yaml" else seqexp.run)(words)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "override",
    [
        "plugins=[canary.py]",
        "+plugins=[canary.py]",
        "training.plugins=[canary.py]",
        "topology.layers=[canary.py]",
        "topology.layers=[{canary: {}}]",
        "topology.layers=[{Lambda: {function: canary.py}}]",
        "training.loss=canary",
        "data.source=canary.py",
        "data.scaler=./canary.py",
        "evaluation.metrics=[canary]",
    ],
)
def test_no_override_names_code(write: Write, tmp_path: Path, override: str) -> None:
    write("canary.py", "open('canary', 'w').close()\n")
    with pytest.raises(ConfigError):
        seqexp.run([override])
    with pytest.raises(ConfigError):
        seqexp.sweep([override, "seed=0,1"])
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("value", ["mine.py", "{a: b}", "[1]", "['']"])
def test_the_key_of_a_workspace_takes_a_list_of_files(write: Write, value: str) -> None:
    write("seqexp.yaml", f"plugins: {value}\n")
    with pytest.raises(ConfigError, match="expected a list of Python files"):
        open_project()


@pytest.mark.parametrize(
    ("body", "override", "error", "told"),
    [
        (
            "@seqexp.loss\ndef own(y_true, y_pred): return ops.mean(y_pred)",
            "training.loss=own",
            ModelError,
            "each step",
        ),
        ("@seqexp.loss\ndef own(y_true, y_pred): return y_pred", "training.loss=own", ModelError, "axis=-1"),
        ("@seqexp.loss\ndef own(y_true, y_pred): return 1 / 0", "training.loss=own", ModelError, "ZeroDivisionError"),
        ("@seqexp.metric\ndef own(a, b): return 'x'", "evaluation.metrics=[own]", ModelError, "could not convert"),
        ("@seqexp.scaler\ndef own(a): return 1", "data.scaler=own", DataError, "It returns two numbers"),
        ("@seqexp.scaler\ndef own(a): return 0, -1", "data.scaler=own", DataError, "scale -1"),
        ("@seqexp.source\ndef own(): return 1", "data.source=own", DataError, "gives a int, no pandas.DataFrame"),
        ("@seqexp.source\ndef own(): return 1 / 0", "data.source=own", DataError, "own fails: ZeroDivisionError"),
    ],
)
def test_code_that_is_not_what_it_is_registered_as_is_refused_before_training(
    write: Write, body: str, override: str, error: type[Exception], told: str
) -> None:
    plugin = write("mine.py", f"import seqexp\nfrom keras import ops\n{body}\n")
    words = [word for word in BASIC if not (override.startswith("data.source") and word.startswith("data.source"))]
    with pytest.raises(error, match=told):
        seqexp.run([*words, override], plugins=[plugin])
    assert not Path("runs").exists()
