"""What XLA is told, and that it hears it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seqexp.training import xla_flags as flags
from seqexp.training.xla_flags import xla_flags


def test_what_a_person_has_set_comes_last_and_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    ours = xla_flags()
    assert ours
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    assert xla_flags() == f"{ours} --xla_dump_to=x"


@pytest.mark.parametrize(("version", "is_told"), [("2.21.0", True), ("2.18.1", False), ("2.30.0", False), ("", False)])
def test_width_and_tiles_are_told_only_to_versions_that_know_them(
    version: str, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "tensorflow_version", lambda: version)
    assert ("vector_width" in xla_flags()) is is_told
    assert ("tile_size" in xla_flags()) is is_told


def test_xla_reads_the_flags_when_tensorflow_is_started() -> None:
    """It ends the process where it does not know one: nothing else would tell."""
    script = "from seqexp.training.start import start_tensorflow; start_tensorflow(1); print('started')"
    environment = {**os.environ, "XLA_FLAGS": "--xla_no_such_flag=1"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "started" not in ended.stdout
