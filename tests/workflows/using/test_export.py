"""A model given away says the same as the run, in whatever form; what is no export is not touched."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from seqexp.errors import SeqexpError
from seqexp.fingerprint import hash_file
from seqexp.store.run_dir import StoredRun, read_run
from seqexp.workflows.project import open_project
from seqexp.workflows.running.requests import request_run
from seqexp.workflows.serving import Forecaster
from seqexp.workflows.using.export import FORMS, export

SMALL = ["topology.units=4", "timesteps=6", "output_length=3", "training.epochs=1", "tracking=none"]


def _run(folder: Path, *words: str) -> StoredRun:
    project = open_project(folder)
    rows = np.arange(150)
    table = {
        "day": pd.date_range("2024-01-01", periods=150),
        "sales": 5000.0 + 10 * (rows % 7),
        "price": 1.0 + rows % 3,
    }
    pd.DataFrame(table).to_csv(folder / "a.csv", index=False)
    given = ["data=table", f"data.path={folder / 'a.csv'}", "data.time=day", "data.targets=sales"]
    stored = request_run(project, project.compose_one([*given, "topology=vector_output", *SMALL, *words])).stored
    assert stored.record.status == "FINISHED", stored.record.error
    return stored


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return _run(tmp_path_factory.mktemp("export"), "data.features=all")


PAST = 5000 + 10 * np.random.default_rng(1).normal(size=(4, 6, 2))


def test_keras_gets_the_file_and_all_that_is_needed_to_use_it(plain: StoredRun, tmp_path: Path) -> None:
    import keras

    folder = export(plain, "keras", tmp_path / "out")
    schema = json.loads((folder / "schema.json").read_text())
    assert [schema[key] for key in ("features", "targets", "rows", "first_step")] == [
        ["sales", "price"],
        ["sales"],
        6,
        1,
    ]
    scaled = (PAST - schema["feature_scaler"]["center"]) / np.array(schema["feature_scaler"]["scale"])
    said = keras.saving.load_model(folder / "model.keras").predict(scaled.astype(np.float32), verbose=0)
    values = said * np.array(schema["target_scaler"]["scale"]) + schema["target_scaler"]["center"]
    np.testing.assert_allclose(values, Forecaster(plain.path).predict(PAST), rtol=1e-6)


def test_mlflow_loads_the_folder_without_the_run(plain: StoredRun, tmp_path: Path) -> None:
    import mlflow.pyfunc

    folder = export(plain, "mlflow", tmp_path / "out")
    model = mlflow.pyfunc.load_model(str(folder))
    np.testing.assert_allclose(model.predict(PAST), Forecaster(plain.path).predict(PAST), rtol=1e-6)


@pytest.mark.slow
def test_a_scoring_server_answers_with_the_same_numbers(plain: StoredRun, tmp_path: Path) -> None:
    folder = export(plain, "mlflow", tmp_path / "out")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", str(folder), "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it starts uvicorn by name
    server = subprocess.Popen([sys.executable, "-m", "mlflow", *words], env={**os.environ, "PATH": path})
    try:
        body = json.dumps({"inputs": PAST.tolist()}).encode()
        said = _answer(f"http://127.0.0.1:{port}/invocations", body)
    finally:
        server.terminate()
        server.wait(30)
    np.testing.assert_allclose(said["predictions"], Forecaster(plain.path).predict(PAST), rtol=1e-6)


def _answer(address: str, body: bytes) -> Any:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            pytest.fail(error.read().decode())
        except OSError:  # it is not up yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_the_archive_is_the_run_and_is_always_the_same(plain: StoredRun, tmp_path: Path) -> None:
    (plain.path / "mlflow.json").write_text("{}")  # of this machine alone
    first, second = export(plain, "archive", tmp_path / "a.zip"), export(plain, "archive", tmp_path / "b.zip")
    assert hash_file(first) == hash_file(second)
    with ZipFile(first) as archive:
        archive.extractall(tmp_path / "unpacked")
    unpacked = read_run(tmp_path / "unpacked" / plain.path.name)
    assert unpacked.record == plain.record
    assert export(unpacked, "archive", tmp_path / "c.zip").is_file()  # its files are those of its manifest
    assert not (unpacked.path / "mlflow.json").exists()


CASES = [  # a conversion takes seconds
    ["data.future=price", "data.calendar=dayofweek", "topology=encoder_decoder", "topology.head=quantiles"],
    ["data.transform=[log,difference]", "evaluation.conformal={level:0.5}", "data.features=[price,sales]"],
]
MORE_CASES = [
    ["data.features=all"],
    ["data.transform=seasonal_difference", "topology.head=gaussian", "topology=many_to_many_padded"],
    ["topology=many_to_many", "output_length=6", "data.scaler=robust", "data.transform=difference"],
]


@pytest.mark.parametrize(
    "words",
    [*CASES, *(pytest.param(words, marks=pytest.mark.slow) for words in MORE_CASES)],
    ids=lambda words: words[0],
)
def test_onnx_takes_and_gives_source_units(words: list[str], tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    import onnx
    import onnxruntime

    stored = _run(tmp_path, *words)
    path = export(stored, "onnx", tmp_path / "model.onnx")
    forecaster, data = Forecaster(stored.path), stored.record.data
    random = np.random.default_rng(2)
    given = {"past": 5000 + 10 * random.normal(size=(3, forecaster.rows, len(data["features"])))}
    if data["ahead"]:
        given["ahead"] = random.normal(size=(3, forecaster.output_length, len(data["ahead"])))
    session = onnxruntime.InferenceSession(path)
    said = dict(zip([output.name for output in session.get_outputs()], session.run(None, given), strict=True))
    wanted = forecaster.forecast(given["past"], given.get("ahead"))
    np.testing.assert_allclose(said["forecast"], wanted.point_BNK, rtol=1e-4)
    assert ("lower" in said) == (wanted.lower_BNK is not None)
    if wanted.lower_BNK is not None and wanted.upper_BNK is not None:
        np.testing.assert_allclose(said["lower"], wanted.lower_BNK, rtol=1e-4)
        np.testing.assert_allclose(said["upper"], wanted.upper_BNK, rtol=1e-4)
    notes = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert json.loads(notes["seqexp"])["features"] == data["features"]


def test_a_file_that_says_something_else_is_not_given_away(
    plain: StoredRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tf2onnx")
    from seqexp.models import source_units

    right = source_units._told
    monkeypatch.setattr(source_units, "_told", lambda given, units: [right(given, units)[0] * 1.01])
    with pytest.raises(SeqexpError, match="differs from Keras"):
        export(plain, "onnx", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_onnx_says_what_to_install(plain: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqexp.extras.find_spec", lambda name: None)
    with pytest.raises(SeqexpError, match=r"seqexp\[onnx\]"):
        export(plain, "onnx")


def test_what_cannot_be_given_away_is_refused(plain: StoredRun, tmp_path: Path) -> None:
    with pytest.raises(SeqexpError, match="Did you mean keras"):
        export(plain, "kears")
    assert set(FORMS) == {"keras", "mlflow", "archive", "onnx"}
    copy = shutil.copytree(plain.path, tmp_path / plain.path.name)
    (copy / "history.csv").write_text("changed")
    with pytest.raises(SeqexpError, match=r"damaged: history\.csv"):
        export(read_run(copy), "archive")
    (copy / "model.keras").unlink()
    with pytest.raises(SeqexpError, match=r"has no model\.keras"):
        export(read_run(copy), "keras")
    project = open_project(tmp_path)
    words = ["data=sine", "topology=vector_output", *SMALL, "optimizer=sgd", "optimizer.learning_rate=1e30"]
    with pytest.raises(SeqexpError, match="is FAILED"):
        export(request_run(project, project.compose_one(words)).stored, "archive")


def test_only_an_earlier_export_is_replaced_and_only_when_asked(plain: StoredRun, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious.txt").write_text("x")
    with pytest.raises(SeqexpError, match="is there already"):
        export(plain, "keras", mine)
    for form in ("keras", "archive"):
        with pytest.raises(SeqexpError, match="is not replaced"):
            export(plain, form, mine, force=True)
    assert (mine / "precious.txt").read_text() == "x"
    out = export(plain, "keras", tmp_path / "out")
    (out / "schema.json").write_text("{}")
    assert export(plain, "keras", out, force=True) == out
    assert json.loads((out / "schema.json").read_text())["run"] == plain.path.name
    with pytest.raises(SeqexpError, match="there is no folder"):
        export(plain, "keras", tmp_path / "nowhere" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]
