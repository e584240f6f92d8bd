"""The environment of a record: what is noted of it, what is built of that, and how a rerun starts in it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from seqexp.errors import ExecutionError, StoreError
from seqexp.fingerprint import hash_file
from seqexp.store.run_dir import MANIFEST, RECORD, REQUIREMENTS, StoredRun, read_run
from seqexp.workflows.project import open_project
from seqexp.workflows.rerunning import build_environment as building
from seqexp.workflows.rerunning.build_environment import build_environment, explain_failure, install_commands
from seqexp.workflows.rerunning.present_code import lay_present_code
from seqexp.workflows.rerunning.recorded_environment import (
    Interpreter,
    RecordedEnvironment,
    find_interpreter,
    recorded_environment,
)
from seqexp.workflows.rerunning.start_there import start_there
from seqexp.workflows.running.requests import request_run

SEQEXP = str(Path(sys.executable).with_name("seqexp"))
FROZEN = Path(__file__).parents[2] / "store" / "records" / "schema-4"
TINY = ["data=sine", "data.source.sine.length=200", "topology=vector_output", "topology.units=4", "training.epochs=1"]
SMALL = RecordedEnvironment(platform.python_version(), ("keras==3.0.0", "numpy==2.4.6"))
HERE = Interpreter(Path(sys.executable), platform.python_version())
Write = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    project = open_project(tmp_path_factory.mktemp("recorded"))
    return request_run(project, project.compose_one([*TINY, "tracking=none"])).stored


@pytest.fixture
def run(recorded: StoredRun, tmp_path: Path) -> StoredRun:
    """The run in a workspace of the test's own, to be edited."""
    shutil.copytree(recorded.path.parents[1], tmp_path / "runs")
    return read_run(tmp_path / "runs" / recorded.path.parent.name / recorded.path.name)


def _edited(run: StoredRun, change: Callable[[str], str], name: str = REQUIREMENTS) -> StoredRun:
    """Change a file of a run, and its manifest with it: as if the run had been made elsewhere."""
    path = run.path / name
    path.write_text(change(path.read_text()))
    sums = json.loads((run.path / MANIFEST).read_text())
    (run.path / MANIFEST).write_text(json.dumps({**sums, name: hash_file(path)}))
    return read_run(run.path)


def test_a_run_holds_every_package_that_it_was_made_with(recorded: StoredRun) -> None:
    wanted = recorded_environment([recorded])
    assert wanted.is_exact
    assert wanted.python == platform.python_version()
    pins = dict(pin.split("==") for pin in wanted.pins)
    for name in ("numpy", "keras", "ml-dtypes", "protobuf", "h5py"):  # the last three through others alone
        assert pins[name] == metadata.version(name)
    assert not {"seqexp", "pytest", "ruff"} & pins.keys()
    assert REQUIREMENTS in json.loads((recorded.path / MANIFEST).read_text())


def test_of_an_older_record_the_rest_is_what_seqexp_asks_for() -> None:
    (folder,) = FROZEN.iterdir()
    wanted = recorded_environment([read_run(folder)])
    assert wanted.python == "3.11.7"
    assert {"numpy==2.4.6", "keras==3.15.1", "mlflow==3.17.2"} <= set(wanted.pins)
    assert [pin for pin in wanted.pins if pin.startswith("tensorflow") and pin.endswith("==2.21.0")]
    names = [other.partition(">")[0] for other in wanted.others]
    assert {"pyarrow", "typer", "scipy"} <= set(names)
    assert not {"tensorflow", "numpy", "seqexp", "ray"} & set(names)
    assert not wanted.is_exact


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://127.0.0.1:9",
        "numpy @ http://127.0.0.1:9/numpy.whl",
        "numpy>=2",
        "-e .",
        "numpy==2 --hash=x",
        "../x==1",
        "",
    ],
)
def test_a_requirement_that_is_more_than_a_version_is_refused(line: str, run: StoredRun) -> None:
    with pytest.raises(StoreError, match="holds no name==version"):
        recorded_environment([_edited(run, lambda text: f"{line}\n{text}")])


