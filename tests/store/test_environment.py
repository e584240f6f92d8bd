"""What a record says of the machine, the flags and the code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from seqexp.store.environment import changed_files, code_state, describe_environment, git_state


def _git(folder: Path, *words: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=n@example.org", *words]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("1")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_the_state_of_a_repository_tells_two_dirty_trees_apart(repository: Path) -> None:
    clean = git_state(repository)
    assert set(clean) == {"commit", "dirty"}
    assert not clean["dirty"]
    (repository / "a.txt").write_text("2")
    second = git_state(repository)
    (repository / "a.txt").write_text("3")
    third = git_state(repository)
    assert second["dirty"]
    assert third["dirty"]
    assert second["commit"] == third["commit"] == clean["commit"]
    assert second["diff"] != third["diff"]


def test_outside_a_repository_git_says_nothing(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}


def test_the_code_is_named_by_its_files() -> None:
    assert len(code_state()["files"]) == 64
    assert changed_files("0" * 40) is None


def test_flags_are_recorded_but_for_where_programs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/home/me/x --tf_xla_clustering_debug")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    flags = describe_environment()["flags"]
    assert flags["TF_XLA_FLAGS"] == "--tf_xla_clustering_debug"
    assert flags["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=true"
    assert "TF_ENABLE_ONEDNN_OPTS" not in flags
