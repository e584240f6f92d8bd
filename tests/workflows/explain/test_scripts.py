"""The script behind an experiment: it needs no seqexp, reads well, and reaches the figures of the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from seqexp.models.build import build_model
from seqexp.models.functions import FUNCTIONS
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.explain.explain import explain
from seqexp.workflows.explain.layers import FUNCTIONS_WRITTEN
from seqexp.workflows.project import open_project

SINE = ["data=sine", "data.source.sine.length=200", "training.epochs=2", "timesteps=9", "output_length=4"]
QUICK = ("many_to_one", "encoder_decoder")  # each takes seconds; the others are slow tests
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


def test_scripts_reach_the_figures_of_their_runs(hold_against_runs: Callable[..., Any]) -> None:
    cases = {name: [*SINE, f"topology={name}", *TOPOLOGIES[name]] for name in QUICK}
    hold_against_runs(cases)


@pytest.mark.slow
def test_so_do_those_of_all_other_topologies(hold_against_runs: Callable[..., Any]) -> None:
    cases = {name: [*SINE, f"topology={name}", *words] for name, words in TOPOLOGIES.items() if name not in QUICK}
    hold_against_runs(cases)


@pytest.mark.slow
def test_both_engines_give_these_figures(hold_against_runs: Callable[..., Any]) -> None:
    names = ("many_to_many_padded", "encoder_decoder")
    hold_against_runs({name: [*SINE, f"topology={name}", *TOPOLOGIES[name]] for name in names}, engines=["keras"])


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
        "data.calendar=holiday:FR",
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
def test_so_do_those_of_other_layers_data_and_settings(hold_against_runs: Callable[..., Any], tmp_path: Path) -> None:
    cases = {case: _words_of(case, tmp_path) for case in CASES}
    dropout = {"own_layers": cases.pop("own_layers")}  # it draws other numbers in a compiled program
    hold_against_runs(cases)
    hold_against_runs(dropout, engines=["keras"])


def test_scripts_are_as_ruff_would_have_them(tmp_path: Path, check_style: Callable[..., None]) -> None:
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
    check_style(folder)


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


def test_every_function_is_written_out() -> None:
    assert set(FUNCTIONS_WRITTEN) == set(FUNCTIONS)
