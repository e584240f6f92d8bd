"""The filter of compare: which runs meet conditions, and what is said of conditions that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqexp.errors import ConfigError, SeqexpError, StoreError
from seqexp.store.record import RunRecord
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.reading.choose import choose_runs


def _run(number: int, spec: dict[str, Any], mae: float, status: str = "FINISHED") -> StoredRun:
    values = {"name": "a", "run_key": f"{number}", "attempt": 1, "status": status, "started": 0.0, "ended": 1.0}
    record = RunRecord(**values, title="", spec={"name": "a", **spec}, metrics={"val/mae": mae, "test/mae": 2 * mae})
    return StoredRun(Path(f"{number}-1"), record)


RUNS = [
    _run(0, {"timesteps": 7, "topology": {"name": "vector_output", "units": 4}, "data": {"path": None}}, 1.0),
    _run(1, {"timesteps": 14, "topology": {"name": "vector_output", "units": 8}, "data": {"path": "my t.csv"}}, 2.0),
    _run(2, {"timesteps": 28, "topology": {"name": "encoder_decoder"}, "shuffle": True, "data": {"path": None}}, 1e-3),
    _run(3, {"timesteps": 28, "topology": {"name": "failed"}, "data": {"path": None}}, 0.0, "FAILED"),
]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("topology=encoder_decoder", [2]),
        ("topology.name=encoder_decoder", [2]),
        ("timesteps>=14", [1, 2]),
        ("timesteps > 7 and topology != encoder_decoder", [1]),
        ("timesteps<28 AND timesteps<=7", [0]),
        ("timesteps=14.0", [1]),
        ("val/mae=0.001", [2]),
        ("test/mae<4e0", [0, 2]),
        ("topology.units!=4", [1, 2]),  # where there is no such key, it is not 4
        ("topology.units<=8", [0, 1]),
        ("data.path=null", [0, 2]),
        ("data.path='my t.csv'", [1]),
        ("shuffle=true", [2]),
    ],
)
def test_runs_that_meet_conditions(where: str, kept: list[int]) -> None:
    assert [int(run.record.run_key) for run in choose_runs(RUNS, where)] == kept


@pytest.mark.parametrize(
    ("where", "kind", "says"),
    [
        ("topolgy=x", ConfigError, "Did you mean topology?"),
        ("q=1", ConfigError, "There is: topology, timesteps, val/mae, test/mae"),
        ("topology", ConfigError, "operator (= != < <= > >=)"),
        ("timesteps=7 or timesteps=14", ConfigError, "and is expected at 'or timesteps=14'"),
        ("timesteps=7 and", ConfigError, "a condition is expected at its end"),
        ("", ConfigError, "a condition is expected"),
        ("timesteps>=week", ConfigError, "'week' is none"),
        ("timesteps=week", ConfigError, "timesteps is a number (7 or 14 or 28)"),
        ("topology<3", ConfigError, "topology is vector_output or encoder_decoder"),
        ("topology=encoder_decodr", StoreError, "Did you mean encoder_decoder?"),
        ("timesteps>28", StoreError, "There timesteps is 7 or 14 or 28."),
        ("timesteps=7 and topology=encoder_decoder", StoreError, "no run meets them all"),
    ],
)
def test_what_means_nothing_is_refused(where: str, kind: type[SeqexpError], says: str) -> None:
    with pytest.raises(kind) as caught:
        choose_runs(RUNS, where)
    assert says in str(caught.value)


def test_of_no_runs_none_is_chosen_but_the_conditions_have_to_be_readable() -> None:
    assert choose_runs([], "anything=1") == []
    with pytest.raises(ConfigError):
        choose_runs([], "anything")
