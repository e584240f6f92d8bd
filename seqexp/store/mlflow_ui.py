"""The MLflow UI on a local store: on this machine only, with one worker."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from seqexp.errors import StoreError
from seqexp.store.local_store import local_path
from seqexp.store.mlflow_settings import SETTINGS
from seqexp.store.mlflow_store import MlflowStore

HOST = "127.0.0.1"
_SLOWEST_START, _SLOWEST_END = 120, 10  # seconds


def free_port(wanted: int) -> int:
    """Return the port wanted, or the next one that nothing listens on."""
    for port in range(wanted, wanted + 50):
        with closing(socket.socket()) as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise StoreError(f"Every port from {wanted} to {wanted + 49} is taken.", mend="Name a free one: --port 6000.")


@contextmanager
def running_ui(uri: str, port: int, artifacts: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the server, wait until it answers (10 to 30 s), and end it with the block.

    Args:
        uri: The store; a local one that is not there yet is made.
        port: Where it listens.
        artifacts: Where a local store keeps files.

    Raises:
        StoreError: It ended, or does not answer.
    """
    if (path := local_path(uri)) is not None and not path.is_file():
        MlflowStore(uri, artifacts)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        HOST,
        "--port",
        str(port),
    ]
    command += ["--workers", "1", "--allowed-hosts", f"localhost:{port},{HOST}:{port}"]
    quiet = {**SETTINGS, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # MLflow logs every request to stderr: only what it says when it fails to start is worth showing.
    server = subprocess.Popen(command, env={**quiet, **os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        try:
            _wait_for(server, port)
        except StoreError:
            if path is not None:
                MlflowStore(uri, artifacts)  # says more, if the reason is the store
            raise
        yield server
    finally:
        server.terminate()
        try:
            server.wait(timeout=_SLOWEST_END)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    began = time.monotonic()
    while time.monotonic() - began < _SLOWEST_START:
        if server.poll() is not None:
            said = (server.stderr.read() if server.stderr else b"").decode(errors="replace").strip()
            raise StoreError(f"The MLflow UI did not start: {said.splitlines()[-1] if said else server.returncode}")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise StoreError(f"The MLflow UI does not answer after {_SLOWEST_START} s.")
