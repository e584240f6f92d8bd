"""The script behind an experiment: it needs no seqexp, reads well, and reaches the figures of the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from seqexp.errors import SeqexpError
from seqexp.models.build import build_model
from seqexp.models.functions import FUNCTIONS
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.explain.explain import explain, write_explanation
from seqexp.workflows.explain.layers import _FUNCTIONS
from seqexp.workflows.project import Project, open_project
from seqexp.workflows.running.run import run_experiment

SINE = ["data=sine", "data.source.sine.length=200", "training.epochs=2", "timesteps=9", "output_length=4"]
QUICK = {"many_to_one", "many_to_many", "encoder_decoder"}  # each takes seconds; the others are slow tests
TOPOLOGIES = {
    "one_to_one": ["timesteps=1", "output_length=1"],
    "one_to_many": ["timesteps=1", "topology.units=4"],
    "many_to_one": ["output_length=1", "topology.units=4"],
    "many_to_many": ["output_length=9", "topology.units=4"],
    "many_to_many_last_n": ["topology.units=4"],
    "many_to_many_padded": ["topology.units=4"],
    "vector_output": ["topology.units=4"],
    "encoder_decoder": ["topology.units=4"],
}
# As if seqexp were not installed: to import it is an error.
BARE = "import runpy, sys; sys.modules['seqexp'] = None; runpy.run_path('script.py', run_name='__main__')"
RECORDED = {"test/persistence/mae": "baseline/persistence/mae", "val/persistence/mae": "val/baseline/persistence/mae"}


@pytest.fixture(autouse=True)
def _clean_session() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def _run_script(folder: Path) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-W", "error", "-c", BARE]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _hold_against_runs(project: Project, words: list[str], engines: list[str]) -> None:
    """Explain, run the script by itself, and find its figures in the records."""
    write_explanation(explain(project, words), Path("script.py"))
    assert "seqexp" not in Path("script.py").read_text().partition('"""\n\nimport')[2]
    figures = _run_script(Path.cwd())
    for engine in engines:
        spec = project.compose_one([*words, f"training.engine={engine}"]).spec
        record = run_experiment(spec, project.runs).stored.record
        recorded = {**record.metrics, **{name: record.baselines[key] for name, key in RECORDED.items()}}
        for name in ("val/mae", "val/rmse", "test/mae", "test/rmse", *RECORDED):
            assert figures[name] == pytest.approx(recorded[name], rel=1e-4), f"{engine}: {name}"


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TOPOLOGIES],
)
def test_the_script_reaches_the_figures_of_the_run(name: str, tmp_path: Path) -> None:
    words = [*SINE, f"topology={name}", *TOPOLOGIES[name]]
    engines = ["compiled", "keras"] if name in {"many_to_many_padded", "encoder_decoder"} else ["compiled"]
    _hold_against_runs(open_project(tmp_path), words, engines)


def _hourly(path: Path) -> Path:
    """Write 600 hours of two series with holes, hours left out and one that stands twice."""
    draw = np.random.default_rng(1)
    load = 10 + np.sin(np.arange(600) / 24 * 2 * np.pi) + draw.normal(0, 0.2, 600)
    hours = pd.date_range("2024-03-01", periods=600, freq="h").astype(str)
    table = pd.DataFrame({"when": hours, "load": load, "wind": draw.normal(0, 1, 600), "price": 2 * load, "flat": 5.0})
    table.loc[100:103, "load"] = np.nan
    table.loc[[300, 550], "price"] = np.nan
    table = table.drop(index=[50, 51, 400])
    doubled = table.iloc[[200]].assign(load=99.0)
    pd.concat([table, doubled]).sort_values("when", kind="stable").to_csv(path, index=False, sep=";", decimal=",")
    return path


