"""A process of seqexp's own starts without what it does not use; somebody else's is left as it is."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqexp.own_process import without_collection

START = """
import os, sys
{settle}
from seqexp.training.start import start_tensorflow
start_tensorflow(1)
import numpy, threadpoolctl
blas = [found["num_threads"] for found in threadpoolctl.threadpool_info() if "numpy" in found["filepath"]]
print("sklearn" in sys.modules, os.environ.get("OPENBLAS_NUM_THREADS"), blas == [1])
from sklearn.linear_model import Ridge
"""


def _started(settle: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    words = [sys.executable, "-c", START.format(settle=settle)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


def test_scikit_learn_is_not_imported_and_blas_keeps_to_one_core() -> None:
    """Afterwards scikit-learn is there for whoever asks for it."""
    assert _started("from seqexp.own_process import set_up_own_process; set_up_own_process()") == ["False", "1", "True"]


def test_who_uses_seqexp_as_a_library_finds_everything_as_ever() -> None:
    """Keras has wrappers for scikit-learn, which would be broken for the rest of the process."""
    assert _started("")[:2] == ["True", "None"]


ENDING = """
import atexit, sys, threading, time
from seqexp.own_process import end_quickly
end = end_quickly()

class Heavy:
    def __del__(self):
        print("taken apart")

heavy = sys.modules["heavy"] = Heavy()
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.2), print("of a thread"))).start()
{last}
"""


@pytest.mark.parametrize(("last", "code"), [("end(3)", 3), ("end(0)", 0), ("raise KeyError", 1)])
def test_it_ends_with_all_that_was_to_be_done_but_takes_nothing_apart(last: str, code: int) -> None:
    """Not at a terminal, what was printed waits to be written."""
    done = subprocess.run([sys.executable, "-c", ENDING.format(last=last)], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n") == ["of a thread", "registered", ""]
    assert done.returncode == code
    assert ("KeyError" in done.stderr) == (code == 1)


def test_garbage_is_left_for_a_while_and_looked_for_again_as_before() -> None:
    for before in (True, False):
        (gc.enable if before else gc.disable)()
        try:
            with without_collection():
                assert not gc.isenabled()
            assert gc.isenabled() is before
        finally:
            gc.enable()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("given", [0, 2])
def test_what_could_not_be_written_is_not_taken_for_written(given: int) -> None:
    code = f"from seqexp.own_process import end_quickly; end = end_quickly(); print('forecast', end=''); end({given})"
    waiting = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=waiting)
    assert done.returncode == (given or 1)
    assert done.stderr == "What was printed could not be written: No space left on device.\n"
