"""The README and the pages of docs/ are true: their commands run, in two shells; their YAML works in its place.

Every block is run by bash as it stands, but seqexp's commands are given in this process, which spares each of them the
start of TensorFlow.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"sh", "yaml", "python", "text"}
OF_THE_README = {  # beginnings of blocks that a page takes as done
    "models.md": ["python -c"],
    "reruns.md": ["python -c", "seqexp sweep experiments/lookback"],
}
# In place of seqexp: hands over the words that the shell has made of a command, and gives what it is answered.
ASK = """
seqexp() {
    printf "%s\\0" "$@" > .asked
    printf "\\n" > .asked
    read -r code < .answered
    cat .said
    return "$code"
}
"""
SLOW = {"sweeps"}  # planned only in the ordinary run: what it trains, the README trains too, or tests/workflows do


def _blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


SHELL = [
    text for page in PAGES for language, text in _blocks(page) if language == "sh" and not text.startswith("make ")
]


def test_there_are_commands_and_they_are_found() -> None:
    assert len(SHELL) >= 20
    for page in PAGES:
        assert {language for language, _ in _blocks(page)} <= LANGUAGES
        assert page.read_text("utf-8").count("```") == 2 * len(_blocks(page))


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.stem, marks=[pytest.mark.slow] * (page.stem in SLOW)) for page in PAGES]
)
def test_the_commands_of_a_page_run_one_after_another(page: Path, workspace: Path, command: Callable[..., Any]) -> None:
    """In the order of the page, with its files in place; the README's start workers, the others save those seconds."""
    if page != README:
        (workspace / "seqexp.yaml").write_text("execution: inline\n")
    before = OF_THE_README.get(page.name, ())
    for language, text in [
        *((language, text) for language, text in _blocks(README) if language == "yaml" and before),
        *(("sh", text) for _, text in _blocks(README) if text.startswith(tuple(before)) and before),
        *_blocks(page),
    ]:
        if language == "yaml":
            _put_in_place(text, workspace, r"# ((?:conf|experiments)/[\w/]+\.yaml)")
        elif language == "python" and text.startswith("model = keras"):
            assert text in (workspace / "forecast.py").read_text()  # an excerpt of what was written
        elif language == "python" and not _put_in_place(text, workspace, r"# (\w+\.py)"):
            _run_python(text, workspace, own_process=page == README)
        elif language == "sh" and text.startswith("seqexp ui"):
            _open_ui(workspace)
        elif language == "sh" and not text.startswith("make "):
            _run(text, workspace, command)
    if page == README:
        assert (workspace / "forecast.csv").read_text().startswith("date,sales\n")
    if page.name == "sweeps.md":
        assert yaml.safe_load((workspace / "sweep.json").read_text())["status"] == "FINISHED"


@pytest.mark.parametrize("page", sorted(SLOW))
def test_the_sweeps_of_a_slow_page_can_be_planned(page: str, workspace: Path, command: Callable[..., Any]) -> None:
    blocks = _blocks(ROOT / "docs" / f"{page}.md")
    commands = [line for language, text in blocks if language == "sh" for line in text.splitlines()]
    assert len(commands) >= 4
    for line in commands:
        assert line.startswith("seqexp sweep ")
        _run(f"{line.partition(' > ')[0].removesuffix(' --dry-run')} --dry-run", workspace, command)
    assert not (workspace / "runs").exists()


def _put_in_place(text: str, workspace: Path, first_line: str) -> bool:
    if named := re.match(first_line, text):
        path = workspace / named[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return bool(named)


def _run_python(text: str, workspace: Path, *, own_process: bool) -> None:
    if own_process:
        _start([sys.executable, "-c", text], workspace)
    else:
        exec(compile(text, "page", "exec"), {"__name__": "__main__"})


def _run(text: str, workspace: Path, command: Callable[..., Any]) -> None:
    """Have bash run a block, and give its commands of seqexp as it comes to them."""
    pipes = [workspace / ".asked", workspace / ".answered"]
    for pipe in pipes:
        if not pipe.exists():
            os.mkfifo(pipe)
    asked, answered = (
        os.open(pipe, os.O_RDWR) for pipe in pipes
    )  # to read and write: no command sees one that is closed
    words, told = b"", ""
    shell = ["bash", "-euo", "pipefail", "-c", ASK + text]
    with (
        tempfile.TemporaryFile("w+") as wrote,
        subprocess.Popen(
            shell, cwd=workspace, env=_environment(workspace), stdout=wrote, stderr=subprocess.STDOUT
        ) as bash,
    ):
        while bash.poll() is None:
            if not select.select([asked], [], [], 0.05)[0]:
                continue
            words += os.read(asked, 65_536)
            if words.endswith(b"\0\n"):
                said = command(*words.decode().removesuffix("\0\n").split("\0"))
                told, words = said.err, b""
                (workspace / ".said").write_text(said.out)
                os.write(answered, f"{said.code}\n".encode())
        os.close(asked)
        os.close(answered)
        wrote.seek(0)
        assert bash.returncode == 0, f"{text}\n{wrote.read()}\n{told}"


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"MLFLOW_TRACKING_URI", "SEQEXP_WORKSPACE"}}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}


def _start(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{words[-1]}\n{done.stdout}\n{done.stderr}"


def _open_ui(workspace: Path) -> None:
    process = subprocess.Popen(
        ["seqexp", "ui", "--port", "5731"],
        cwd=workspace,
        env=_environment(workspace),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        address = re.search(r"http://127\.0\.0\.1:(57\d\d)(\S*)", line)
        assert address
        assert "viewStateShareKey=seqexp-" in address[2]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    with pytest.raises(OSError):  # a signal right after the first line ends the server too
        socket.create_connection(("127.0.0.1", int(address[1])), timeout=2)


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
    shown = next(text for language, text in _blocks(README) if language == "yaml" and "encoder_decoder.yaml" in text)
    shipped = (ROOT / "conf" / "topology" / "encoder_decoder.yaml").read_text("utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(shipped)


def test_every_key_of_the_config_is_in_the_reference() -> None:
    from seqexp.workflows.project import open_project

    reference = (ROOT / "docs" / "config.md").read_text("utf-8")
    tree = open_project().compose_one([]).spec.as_tree()
    derived = {"data.name", "data.n_targets", "data.n_features"}
    for group in ("data", "training", "evaluation", "tracking", "execution"):
        missing = [key for key in tree[group] if f"{group}.{key}" not in reference and f"{group}.{key}" not in derived]
        assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_link_is_broken(page: Path) -> None:
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", page.read_text("utf-8")):
        path, _, heading = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in [text.lower().replace(" ", "-") for text in headings], target


def test_every_page_is_named_in_the_readme() -> None:
    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in README.read_text("utf-8")
