"""The README is true: its commands run, in two shells; its YAML is what ships, or works when it is put in place."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = [(found[1], found[2]) for found in re.finditer(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
SHELL = [text for language, text in BLOCKS if language == "sh" and not text.startswith("make ")]


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"MLFLOW_TRACKING_URI", "SEQEXP_WORKSPACE"}}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}


def test_there_are_commands_and_they_are_found() -> None:
    assert len(SHELL) >= 6
    assert {"sh", "yaml", "python", "text"} == {language for language, _ in BLOCKS}


def test_the_commands_run_one_after_another(workspace: Path) -> None:
    """In the order of the README, with its files in place, each in bash; the UI is opened and closed again."""
    environment = _environment(workspace)
    for language, text in BLOCKS:
        if language == "yaml" and (named := re.match(r"# ((?:conf|experiments)/[\w/]+\.yaml)", text)):
            path = workspace / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        elif language == "python" and text.startswith("model = keras"):
            assert text in (workspace / "forecast.py").read_text()  # an excerpt of what was written
        elif language == "python" and (named := re.match(r"# (\w+\.py)", text)):
            (workspace / named[1]).write_text(text, "utf-8")
        elif language == "sh" and text.startswith("seqexp ui"):
            _open_ui(workspace, environment)
        elif language in {"sh", "python"} and not text.startswith("make "):
            command = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
            done = subprocess.run(
                command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert (workspace / "forecast.csv").read_text().startswith("date,sales\n")
    assert yaml.safe_load((workspace / "sweep.json").read_text())["status"] == "FINISHED"


def _open_ui(workspace: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        ["seqexp", "ui", "--port", "5731"], cwd=workspace, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert re.search(r"http://127\.0\.0\.1:57\d\d", line)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    with pytest.raises(OSError):  # a signal right after the first line ends the server too
        socket.create_connection(("127.0.0.1", int(line.rstrip().rpartition(":")[2].split()[0])), timeout=2)


@pytest.mark.parametrize("text", SHELL, ids=lambda text: text.splitlines()[0][:40])
def test_zsh_and_bash_read_the_commands_alike(text: str, tmp_path: Path) -> None:
    if not shutil.which("zsh"):
        pytest.skip("there is no zsh on this machine")
    (tmp_path / "runs" / "sales" / "0123456789ab-1").mkdir(parents=True)
    stub = 'seqexp() { printf "<%s>" "$@"; echo; }\npython() { :; }\n'
    said = []
    for shell in (["bash", "-eu"], ["zsh", "-feu"]):
        script = stub + text.replace(" > sweep.json", "")
        done = subprocess.run([*shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1]
    assert "<" in said[0]


def test_the_topology_it_shows_is_the_one_that_ships() -> None:
    shown = next(text for language, text in BLOCKS if language == "yaml" and "encoder_decoder.yaml" in text)
    shipped = (ROOT / "conf" / "topology" / "encoder_decoder.yaml").read_text("utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(shipped)


def test_every_key_of_the_config_is_in_the_reference() -> None:
    from seqexp.workflows.project import open_project

    reference = README.partition("## Config reference")[2].partition("## The design")[0]
    tree = open_project().compose_one([]).spec.as_tree()
    derived = {"data.name", "data.n_targets", "data.n_features"}
    for group in ("data", "training", "evaluation", "tracking", "execution"):
        missing = [key for key in tree[group] if f"{group}.{key}" not in reference and f"{group}.{key}" not in derived]
        assert missing == []


def test_no_link_is_broken() -> None:
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / target).exists(), target
