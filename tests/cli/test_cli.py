"""The command line as a person meets it: exit codes, what goes to which stream, signals.

A command is a process of its own where that is what matters, else it is given in this one, which has TensorFlow.
"""

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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from seqexp.store.local_store import may_hold

SEQEXP = str(Path(sys.executable).with_name("seqexp"))
Command = Callable[..., Any]
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology=vector_output", "topology.units=4"]


def _run(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SEQEXP, *words], capture_output=True, text=True, timeout=120, check=False, **options)


# One process for all that needs no TensorFlow, which says of each command what it ended with, and what is imported now.
LOOK = """
import contextlib, io, json, sys
from seqexp.cli.main import run_command
for words in json.loads(sys.argv[1]):
    sys.argv = ["seqexp", *words]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = run_command()
    heavy = sorted({"tensorflow", "keras", "mlflow", "matplotlib"} & sys.modules.keys())
    print(json.dumps([words, code, bool(said.getvalue()), heavy]))
"""


def test_looking_needs_no_tensorflow() -> None:
    commands = [
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
    ]
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(commands)], capture_output=True, text=True, check=False
    )
    told = [json.loads(line) for line in looked.stdout.splitlines()]
    assert told == [[words, 0, True, []] for words in commands], looked.stderr


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
def test_a_wrong_request_exits_with_2_and_leaves_nothing(
    words: list[str], says: str, tmp_path: Path, command: Command
) -> None:
    said = command(*words)
    assert said.code == 2
    assert says in said.err.replace("\n", " ")
    assert "Traceback" not in said.err
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "says"), [(["chek"], "Did you mean"), (["run", "training.epoch=3"], "epochs?")])
def test_so_does_its_process(words: list[str], says: str, tmp_path: Path) -> None:
    done = _run(*words)
    assert done.returncode == 2
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "sweep", "show", "check", "explain", "rerun", "compare", "list"])
def test_the_usage_puts_what_may_be_left_out_in_brackets_once(verb: str, command: Command) -> None:
    usage = next(line for line in command(verb, "--help").out.splitlines() if "Usage:" in line)
    assert re.search(r"\[OPTIONS\] \[[A-Z]", usage)
    assert "[[" not in usage


def test_run_sweep_and_json(workspace: Path, command: Command) -> None:
    first = _run("run", *SMALL, "--json")
    assert first.returncode == 0, first.stderr
    values = json.loads(first.stdout)
    assert set(values) >= {"status", "run_key", "run_dir", "mlflow_run_id", "metrics", "baselines"}
    assert Path(values["run_dir"]).is_dir()
    assert values["metrics"]["test/mae"] > 0
    again = command("run", *SMALL)
    assert "Already done" in again.out
    assert "persistence" in again.out
    (workspace / "mlflow.db").unlink()  # a store that was deleted gets the run again
    shown = json.loads(command("run", *SMALL, "--json").out)
    assert shown["already_done"]
    assert shown["mlflow_run_id"] != values["mlflow_run_id"]
    assert may_hold(f"sqlite:///{workspace / 'mlflow.db'}", shown["mlflow_run_id"])
    assert not may_hold(f"sqlite:///{workspace / 'mlflow.db'}", values["mlflow_run_id"])
    swept = command(
        "sweep", *SMALL[:-2], "topology.units=4", "topology=vector_output,one_to_many", "timesteps=14", "--json"
    )
    assert swept.code == 0, swept.err
    values = json.loads(swept.out)
    assert [run["already_done"] for run in values["runs"]] == [True]
    assert values["skipped"][0]["point"] == "topology=one_to_many"
    assert values["runs"][0]["run_key"] in command("list", "runs").out
    forecast = command("predict", values["runs"][0]["run_key"], "--output", "f.csv")
    assert forecast.code == 0, forecast.err
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


