"""``make bench``: windows per second and the length of a run, beside the ways people train such models today.

All sides are trained at once and take turns epoch by epoch, so that what else the machine does meets all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from case import HERE, SHAPES, TOPOLOGIES, VALIDATION, Case, make_case

RESULTS = HERE.parents[1] / "experiments" / "engine"
SIDES = {
    "stock": ("Keras fit", ["side_keras.py"]),
    "fast": ("Keras, all switches on", ["side_keras.py", "fast", "one"]),
    "torch": ("PyTorch loop", ["side_torch.py"]),
    "seqexp": ("seqexp compiled", ["side_seqexp.py", "compiled", "1"]),
}


class Side:
    """A process that trains what it is told, epoch by epoch."""

    def __init__(self, name: str, python: str, cache: Path) -> None:
        _, words = SIDES[name]
        env = {**os.environ, "SEQEXP_COMPILE_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.name = name
        self._process = subprocess.Popen(
            [python, str(HERE / words[0]), *words[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not os.environ.get("BENCH_VERBOSE") else None,
            text=True,
            env=env,
        )
        self.hear()  # it is ready

    def say(self, text: str = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def hear(self) -> tuple[str, dict[str, Any]]:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            word, _, rest = line.partition(" ")
            if word in {"ready", "epoch", "end"}:
                return word, json.loads(rest)
        raise SystemExit(f"the side {self.name} ended early; see what it says with BENCH_VERBOSE=1")

    def run(self, case: Case) -> dict[str, Any]:
        """Train one case without waiting."""
        self.say(json.dumps(asdict(case)))
        while True:
            word, values = self.hear()
            if word == "end":
                return values
            self.say()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(case: Case, sides: list[Side]) -> dict[str, Any]:
    """Train one case on all sides in turns."""
    epochs: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    ends: dict[str, Any] = {}
    for side in sides:  # each builds and compiles alone
        side.say(json.dumps(asdict(case)))
        epochs[side.name].append(side.hear()[1])
    for number in range(1, case.epochs + 1):
        for side in sides if number % 2 else reversed(sides):
            side.say()
            word, values = side.hear()
            if word == "end":
                ends[side.name] = values
            else:
                epochs[side.name].append(values)
    found = {}
    for side in sides:
        later = [epoch["seconds"] for epoch in epochs[side.name][1:]]
        found[side.name] = {
            "windows_per_second": case.windows / median(later),
            "run_seconds": ends[side.name]["seconds"],
            "val": epochs[side.name][-1]["val"],
            "weights": ends[side.name]["weights"],
        }
        if side.name == "seqexp":
            own = [epoch["own"] / epoch["seconds"] for epoch in epochs[side.name][1:]]
            found[side.name] |= {"own_share": median(own), "compile": ends[side.name]["compile"]}
    return found


def starts(windows: int, epochs: int, repeats: int) -> dict[str, Any]:
    """A short run with an empty cache, with a full one, and in a process that holds the program, each some times."""
    case = make_case("encoder_decoder", SHAPES[0], windows, epochs)
    found: dict[str, list[dict[str, Any]]] = {"cold": [], "warm": [], "held": []}
    for _ in range(repeats):
        cache = Path(tempfile.mkdtemp(prefix="seqexp-cache-"))
        for name in ("cold", "warm"):
            side = Side("seqexp", sys.executable, cache)
            found[name].append(side.run(case))
            if name == "warm":
                found["held"].append(side.run(replace(case, seed=1)))
            side.close()
        shutil.rmtree(cache)
    return {
        name: {key: median(run[key] for run in runs) for key in ("seconds", "compile")} for name, runs in found.items()
    }


def table(results: list[dict[str, Any]], begun: dict[str, Any], names: list[str]) -> str:
    """Return the results as Markdown."""
    against = [name for name in ("stock", "torch") if name in names]
    head = ["topology", "steps, units, batch", *(SIDES[name][0] for name in names)]
    head += [*(f"{SIDES[name][0]} = 1" for name in against), "validation losses"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for result in results:
        case, sides = Case(**result["case"]), result["sides"]
        speed = {name: sides[name]["windows_per_second"] for name in names}
        row = [case.topology, f"{case.timesteps} → {case.output_length}, {case.units}, {case.batch}"]
        row += [f"{speed[name]:,.0f}/s, {sides[name]['run_seconds']:.1f} s" for name in names]
        row += [f"**{speed['seqexp'] / speed[name]:.1f}**" for name in against]
        row.append(" ".join(f"{sides[name]['val']:.3f}" for name in names))
        lines.append("| " + " | ".join(row) + " |")
    windows, epochs = (results[0]["case"][key] for key in ("windows", "epochs"))
    lines += [
        "",
        f"Windows per second (median epoch) and seconds of a whole run: {epochs} epochs of {windows:,} windows,",
        f"validation on {VALIDATION} windows after each, building and compiling included.",
    ]
    if begun:
        lines += ["", "| encoder_decoder, the first shape | a whole run | of it compiling |", "|---|---|---|"]
        lines += [f"| {name} | {run['seconds']:.2f} s | {run['compile']:.2f} s |" for name, run in begun.items()]
    shares = [result["sides"]["seqexp"]["own_share"] for result in results]
    lines += ["", f"Of an epoch, seqexp's own code around the program takes {min(shares):.1%} to {max(shares):.1%}."]
    return "\n".join(lines)


def _python_with_torch() -> str | None:
    return sys.executable if find_spec("torch") else None


def main() -> None:
    """Measure, print and save."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--torch",
        default=_python_with_torch(),
        help="a Python with PyTorch and NumPy; without one that side is left out",
    )
    options.add_argument("--epochs", type=int, default=10)
    options.add_argument("--windows", type=int, default=3500)
    options.add_argument("--topologies", nargs="*", default=TOPOLOGIES)
    options.add_argument("--shapes", nargs="*", type=int, default=range(len(SHAPES)), help="numbers of shapes")
    options.add_argument("--repeats", type=int, default=3, help="of the short run, cold and warm")
    options.add_argument("--save", type=Path, help="where the table goes", default=RESULTS)
    given = options.parse_args()
    names = [name for name in SIDES if name != "torch" or given.torch]
    begun = starts(given.windows, given.epochs, given.repeats) if given.repeats else {}
    cache = Path(tempfile.mkdtemp(prefix="seqexp-cache-"))
    pythons = {"torch": given.torch}
    sides = [Side(name, pythons.get(name) or sys.executable, cache) for name in names]
    results = []
    for topology in given.topologies:
        for shape in (SHAPES[number] for number in given.shapes):
            case = make_case(topology, shape, given.windows, given.epochs)
            results.append({"case": asdict(case), "sides": measure(case, sides)})
            print(table(results[-1:], {}, names).splitlines()[2], flush=True)
    for side in sides:
        side.close()
    shutil.rmtree(cache)
    text = table(results, begun, names)
    print(text)
    given.save.mkdir(parents=True, exist_ok=True)
    (given.save / "results.md").write_text(text + "\n", "utf-8")
    (given.save / "results.json").write_text(json.dumps({"rows": results, "starts": begun}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
