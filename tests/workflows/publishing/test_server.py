"""A real MLflow server: what it is sent, what is said meanwhile, and what is sent later when it was away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from mlflow.tracking import MlflowClient

pytestmark = pytest.mark.slow
SMALL = ["data=sine", "data.source.sine.length=200", "topology.units=4", "training.epochs=2", "execution=inline"]


def _free_port() -> int:
    with socket.socket() as knocker:
        knocker.bind(("127.0.0.1", 0))
        return int(knocker.getsockname()[1])


@contextmanager
def _served(folder: Path, port: int) -> Iterator[str]:
    words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination",
        str(folder / "art"),
    ]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log, env={**os.environ, **quiet})
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                if urlopen(f"{address}/health", timeout=1).status == 200:
                    break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace, with a server's files; a server that is away is not waited for."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return tmp_path


def test_nothing_but_the_json_is_on_stdout(folder: Path, command: Callable[..., Any]) -> None:
    """The client prints two lines of addresses for every run that ends on a server."""
    with _served(folder, _free_port()) as address:
        said = command("sweep", *SMALL, "seed=0,1", f"tracking.uri={address}", "--json")
        assert said.code == 0
        client = MlflowClient(address)
        for told in json.loads(said.out)["runs"]:
            run = client.get_run(told["mlflow_run_id"])
            assert run.info.status == "FINISHED"
            assert run.data.metrics["val/mae"] == told["metrics"]["val/mae"]
            assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"record.json", "figures"}


def test_what_a_server_missed_is_sent_once_when_it_is_back(folder: Path, command: Callable[..., Any]) -> None:
    port = _free_port()
    sweep = ["sweep", *SMALL, f"tracking.uri=http://127.0.0.1:{port}"]
    with _served(folder, port):
        assert command(*sweep, "seed=0").code == 0
    said = command(*sweep, "seed=0,1")
    assert said.code == 0
    assert "does not answer" in said.err
    with _served(folder, port) as address:
        assert command("sync").code == 0
        assert command("sync").out == "MLflow shows everything already.\n"
        client = MlflowClient(address)
        experiment = client.get_experiment_by_name("seqexp")
        runs = client.search_runs([experiment.experiment_id], filter_string="tags.attempt = '1'")
        assert sorted(run.data.params["seed"] for run in runs) == ["0", "1"]
        for run in runs:
            assert [point.step for point in client.get_metric_history(run.info.run_id, "val/loss")] == [1, 2]