def test_sending_a_run_to_a_local_store_needs_neither_mlflow_nor_tensorflow(workspace: Path, command: Command) -> None:
    """They take seconds; and TensorFlow would come with its own settings: all cores, and all that it has to say."""
    assert command("run", *SMALL, "tracking=none").code == 0
    sent = _run("run", *SMALL, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert "MLflow run" in sent.stdout
    assert re.search(r"\| +numpy$", sent.stderr, re.MULTILINE)
    assert not re.search(r"\| +(mlflow|sqlalchemy|tensorflow)$", sent.stderr, re.MULTILINE)


def test_with_json_a_refusal_is_an_object_too(workspace: Path, command: Command) -> None:
    refused = command("run", "topology=nope", "--json")
    assert refused.code == 2
    values = json.loads(refused.out)
    assert values["status"] == "REFUSED"
    assert values["problems"][0]["key"] == "topology"
    assert json.loads(command("doctor", "--json").out)["status"] == "WELL"
    assert json.loads(command("run", "--json", "--forse").out)["status"] == "REFUSED"


def test_a_server_that_is_away_is_no_wrong_request(workspace: Path, command: Command) -> None:
    said = command("compare", "--from-mlflow", "http://127.0.0.1:9", "--json", "--workspace", str(workspace))
    assert said.code == 1
    told = json.loads(said.out)
    assert told["status"] == "FAILED"
    assert told["error"]["reason"] == "store_away"
    assert "the connection is refused" in told["error"]["message"]
    assert command("compare", "--from-mlflow", "htp://127.0.0.1", "--workspace", str(workspace)).code == 2


def test_a_failed_run_exits_with_1(workspace: Path, command: Command) -> None:
    words = [word for word in SMALL if "epochs" not in word]
    failed = command(
        "run", *words, "training.epochs=20", "optimizer.name=SGD", "optimizer.learning_rate=1e12", "--json"
    )
    assert failed.code == 1
    assert json.loads(failed.out)["error"]["reason"] == "diverged"


def _start_long(words: Sequence[str], **streams: Any) -> subprocess.Popen[str]:
    """Start a training without end, which leaves a checkpoint as soon as it is at it."""
    small = [word for word in SMALL if "epochs" not in word]
    return subprocess.Popen(
        [SEQEXP, *words, *small, "training.checkpoint={every: 20}", "tracking=none"],
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # under nohup, or in a script, it is ignored
        **streams,
    )


def _wait_for(pattern: str, workspace: Path) -> None:
    deadline = time.monotonic() + 60
    while not list(workspace.glob(pattern)):
        assert time.monotonic() < deadline, f"there is no {pattern}"
        time.sleep(0.05)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_with_its_code_and_a_record(signum: signal.Signals, code: int, workspace: Path) -> None:
    process = _start_long(["run", "training.epochs=100000"], stderr=subprocess.PIPE)
    try:
        _wait_for("runs/*/.checkpoints/*", workspace)
        process.send_signal(signum)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == code
    (record,) = workspace.glob("runs/*/*/record.json")
    assert json.loads(record.read_text())["status"] == "KILLED"


def test_an_interrupted_sweep_tells_what_is_done(workspace: Path) -> None:
    words = ["sweep", "training.epochs=1,100000", "execution.workers=1", "--json"]
    process = _start_long(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        _wait_for("runs/*/*-1/record.json", workspace)
        _wait_for("runs/*/.checkpoints/*", workspace)  # of the second: one epoch leaves none
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=30)
    finally:
        process.kill()
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


def test_a_full_disk_fails_the_run_and_says_where(workspace: Path, command: Command) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))  # the model is larger, the record is not

    words = ["run", *SMALL, "tracking=none", "--json"]
    full = _run(*words, preexec_fn=limit, env={**os.environ, "SEQEXP_COMPILE_CACHE": "off"})
    assert full.returncode == 1, full.stderr
    values = json.loads(full.stdout)
    assert values["status"] == "FAILED"
    assert values["error"]["reason"] == "disk_full"
    assert tempfile.gettempdir() in values["error"]["message"]
    assert json.loads(command(*words).out)["status"] == "FINISHED"  # once there is room again
    assert command("doctor", "--runs").code == 0


def test_doctor_reports_what_else_would_be_refused(workspace: Path, command: Command) -> None:
    (workspace / "runs").write_text("a file")
    said = command("doctor")
    assert said.code == 1
    assert "is a file" in said.out
    (workspace / "seqexp.yaml").write_text("seed: [1")
    said = command("doctor")
    assert said.code == 1
    assert "no valid YAML" in said.out


def test_doctor_finds_a_damaged_run(workspace: Path, command: Command) -> None:
    values = json.loads(command("run", *SMALL, "tracking=none", "--json").out)
    assert command("doctor", "--runs").code == 0
    (Path(values["run_dir"]) / "history.csv").unlink()
    said = command("doctor", "--runs")
    assert said.code == 1
    assert "history.csv" in said.out