_TABLE = ["data=table", "data.time=when", "data.targets=[load,price]", 'data.read={sep: ";", decimal: ","}']
_TABLE += ["data.frequency=h", "data.duplicates=mean", "training.epochs=2", "timesteps=12", "output_length=6"]
_LAYERS = (
    "topology.layers=[{Conv1D:{filters:6,kernel_size:3,padding:causal,activation:relu}},"
    "{Bidirectional:{layer:{GRU:{units:5,return_sequences:true,kernel_initializer:he_normal}}}},{Dropout:{rate:0.1}},"
    "{Lambda:{function:take_step,arguments:{step:-1}}},{Dense:{units:4,kernel_regularizer:{L2:{l2:0.001}}}},"
    "{Reshape:{target_shape:[4,1]}}]"
)
CASES = {
    "own_layers": [
        *SINE,
        "topology=vector_output",
        _LAYERS,
        "data.scaler=minmax",
        "training.shuffle=false",
        "training.metrics=[mae,RootMeanSquaredError]",
        "training.stride=2",
    ],
    "stops_early": [
        "data=co2",
        "topology=vector_output",
        "topology.units=4",
        "timesteps=26",
        "output_length=4",
        "training.epochs=14",
        "optimizer=adam_cosine",
        "training.early_stopping={patience: 1, min_delta: 0.05}",
        "training.loss={Huber: {delta: 0.5}}",
        "evaluation.origins.every=2",
    ],
    "filled": [*_TABLE, "data.features=all", "data.missing=seasonal_fill", "topology.units=4", "data.scaler=robust"],
    "dropped": [*_TABLE, "data.features=[load,wind]", "data.missing=drop", 'evaluation.origins.at="10:00"'],
    "parquet": [
        "data=table",
        "data.time=when",
        "data.timezone=Europe/Paris",
        "data.targets=price",
        "data.features=[wind,load]",
        "data.lead=6",
        "data.split={train: 2024-03-15, validation: 2024-03-19, test: 2024-03-22}",
        "topology=many_to_many_last_n",
        "topology.layers=[{LSTM:{units:4,return_sequences:true}},{MultiHeadAttention:{num_heads:2,key_dim:3}},"
        "{Lambda:{function:last_steps,arguments:{n:7}}},{Dense:{units:1}}]",
        "training.epochs=2",
        "optimizer.name=ScheduleFreeAdamW",
    ],
    "labels": [
        "data=table",
        "data.targets=price",
        "data.features=[wind,flat]",
        "data.missing=forward_fill",
        'data.read={sep: ";", decimal: ","}',
        "data.scaler=none",
        "topology=many_to_many",
        "topology.units=4",
        "topology.contract.alignment=same",
        "training.epochs=2",
        "timesteps=6",
    ],
    "known_ahead": [
        *_TABLE,
        "data.features=[load]",
        "data.future=wind",
        "data.calendar=[hour,dayofweek,weekofyear,month,weekend]",
        "data.missing=forward_fill",
        "topology.units=4",
    ],
    "next_steps": [*SINE, "topology=many_to_many", "topology.contract.alignment=next", "output_length=9"],
}


def _words_of(case: str, folder: Path) -> list[str]:
    if "data=table" not in CASES[case]:
        return CASES[case]
    path = _hourly(folder / "hours.csv")
    if case == "parquet":
        table = pd.read_csv(path, sep=";", decimal=",").drop_duplicates("when").assign(price=1.0, load=2.0)
        hours = pd.date_range("2024-03-01", periods=600, freq="h", tz="Europe/Paris").tz_localize(None).astype(str)
        values = np.random.default_rng(2).normal(size=600)
        table = pd.DataFrame({"when": hours, "price": values, "wind": values**2, "load": np.arange(600)})
        path = folder / "hours.parquet"
        table.to_parquet(path)
    return [*CASES[case], f"data.path={path}"]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_so_does_that_of_other_layers_data_and_settings(case: str, tmp_path: Path) -> None:
    # Dropout draws other numbers in a compiled program.
    _hold_against_runs(
        open_project(tmp_path), _words_of(case, tmp_path), ["keras" if case == "own_layers" else "compiled"]
    )


