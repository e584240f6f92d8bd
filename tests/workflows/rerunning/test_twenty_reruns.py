"""Twenty runs of all kinds are run again by other processes, in another order and number: all equal to the last bit.

``make reproduce-all`` runs this alone and shows the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SEQEXP = str(Path(sys.executable).with_name("seqexp"))
SMALL = ["data=sine", "data.source.sine.length=200", "training.epochs=2", "tracking=none"]
SHIPPED = (
    "one_to_one,one_to_many,many_to_one,many_to_many,many_to_many_last_n,many_to_many_padded,vector_output,"
    "encoder_decoder"
)
CONTRACT = "units: 4\ncontract: {timesteps: any, output_length: any, alignment: future}\nlayers:\n"
HEAD = """
  - Dense: {units: "${output_length}"}
  - Reshape: {target_shape: ["${output_length}", 1]}
"""
DROPOUT = f"""{CONTRACT}
  - LSTM: {{units: "${{topology.units}}"}}
  - Dropout: {{rate: 0.3}}
  - BatchNormalization: {{}}{HEAD}"""
DEEP = f"""{CONTRACT}
  - LSTM: {{units: "${{topology.units}}", return_sequences: true, recurrent_dropout: 0.1}}
  - GaussianNoise: {{stddev: 0.1}}
  - GRU: {{units: "${{topology.units}}", dropout: 0.2}}{HEAD}"""


def _seqexp(*words: str, **variables: str) -> dict[str, Any]:
    """Give a command to a process of its own; it must end well."""
    done = subprocess.run(
        [SEQEXP, *words, "--json"], capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    values: dict[str, Any] = json.loads(done.stdout)
    return values


@pytest.mark.slow
def test_twenty_of_twenty_are_equal_to_the_last_bit(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    write("seqexp.yaml", "")
    write("conf/topology/dropout.yaml", DROPOUT)
    write("conf/topology/deep.yaml", DEEP)
    axes = [f"topology={SHIPPED},dropout,deep", "training.engine=compiled,keras", "optimizer=adam_cosine"]
    swept = _seqexp("sweep", *SMALL, *axes, "name=twenty", "execution=processes", "execution.workers=2")
    (plan,) = tmp_path.glob("sweeps/*/plan.json")
    frozen = json.loads(plan.read_text())
    assert len(frozen["points"]) == len(swept["runs"]) == 20
    hashes = [json.loads(path.read_text())["fit"]["final_hash"] for path in tmp_path.glob("runs/*/*/record.json")]
    assert len(set(hashes)) == 20  # engines differ in the last bits, and so one cannot pass for the other

    plan.write_text(json.dumps({**frozen, "points": frozen["points"][::-1]}))
    one = _seqexp("rerun", "--sweep", frozen["key"], "execution.workers=1", SEQEXP_COMPILE_CACHE="off")
    plan.write_text(json.dumps({**frozen, "points": [*frozen["points"][1::2], *frozen["points"][::2]]}))
    three = _seqexp("rerun", "--sweep", frozen["key"], "execution.workers=3")
    for how, told in (("by one worker, from last to first, compiled anew", one), ("by three, odd before even", three)):
        print(f"\n{told['total']} ({how})", end="")
        assert told["total"] == "20 of 20 bitwise", [
            again["text"] for again in told["reruns"] if again["verdict"] != "bitwise"
        ]
        assert {found["kind"] for again in told["reruns"] for found in again["differs"]} <= {"threads"}
