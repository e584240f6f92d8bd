"""Two processes that want the same run: one works, the other waits, and a killed owner leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from seqexp.errors import StoreError
from seqexp.store.claim import claim

KEY = "0123456789ab"
OWNER = f"""
import os, sys, time
from pathlib import Path
from seqexp.store.claim import claim
with claim(Path(sys.argv[1]), "n", "{KEY}", on_wait=lambda: print("waits", flush=True)):
    (Path(sys.argv[1]) / "n" / f".{KEY}-{{os.getpid()}}" / "figures").mkdir(parents=True)
    print("owns", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def _owner(runs: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", OWNER, str(runs), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        yield process


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_claim_leaves_no_trace(tmp_path: Path) -> None:
    with claim(tmp_path / "runs", "n", KEY, on_wait=lambda: pytest.fail("nobody else is there")):
        assert (tmp_path / "runs" / "n").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    with _owner(tmp_path, 1.0) as first:
        assert _hear(first) == "owns"
        began, waits = time.monotonic(), []
        with claim(tmp_path, "n", KEY, on_wait=lambda: waits.append(1)):
            assert time.monotonic() - began > 0.5
    assert first.returncode == 0
    assert waits == [1]


def test_many_at_once_come_one_after_another(tmp_path: Path) -> None:
    with ExitStack() as stack:
        owners = [stack.enter_context(_owner(tmp_path, 0.05)) for _ in range(6)]
        for owner in owners:
            owner.communicate()
    assert [owner.returncode for owner in owners] == [0] * 6  # a second at a time would find the first one's folder
    assert not (tmp_path / "n").exists() or not list((tmp_path / "n").glob("*.lock"))


def test_what_a_killed_owner_left_is_cleared_away(tmp_path: Path) -> None:
    with _owner(tmp_path, 60.0) as first:
        assert _hear(first) == "owns"
        first.kill()
    (left,) = (tmp_path / "n").glob(f".{KEY}-*")
    (left / "spec.yaml").write_text("half")
    with claim(tmp_path, "n", KEY, on_wait=lambda: pytest.fail("its owner is dead")):
        assert not list((tmp_path / "n").glob(f".{KEY}-*"))


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    """A sweep writes its runs without a claim on each."""
    writing = tmp_path / "n" / f".{KEY}-{os.getpid()}"
    writing.mkdir(parents=True)
    with claim(tmp_path, "n", KEY, on_wait=lambda: None):
        assert writing.is_dir()


def test_other_runs_are_not_waited_for(tmp_path: Path) -> None:
    with (
        claim(tmp_path, "n", KEY, on_wait=lambda: None),
        claim(tmp_path, "n", "ba9876543210", on_wait=lambda: pytest.fail("another run")),
    ):
        pass


def test_a_folder_that_cannot_be_written_to_is_explained(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"), claim(tmp_path / "runs", "n", KEY, on_wait=lambda: None):
        pass
