"""The command line as a person meets it: real processes, exit codes, what goes to which stream."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from seqexp.store.local_store import may_hold

SEQEXP = str(Path(sys.executable).with_name("seqexp"))
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology=vector_output", "topology.units=4"]


def _run(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SEQEXP, *words], capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["list", "layers"],
        ["list", "layers", "LSTM"],
        ["list", "studies"],
        ["list", "runs"],
        ["show", "topology=many_to_one"],
        ["show", "--origin"],
        ["check", "--no-build"],
        ["explain"],
        ["explain", "topology=many_to_many_padded", "--markdown"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_looking_needs_no_tensorflow(words: list[str]) -> None:
    done = _run(*words, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert not imported & {"tensorflow", "keras", "mlflow", "matplotlib"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["chek"], "Did you mean"),
        (["run", "--forse"], "--force"),
        (["run", "topology=encoder_decodr"], "Did you mean encoder_decoder?"),
        (["run", "training.epoch=3"], "Did you mean epochs?"),
        (["run", "seed=1,2"], "seqexp sweep"),
        (["run", "topology=many_to_one", "output_length=3"], "gives 1 step(s)"),
        (["run", "data=table", "data.path=nothing.csv", "data.targets=a"], "data.path: there is no file"),
        (["run", "topology._target_=os.system"], "code cannot be named"),
        (["run", "name=../out"], "name:"),
        (["sweep", "nothing"], "There is no study"),
        (["predict", "nothing"], "There is no run"),
        (["explain", "nothing"], "There is no run"),
        (["explain", "nothing", "seed=1"], "Name the run alone"),
        (["explain", "topology=encoder_decodr"], "Did you mean encoder_decoder?"),
        (["explain", "data.split={train: 1.0, validation: 0, test: 0}"], "nothing is held back"),
        (["explain", "-o", "nowhere/script.py"], "there is no folder nowhere"),
        (["explain", "-o", "."], "is a folder"),
        (["list", "layers", "LSMT"], "Did you mean LSTM?"),
        (["run", "--workspace", "nowhere"], "there is no folder"),
        (["run", "--workspace", SEQEXP], "is a file"),
        (["run", "--config-dir", "nowhere"], "there is no folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_exits_with_2_and_leaves_nothing(words: list[str], says: str, tmp_path: Path) -> None:
    done = _run(*words)
    assert done.returncode == 2
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_run_sweep_and_json(workspace: Path) -> None:
    first = _run("run", *SMALL, "--json")
    assert first.returncode == 0, first.stderr
    values = json.loads(first.stdout)
    assert set(values) >= {"status", "run_key", "run_dir", "mlflow_run_id", "metrics", "baselines"}
    assert Path(values["run_dir"]).is_dir()
    assert values["metrics"]["test/mae"] > 0
    again = _run("run", *SMALL)
    assert "Already done" in again.stdout
    assert "persistence" in again.stdout
    (workspace / "mlflow.db").unlink()  # a store that was deleted gets the run again
    shown = json.loads(_run("run", *SMALL, "--json").stdout)
    assert shown["already_done"]
    assert shown["mlflow_run_id"] != values["mlflow_run_id"]
    assert may_hold(f"sqlite:///{workspace / 'mlflow.db'}", shown["mlflow_run_id"])
    assert not may_hold(f"sqlite:///{workspace / 'mlflow.db'}", values["mlflow_run_id"])
    swept = _run(
        "sweep", *SMALL[:-2], "topology.units=4", "topology=vector_output,one_to_many", "timesteps=14", "--json"
    )
    assert swept.returncode == 0, swept.stderr
    values = json.loads(swept.stdout)
    assert [run["already_done"] for run in values["runs"]] == [True]
    assert values["skipped"][0]["point"] == "topology=one_to_many"
    listed = _run("list", "runs")
    assert values["runs"][0]["run_key"] in listed.stdout
    forecast = _run("predict", values["runs"][0]["run_key"], "--output", "f.csv")
    assert forecast.returncode == 0, forecast.stderr
    assert len((workspace / "f.csv").read_text().splitlines()) == 8


@pytest.mark.slow
def test_compare_on_what_runs_have_in_common(workspace: Path) -> None:
    assert _run("sweep", *SMALL, "output_length=3,5", "tracking=none").returncode == 0
    assert len(json.loads(_run("compare", "--json").stdout)["blocks"]) == 2
    (block,) = json.loads(_run("compare", "--on", "common", "--json").stdout)["blocks"]
    assert block["output_length"] == 3
    assert [row["label"] for row in block["rows"] if row["rank"] is None] == ["persistence", "seasonal naive"]
    shown = _run("compare", "--on", "common")
    assert "3 shared steps" in shown.stdout
    assert "MASE" not in shown.stdout
    assert _run("run", *SMALL, "data.source.sine.seed=1", "output_length=3", "tracking=none").returncode == 0
    refused = _run("compare", "--on", "common")
    assert refused.returncode == 2
    assert "has other data than" in refused.stderr
    assert _run("compare", "--on", "commn").returncode == 2
    both = _run("compare", "--json", "--format", "csv")
    assert both.returncode == 2
    assert "--json and --format csv contradict" in both.stderr
    unknown = _run("compare", "--where", "timestep=14", "--format", "json")
    assert unknown.returncode == 2
    assert json.loads(unknown.stdout)["problems"][0]["mend"] == "Did you mean timesteps?"
    lines = _run("compare", "--where", "output_length=3 and data.source.sine.seed=0", "--format", "csv").stdout
    assert lines.startswith("block,rank,label,seeds,runs,val/mae,val/mae sd,")
    assert "vector_output 14->3" in lines
    assert "14->5" not in lines


def test_sending_a_run_to_mlflow_needs_no_tensorflow(workspace: Path) -> None:
    """It would be imported with its own settings: all cores, and all that it has to say."""
    assert _run("run", *SMALL, "tracking=none").returncode == 0
    sent = _run("run", *SMALL, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert "MLflow run" in sent.stdout
    assert "mlflow.pyfunc" in sent.stderr
    assert not re.search(r"\| +tensorflow$", sent.stderr, re.MULTILINE)


def test_with_json_a_refusal_is_an_object_too(workspace: Path) -> None:
    done = _run("run", "topology=nope", "--json")
    assert done.returncode == 2
    values = json.loads(done.stdout)
    assert values["status"] == "REFUSED"
    assert values["problems"][0]["key"] == "topology"
    assert json.loads(_run("doctor", "--json").stdout)["status"] == "WELL"
    assert json.loads(_run("run", "--json", "--forse").stdout)["status"] == "REFUSED"


def test_a_failed_run_exits_with_1(workspace: Path) -> None:
    words = [word for word in SMALL if "epochs" not in word]
    done = _run("run", *words, "training.epochs=20", "optimizer.name=SGD", "optimizer.learning_rate=1e12", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["reason"] == "diverged"


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_with_its_code_and_a_record(signum: signal.Signals, code: int, workspace: Path) -> None:
    words = [word for word in SMALL if "epochs" not in word]
    process = subprocess.Popen(
        [SEQEXP, "run", *words, "training.epochs=100000", "tracking=none"], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(workspace.glob("runs/*/.*.lock")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(6)  # into the training
    process.send_signal(signum)
    process.communicate(timeout=30)
    assert process.returncode == code
    (record,) = workspace.glob("runs/*/*/record.json")
    assert json.loads(record.read_text())["status"] == "KILLED"


def test_an_interrupted_sweep_tells_what_is_done(workspace: Path) -> None:
    words = [word for word in SMALL if "epochs" not in word]
    process = subprocess.Popen(
        [SEQEXP, "sweep", *words, "training.epochs=1,100000", "tracking=none", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(workspace.glob("runs/*/*-1/record.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)  # into the second
    process.send_signal(signal.SIGINT)
    said, told = process.communicate(timeout=30)
    assert process.returncode == 130
    values = json.loads(said)
    assert values["status"] == "KILLED"
    assert [run["status"] for run in values["runs"]] == ["FINISHED", "KILLED"]
    assert "1 of 2 runs are done" in told


def test_the_same_run_asked_for_twice_at_once_is_trained_once(workspace: Path) -> None:
    command = [SEQEXP, "run", *SMALL, "tracking=none", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in both]
    assert sorted(json.loads(said)["already_done"] for said, _ in ended) == [False, True]
    assert any("waiting for it" in told for _, told in ended)
    assert len(list(workspace.glob("runs/*/*/record.json"))) == 1


def test_a_full_disk_fails_the_run_and_says_where(workspace: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))  # the model is larger, the record is not

    words = ["run", *SMALL, "tracking=none", "--json"]
    full = _run(*words, preexec_fn=limit, env={**os.environ, "SEQEXP_COMPILE_CACHE": "off"})
    assert full.returncode == 1, full.stderr
    values = json.loads(full.stdout)
    assert values["status"] == "FAILED"
    assert values["error"]["reason"] == "disk_full"
    assert tempfile.gettempdir() in values["error"]["message"]
    assert json.loads(_run(*words).stdout)["status"] == "FINISHED"  # once there is room again
    assert _run("doctor", "--runs").returncode == 0


def test_doctor_reports_what_else_would_be_refused(workspace: Path) -> None:
    (workspace / "runs").write_text("a file")
    done = _run("doctor")
    assert done.returncode == 1
    assert "is a file" in done.stdout
    (workspace / "seqexp.yaml").write_text("seed: [1")
    done = _run("doctor")
    assert done.returncode == 1
    assert "no valid YAML" in done.stdout


def test_doctor_finds_a_damaged_run(workspace: Path) -> None:
    values = json.loads(_run("run", *SMALL, "tracking=none", "--json").stdout)
    assert _run("doctor", "--runs").returncode == 0
    (Path(values["run_dir"]) / "history.csv").unlink()
    done = _run("doctor", "--runs")
    assert done.returncode == 1
    assert "history.csv" in done.stdout
