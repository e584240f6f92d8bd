"""What the tests share: a clean environment, a workspace of their own, and a way to compose."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["RAY_AUTH_MODE"] = "disabled"  # a second cluster in a process would miss the token of the first one's home
if "SEQEXP_COMPILE_CACHE" not in os.environ:  # compiled programs are shared by the tests and thrown away after them
    os.environ["SEQEXP_COMPILE_CACHE"] = tempfile.mkdtemp(prefix="seqexp-tests-")
    atexit.register(shutil.rmtree, os.environ["SEQEXP_COMPILE_CACHE"], ignore_errors=True)

from seqexp.plugins.loading import use_codes
from seqexp.plugins.table import scoped
from seqexp.spec.experiment import ExperimentSpec
from seqexp.workflows.project import Project, open_project

SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology.units=4"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first: at the end one process would be at it, and the others idle."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/test_pages.py"))


_FEW = 50  # modules: a collection takes longer than it saves
_modules_left_out = 0


def pytest_runtest_setup() -> None:
    """Keep what was imported out of the search for garbage: Keras makes one before every model."""
    global _modules_left_out
    if len(sys.modules) > _modules_left_out + _FEW:
        gc.unfreeze()
        gc.collect()  # what is frozen is never found again
        gc.freeze()
        _modules_left_out = len(sys.modules)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own settings, and a working directory that is thrown away."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "SEQEXP_WORKSPACE", "MAKELEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _own_code_is_forgotten() -> Iterator[None]:
    """What a test registers is gone after it."""
    with scoped():
        yield
        use_codes(())


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store that is set up already; setting one up takes seconds, copying it none."""
    from seqexp.store.mlflow_store import MlflowStore

    folder = tmp_path_factory.mktemp("store")
    MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts")
    return folder / "mlflow.db"


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """A Ray cluster on this machine with two cores to give away."""
    import ray

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sockets and files that Ray leaves to the collector
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(Path(__file__).parent / "contracts"), os.environ.get("PYTHONPATH", "")])
        )
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        yield
        ray.shutdown()
        gc.collect()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def workspace(tmp_path: Path, migrated_store: Path) -> Path:
    """A workspace with a tracking store."""
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def project(workspace: Path) -> Project:
    """A project in the workspace."""
    return open_project(workspace)


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give a command to seqexp as on the command line, in this process."""
    from seqexp.cli.main import run_command

    def give(*words: str) -> Said:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["seqexp", *words])
        code = run_command()
        return Said(code, *capsys.readouterr())

    return give


@pytest.fixture
def compose() -> Callable[..., ExperimentSpec]:
    """Compose a spec from overrides, with the shipped config."""

    def compose_spec(*overrides: str, **options: Any) -> ExperimentSpec:
        return open_project(**options).compose_one(overrides).spec

    return compose_spec


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file below the working directory."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write_file