def test_requirements_that_were_changed_are_not_believed(run: StoredRun) -> None:
    (run.path / REQUIREMENTS).write_text("numpy==1.0.0\n")
    with pytest.raises(StoreError, match=r"requirements.txt of the run .* differs from the manifest"):
        recorded_environment([run])


def test_runs_of_several_environments_have_none_in_common(recorded: StoredRun, run: StoredRun) -> None:
    assert recorded_environment([recorded, run]).is_exact
    with pytest.raises(StoreError, match="the runs were made in 2 environments"):
        recorded_environment([recorded, _edited(run, lambda text: text.replace("numpy==", "numpy==9"))])


def _python(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"python{'.'.join(version.split('.')[:2])}"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_the_very_python_is_taken_before_one_of_its_minor_version(tmp_path: Path) -> None:
    older, same = _python(tmp_path / "a", "3.12.1"), _python(tmp_path / "b", "3.12.4")
    candidates = [_python(tmp_path / "c", "3.13.0"), older, same, tmp_path / "none"]
    assert find_interpreter("3.12.4", candidates) == Interpreter(same, "3.12.4")
    assert find_interpreter("3.12.9", candidates) == Interpreter(older, "3.12.1")
    with pytest.raises(ExecutionError, match=r"made with Python 3.11.2, and there is no Python 3.11 on this machine"):
        find_interpreter("3.11.2", candidates)


def test_the_path_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "3.99.1"
    path = _python(tmp_path / "bin", other)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert find_interpreter(other) == Interpreter(path, other)
    assert find_interpreter(platform.python_version()).version == platform.python_version()


def test_exact_versions_are_not_resolved_and_bytecode_is_compiled(tmp_path: Path) -> None:
    python = Path("/usr/bin/python3.11")
    for uv, install in (("/bin/uv", "--compile-bytecode"), (None, "--compile")):
        make, fill = install_commands(tmp_path, python, is_exact=True, uv=uv)
        assert str(python) in make
        assert "venv" in make
        assert {install, "--no-deps", str(tmp_path / REQUIREMENTS)} <= set(fill)
        assert str(tmp_path / "bin" / "python") in fill
        assert "--no-deps" not in install_commands(tmp_path, python, is_exact=False, uv=uv)[1]


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (
            "  \u00d7 No solution found:\n  ╰─▶ Because there is no version of numpy==2.4.6 and you",
            r"^--env: numpy==2.4.6 can",
        ),
        ("ERROR: No matching distribution found for keras==3.0.0\n", r"^--env: keras==3.0.0 cannot be installed"),
        ("Failed to build `keras==3.0.0` and numpy==2.4.61", r"^--env: keras==3.0.0 cannot be installed"),
        ("No space left on device", "one of the recorded packages cannot be installed"),
        ("Failed to fetch\n Caused by: dns error: failed to lookup address", "cannot be fetched: no connection"),
        ("WARNING: Retrying ... NewConnectionError\nNo matching distribution found for keras==3.0.0", "no connection"),
    ],
)
def test_an_installer_that_fails_is_explained(output: str, says: str) -> None:
    with pytest.raises(ExecutionError, match=says):
        raise explain_failure(output, SMALL)


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the installer that notes what it is called with; it fails where there is a file ``broken``."""
    path = tmp_path / "uv"
    path.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/called
[ -e {tmp_path}/broken ] && {{ echo "there is no version of numpy==2.4.6"; exit 1; }}
echo "Installed 2 packages"
echo " + numpy==2.4.6"
"""
    )
    path.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(building, "find_uv", lambda: str(path))
    return path


