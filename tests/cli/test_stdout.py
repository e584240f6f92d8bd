"""What is printed goes somewhere, or the command says that it did not."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqexp.cli import main

SEQEXP = str(Path(sys.executable).with_name("seqexp"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_one_line() -> None:
    waiting = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SEQEXP, "show"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=waiting
        )
    assert done.returncode == 1
    assert done.stderr == "What was printed could not be written: No space left on device.\n"


def test_a_disk_that_is_full_elsewhere_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def app() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(main, "app", app)
    with pytest.raises(OSError, match="No space left"):
        main.run_command()


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen([SEQEXP, "list", "layers"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.readline()
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 0
