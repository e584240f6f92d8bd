"""Ten thousand points and ten thousand runs: what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqexp.workflows.project import Project
from seqexp.workflows.sweeping.plan import plan_sweep
from seqexp.workflows.sweeping.sweep import run_sweep

pytestmark = pytest.mark.slow


def test_ten_thousand_points_are_planned_within_a_minute_and_a_gigabyte(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from pathlib import Path\n"
        "from seqexp.workflows.sweeping.plan import plan_sweep\n"
        "from seqexp.workflows.project import open_project\n"
        "began = time.monotonic()\n"
        "words = ['topology=encoder_decoder,vector_output', 'timesteps=1..50', 'optimizer.learning_rate=0.1,0.01']\n"
        "plan = plan_sweep(open_project(), [*words, 'seed=0..49'])\n"
        # Not ru_maxrss: of a process that was just started it is the size of the one that started it.
        "peak = Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]\n"
        "print(len(plan.points), time.monotonic() - began, int(peak) * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    points, seconds, size = done.stdout.split()
    assert int(points) == 10_000
    assert float(seconds) < 60
    assert float(size) < 1e9


def test_ten_thousand_runs_are_read_and_compared_within_three_seconds(project: Project) -> None:
    words = ["data=sine", "data.source.sine.length=200", "training.epochs=1", "topology=vector_output", "tracking=none"]
    (outcome,) = run_sweep(project, plan_sweep(project, [*words, "topology.units=2", "execution=inline"])).outcomes
    source = outcome.stored.path
    record = json.loads((source / "record.json").read_text())
    for number in range(10_000):
        folder = source.with_name(f"{number:012x}-1")
        folder.mkdir()
        learning_rate = 1e-3 * (1 + number // 5)
        spec = {**record["spec"], "seed": number % 5}
        spec["optimizer"] = {**spec["optimizer"], "learning_rate": learning_rate}
        changed = {**record, "run_key": f"{number:012x}", "spec": spec}
        (folder / "record.json").write_text(json.dumps(changed, indent=1))
    code = (
        "import sys, time\n"
        "began = time.monotonic()\n"
        "from pathlib import Path\n"
        "from seqexp.own_process import without_collection\n"
        "from seqexp.store.find_runs import list_runs\n"
        "from seqexp.workflows.reading.leaderboard import build_leaderboard\n"
        "with without_collection():\n"  # as seqexp compare does
        "    (block,) = build_leaderboard(list_runs(Path(sys.argv[1])))\n"
        "print(sum(row.run is not None for row in block.rows), time.monotonic() - began)\n"
    )
    command = [sys.executable, "-c", code, str(project.runs)]
    rows, seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 2000  # learning rates, of five seeds each
    assert float(seconds) < 3