def test_an_environment_is_built_once_and_only_whole(uv: Path, tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "broken").touch()
    with pytest.raises(ExecutionError, match=r"numpy==2.4.6 cannot be installed"):
        build_environment(SMALL, HERE, told.append)
    home = tmp_path / "cache" / "seqexp" / "environments"
    assert [path for path in home.iterdir() if path.is_dir()] == []
    (tmp_path / "broken").unlink()
    left = home / SMALL.key(HERE.version)
    (left / "bin").mkdir(parents=True)  # of a process that was killed: not whole
    folder = build_environment(SMALL, HERE, told.append)
    assert folder == left
    assert not (folder / "bin").exists()
    assert (folder / REQUIREMENTS).read_text() == "keras==3.0.0\nnumpy==2.4.6\n"
    called = (tmp_path / "called").read_text().splitlines()
    assert build_environment(SMALL, HERE, told.append) == folder
    assert (tmp_path / "called").read_text().splitlines() == called
    assert told[-3].startswith(f"Building an environment with Python {HERE.version} and the 2 recorded packages")
    assert told[-1] == "  Installed 2 packages"
    others = [
        RecordedEnvironment("3.11.7", ("keras==3.0.0",)),
        RecordedEnvironment("3.11.7", SMALL.pins, ("rich>=13",)),
    ]
    assert len({SMALL.key("3.11.7"), SMALL.key("3.11.8"), *(other.key("3.11.7") for other in others)}) == 4


def test_a_cache_that_cannot_be_written_is_named(uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ExecutionError, match=f"cannot be built in {tmp_path / 'file'}"):
        build_environment(SMALL, HERE, lambda line: None)


class _Started(Exception):
    """In place of becoming another process."""


def test_the_command_is_started_in_the_environment(
    run: StoredRun, uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/mine")
    started: list[tuple[str, list[str], Mapping[str, str]]] = []

    def start(program: str, arguments: list[str], variables: Mapping[str, str]) -> None:
        started.append((program, arguments, variables))
        raise _Started

    key = run.record.run_key
    words = ["rerun", key, "training.epochs=2", "--json"]
    with pytest.raises(_Started):
        start_there(
            open_project(tmp_path), words, run=key, sweep=None, from_mlflow=None, tell=lambda line: None, start=start
        )
    ((program, arguments, variables),) = started
    folder = Path(program).parents[1]
    assert (folder / REQUIREMENTS).read_text() == (run.path / REQUIREMENTS).read_text()
    assert arguments[0] == program == str(folder / "bin" / "python")
    assert arguments[-4:] == words
    code, mine = variables["PYTHONPATH"].split(os.pathsep)
    assert mine == "/mine"
    assert (Path(code) / "seqexp" / "cli" / "main.py").is_file()
    assert variables["PATH"].startswith(f"{folder / 'bin'}{os.pathsep}")


def test_the_present_code_stands_alone(tmp_path: Path) -> None:
    place = lay_present_code(tmp_path)
    assert lay_present_code(tmp_path) == place
    assert [path.name for path in tmp_path.iterdir()] == [place.name]
    program = (
        "import seqexp, importlib.metadata as m; from seqexp.assets import shipped_folder; "
        "print(seqexp.__file__, m.version('seqexp'), (shipped_folder('conf') / 'config.yaml').is_file())"
    )
    command = [sys.executable, "-S", "-P", "-c", program]  # without the packages beside the present seqexp
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(place)}
    )
    assert done.stdout.split() == [str(place / "seqexp" / "__init__.py"), metadata.version("seqexp"), "True"]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    """A cache folder that is not kept: an environment has two gigabytes."""
    yield tmp_path / "cache"
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


@pytest.mark.slow
def test_a_run_is_repeated_with_the_versions_of_its_record(run: StoredRun, cache: Path) -> None:
    other = "14.0.0" if metadata.version("rich") != "14.0.0" else "13.9.4"
    rich = f"rich=={metadata.version('rich')}\n"
    run = _edited(run, lambda text: text.replace(rich, f"rich=={other}\n"))
    variables = {**os.environ, "XDG_CACHE_HOME": str(cache)}

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        line = [SEQEXP, "rerun", run.record.run_key, *words, "--env", "recorded", "--json"]
        return subprocess.run(line, capture_output=True, text=True, check=False, env=variables)

    done = command()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"] == "bitwise"
    again = Path(told["run"]["run_dir"])
    assert (again / REQUIREMENTS).read_text() == (run.path / REQUIREMENTS).read_text()
    assert "Building an environment" in done.stderr
    assert (again / RECORD).is_file()
    drifted = command("seed=1")
    assert (drifted.returncode, json.loads(drifted.stdout)["verdict"]) == (1, "drifted")
    assert "Building" not in drifted.stderr
    assert command("seed=-1").returncode == 2
