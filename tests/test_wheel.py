"""The wheel: built, installed by itself, and used outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # Built from a copy: setuptools leaves a build folder behind.
    source = folder / "source"
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    for name in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "build", "--wheel", "--no-build-isolation", "--offline", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", str(folder), str(source)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_holds_config_studies_data_and_licences(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {path.relative_to(ROOT / "conf").as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    assert {f"seqexp/conf/{name}" for name in wanted} <= names
    assert "seqexp/experiments/eight_topologies.yaml" in names
    assert "seqexp/spec/catalogue.json" in names
    assert "seqexp/py.typed" in names
    assert "seqexp/data/datasets/household_power_daily.csv" in names
    assert any(name.endswith("licenses/seqexp/data/datasets/LICENSES.md") for name in names)
    assert not [name for name in names if name.startswith("tests/")]


def test_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    here = tmp_path / "elsewhere"
    here.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site)}
    entry = "import seqexp, sys; assert 'site' in seqexp.__file__; from seqexp.cli.main import main; main()"

    def seqexp(*words: str) -> str:
        command = [sys.executable, "-c", entry, *words]
        done = subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "eight_topologies" in seqexp("list", "studies")
    origins = seqexp("show", "--origin")
    assert "conf/config.yaml" in origins
    assert "many_to_one" in seqexp("check", "topology=many_to_one", "--no-build")
    swept = seqexp("sweep", "eight_topologies", "topology=vector_output", "training.epochs=1", "tracking=none")
    assert "persistence" in swept
    assert list(here.glob("runs/eight_topologies/*/model.keras"))