def test_scripts_are_as_ruff_would_have_them(tmp_path: Path) -> None:
    project, folder = open_project(tmp_path), tmp_path / "scripts"
    folder.mkdir()
    requests = {name: [*SINE, f"topology={name}", *words] for name, words in TOPOLOGIES.items()}
    requests |= {name: _words_of(name, tmp_path) for name in CASES}
    requests["all_columns"] = ["data.features=all", "topology.units=4"]
    odd = {
        name: np.arange(200) % 7
        for name in ['a "b"', "it's", "both\"'", "gr\u00f6\u00dfe", "\\n", *map("a long name {}".format, range(9))]
    }
    pd.DataFrame(odd).to_csv(tmp_path / "odd.csv", index=False)
    requests["odd_names"] = ["data=table", "data.path=odd.csv", 'data.targets="größe"', "data.features=all"]
    for length in (60, 102, 104, 140):  # a path that fits on a line, that fits between brackets, that fits nowhere
        table = tmp_path / f"{'a' * (length - len(str(tmp_path)) - 5)}.csv" if length > len(str(tmp_path)) + 6 else None
        if table is not None:
            table.write_text("a\n" + "\n".join(str(n % 7) for n in range(200)))
            requests[f"path_{length}"] = ["data=table", f"data.path={table}", "data.targets=a"]
    for name, words in requests.items():
        (folder / f"{name}.py").write_text(explain(project, words).text)
    shared = ["--isolated", "--line-length=120", str(folder)]
    for command in (["check", "--select=E,F,W,I,N"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *shared], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


LSTM = {"LSTM": {"units": 3, "return_sequences": True}}
CHAINS: list[list[Any]] = [
    [
        {
            "LSTM": {
                "units": 3,
                "recurrent_initializer": "he_normal",
                "kernel_initializer": {"RandomNormal": {"stddev": 0.1}},
            }
        }
    ],
    [
        {
            "Bidirectional": {
                "backward_layer": {"GRU": {"units": 3, "go_backwards": True}},
                "layer": {"LSTM": {"units": 3}},
            }
        }
    ],
    [{"RNN": {"cell": {"StackedRNNCells": {"cells": [{"LSTMCell": {"units": 3}}, {"GRUCell": {"units": 2}}]}}}}],
    [LSTM, {"Attention": {"use_scale": True}}, "Flatten"],
    [LSTM, "AdditiveAttention", {"MultiHeadAttention": {"num_heads": 2, "key_dim": 3}}, "Flatten"],
    [LSTM, {"SpectralNormalization": {"layer": {"Dense": {"units": 4}}}}, "GlobalMaxPooling1D"],
    [{"TimeDistributed": {"layer": {"Dense": {"units": 2, "kernel_constraint": "max_norm"}}}}, "Flatten"],
    [{"SeparableConv1D": {"filters": 3, "kernel_size": 2}}, "BatchNormalization", "PReLU", "Flatten"],
    [{"Reshape": {"target_shape": [3, 3, 1]}}, {"ConvLSTM1D": {"filters": 2, "kernel_size": 2}}, "Flatten"],
    *[
        [LSTM, {"Lambda": {"function": name, "arguments": dict.fromkeys(keys, 2)}}, *rest]
        for name, keys, rest in [
            ("first_steps", ["n"], ["Flatten"]),
            ("take_step", ["step"], [{"Lambda": {"function": "add_time_axis"}}, "Flatten"]),
            ("difference", ["lag"], [{"Lambda": {"function": "cumulative_sum"}}, "Flatten"]),
            ("reverse_time", [], [{"Lambda": {"function": "mean_over_time"}}]),
        ]
    ],
]


def _written(layer: Any) -> Any:
    return json.dumps(layer).replace('"', "")


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_layers_begin_with_the_weights_of_the_run(chain: list[Any], compose: Callable[..., ExperimentSpec]) -> None:
    """The seeds are drawn in the same order, also those of layers inside others."""
    layers = [*chain, {"Dense": {"units": 4}}, {"Reshape": {"target_shape": [4, 1]}}]
    words = [*SINE, "topology=vector_output", f"topology.layers=[{','.join(map(_written, layers))}]"]
    spec = compose(*words)
    keras.utils.set_random_seed(spec.seed)
    wanted = build_model(spec).model
    script = explain(open_project(), words).text
    model_part = script.partition("keras.utils.set_random_seed(SEED)")[2].partition("\nmodel.summary()")[0]
    names: dict[str, Any] = {"keras": keras, "layers": keras.layers, "FEATURES": ["value"], "TARGETS": ["value"]}
    names |= {"TIMESTEPS": 9, "OUTPUT_LENGTH": 4}
    keras.backend.clear_session()
    keras.utils.set_random_seed(spec.seed)
    exec(model_part.partition("\n")[2], names)
    given = names["model"]
    assert [w.shape for w in given.get_weights()] == [w.shape for w in wanted.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(given.get_weights(), wanted.get_weights(), strict=True))
    windows = np.random.default_rng(0).normal(size=(5, 9, 1)).astype("float32")
    assert np.allclose(given(windows), wanted(windows), atol=1e-6)


def test_where_the_compiled_engine_draws_other_numbers_it_is_said() -> None:
    dropout = "topology.layers=[{Bidirectional:{layer:{LSTM:{units:2,dropout:0.1}}}},{Dense:{units:1}}]"
    words = [*SINE, "topology=many_to_one", "output_length=1", dropout]
    assert "training.engine=keras" in explain(open_project(), words).warning
    assert explain(open_project(), [*words, "training.engine=keras"]).warning == ""
    assert explain(open_project(), ["topology=many_to_one"]).warning == ""


def test_every_function_is_written_out() -> None:
    assert set(_FUNCTIONS) == set(FUNCTIONS)


def test_a_recorded_run_is_explained_as_it_was(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    table = tmp_path / "sales.csv"
    table.write_text("sales\n" + "\n".join(str(100 + n % 7) for n in range(200)))
    words = ["data=table", f"data.path={table}", "data.targets=sales", "topology=one_to_one", "training.epochs=1"]
    stored = run_experiment(project.compose_one(words).spec, project.runs).stored
    wanted = explain(project, words)
    for word in (stored.record.run_key, stored.record.run_key[:6], str(stored.path)):
        assert explain(project, [word]) == wanted
    table.write_text("sales\n" + "\n".join(str(100 + n % 6) for n in range(200)))
    assert "no longer those of the run" in explain(project, [stored.record.run_key]).warning
    with pytest.raises(SeqexpError, match="There is no run"):
        explain(project, ["nothing"])
    with pytest.raises(SeqexpError, match="means a run"):
        explain(project, [stored.record.run_key, "seed=1"])


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["data.transform=log"], "data.transform"),
        (["topology.head=gaussian"], "topology.head"),
        (["evaluation.conformal={level: 0.8}"], "evaluation.conformal"),
        (["data.calendar=[hour,holiday:DE]"], "data.calendar"),
        (["data=adding"], "data.source"),
        (["data=copy_memory"], "data.source"),
        (["training.refit=train+validation"], "training.refit"),
        (["evaluation.mode=backtest"], "evaluation.mode"),
    ],
)
def test_what_is_not_written_is_refused_by_its_key(words: list[str], key: str) -> None:
    with pytest.raises(SeqexpError) as caught:
        explain(open_project(), words)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert "--markdown" in str(caught.value)
    assert "# encoder_decoder" in explain(open_project(), words, markdown=True).text


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    explanation = explain(open_project(), ["topology=one_to_one"])
    script, data = tmp_path / "script.py", tmp_path / "household_power_daily.csv"
    assert write_explanation(explanation, script) == [script, data]
    assert write_explanation(explanation, script) == [script, data]  # the same again does no harm
    for path in (script, data):
        path.write_text("mine")
        with pytest.raises(SeqexpError, match=f"{path.name} is there already"):
            write_explanation(explanation, script)
        write_explanation(explanation, script, force=True)
        assert path.read_text() != "mine"
    with pytest.raises(SeqexpError, match="is a folder"):
        write_explanation(explanation, tmp_path)
    with pytest.raises(SeqexpError, match="no folder"):
        write_explanation(explanation, tmp_path / "nowhere" / "script.py")


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_page_draws_the_topology_and_counts_its_weights(name: str) -> None:
    words = [*SINE, f"topology={name}", *TOPOLOGIES[name]]
    project = open_project()
    page = explain(project, words, markdown=True).text
    spec = project.compose_one(words).spec
    assert page.startswith(f"# {name}: {spec.timesteps} → {spec.output_length}\n")
    assert f"\n{build_model(spec).model.count_params():,} weights." in page
    assert "A topology of your own" not in page
    drawing = page.partition("```text\n")[2].partition("\n```")[0].splitlines()
    assert drawing[0].split()[-1] == f"y{spec.output_length}"
    assert f"x{spec.timesteps}" in drawing[-1]
    assert f"alignment: {spec.topology.contract.alignment}" in page


def test_the_page_of_unequal_lengths_shows_what_the_slice_loses() -> None:
    page = explain(open_project(), [*SINE, "topology=many_to_many_last_n"], markdown=True).text
    drawing = """\
outputs               y1     y2 ... y4
                      │      │      │
Dense                 D      D ...  D    (4, 1)
                      │      │      │
Lambda                ·      · ...  ·    (4, 32)
                      │      │      │
LSTM    L ───▶ L ···▶ L ───▶ L ···▶ L    (9, 32)
        │      │      │      │      │
inputs  x1     x2 ... x6     x7 ... x9   (9, 1)
"""
    assert drawing in page
    assert "has not read the last 3 input steps" in page


def test_a_name_of_the_workspace_is_not_told_as_the_shipped_one(write: Callable[[str, str], Path]) -> None:
    write(
        "conf/topology/encoder_decoder.yaml",
        "layers: [Flatten, {Dense: {units: 7}}, {Reshape: {target_shape: [7, 1]}}]\ncontract: {}\n",
    )
    page = explain(open_project(), [], markdown=True).text
    assert "by these layers: Flatten, Dense, Reshape." in page
    assert "A topology of your own" in page
