"""An outage of a tracking server is told in plain words: what its client really raises, and what it says elsewhere."""

from __future__ import annotations

import pytest

from seqexp.errors import StoreAway, StoreError
from seqexp.store.mlflow_runs import MlflowRuns
from seqexp.store.outage import does_not_answer, outage, reason_of


@pytest.mark.parametrize(
    ("uri", "why"),
    [("http://127.0.0.1:9", "the connection is refused"), ("http://nohost.invalid:5000", "its name is not known")],
)
def test_what_the_client_raises_is_understood(uri: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError) as error:
        MlflowRuns(uri, key="--from-mlflow")
    assert error.value.problems[0].message.startswith(f"MLflow at {uri} does not answer: {why}")
    assert "retries" not in str(error.value)


def test_so_is_silence(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with pytest.raises(StoreError, match=f"{silent} does not answer: it timed out"):
        MlflowRuns(silent, key="--from-mlflow")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "API request to endpoint /api failed with error code 404 != 200. Response body: ''",
            "it gives the HTTP error 404",
        ),
        ("API request to endpoint /api failed with error code 401 != 200.", "it lets nobody in without"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "its certificate is not trusted"),
        ("('Connection aborted.', RemoteDisconnected('Remote end closed", "the connection was broken off"),
        ("RESOURCE_DOES_NOT_EXIST: no run", ""),
    ],
)
def test_so_is_what_servers_say(text: str, why: str) -> None:
    assert outage(OSError(text)).startswith(why)
    assert reason_of(OSError(text)).startswith(why or text)
    assert does_not_answer(OSError(text)) is (StoreAway if why else StoreError)
