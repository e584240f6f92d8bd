"""What ``explain`` takes, writes and refuses; and the page that it writes of a topology."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import seqexp
from seqexp.errors import SeqexpError
from seqexp.models.build import build_model
from seqexp.store.run_dir import SPEC, spec_file, write_run
from seqexp.workflows.explain.explain import explain, write_explanation
from seqexp.workflows.project import open_project
from seqexp.workflows.running.run import run_experiment

SINE = ["data=sine", "data.source.sine.length=200", "training.epochs=2", "timesteps=9", "output_length=4"]
SHOPS = ["data=table", "data.path=shops.csv", "data.time=hour", "data.targets=sales"]
TOPOLOGIES = ("one_to_one", "one_to_many", "many_to_one", "many_to_many")
TOPOLOGIES += ("many_to_many_last_n", "many_to_many_padded", "vector_output", "encoder_decoder")


def test_where_the_compiled_engine_draws_other_numbers_it_is_said() -> None:
    dropout = "topology.layers=[{Bidirectional:{layer:{LSTM:{units:2,dropout:0.1}}}},{Dense:{units:1}}]"
    words = [*SINE, "topology=many_to_one", "output_length=1", dropout]
    assert "training.engine=keras" in explain(open_project(), words).warning
    assert explain(open_project(), [*words, "training.engine=keras"]).warning == ""
    assert explain(open_project(), ["topology=many_to_one"]).warning == ""


def test_a_recorded_run_is_explained_as_it_was(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    table = tmp_path / "sales.csv"
    table.write_text("sales\n" + "\n".join(str(100 + n % 7) for n in range(200)))
    words = ["data=table", f"data.path={table}", "data.targets=sales", "topology=one_to_one", "training.epochs=1"]
    stored = run_experiment(project.compose_one(words).spec, project.runs).stored
    wanted = explain(project, words)
    for word in (stored.record.run_key, stored.record.run_key[:6], str(stored.path)):
        assert explain(project, [word]) == wanted
    stopped = write_run(project.runs, replace(stored.record, status="KILLED", data={}), {SPEC: spec_file(stored.spec)})
    found = explain(project, [stopped.path.name])
    assert found.text == wanted.text
    assert f"The run {stopped.path.name} ended without a record of its data" in found.warning
    table.write_text("sales\n" + "\n".join(str(100 + n % 6) for n in range(200)))
    assert "no longer those of the run" in explain(project, [stored.record.run_key]).warning
    with pytest.raises(SeqexpError, match="There is no run"):
        explain(project, ["nothing"])
    with pytest.raises(SeqexpError, match="means a run"):
        explain(project, [stored.record.run_key, "seed=1"])


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["data.split={train: 1.0, validation: 0, test: 0}"], "data.split"),
        ([*SHOPS, "data.series=shop", 'evaluation.origins={every: 2, at: "00:00"}'], "evaluation.origins.every"),
        (["data=addition", "evaluation.metrics=own"], "evaluation.metrics"),
    ],
)
def test_what_is_not_written_is_refused_by_its_key(
    words: list[str], key: str, write: Callable[[str, str], Path]
) -> None:
    @seqexp.metric
    def own(true: Any, given: Any) -> float:
        return 1.0

    hours = pd.date_range("2024-01-01", periods=240, freq="h")
    shops = [pd.DataFrame({"hour": hours, "shop": shop, "sales": range(240)}) for shop in "ab"]
    write("shops.csv", pd.concat(shops).to_csv(index=False))
    with pytest.raises(SeqexpError) as caught:
        explain(open_project(), words)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert "--markdown" in str(caught.value)
    assert "# encoder_decoder" in explain(open_project(), words, markdown=True).text


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    explanation = explain(open_project(), ["topology=one_to_one"])
    script, data = tmp_path / "script.py", tmp_path / "household_power_daily.csv"
    assert write_explanation(explanation, script) == [script, data]
    assert write_explanation(explanation, script) == [script, data]  # the same again does no harm
    for path in (script, data):
        path.write_text("mine")
        with pytest.raises(SeqexpError, match=f"{path.name} is there already"):
            write_explanation(explanation, script)
        write_explanation(explanation, script, force=True)
        assert path.read_text() != "mine"
    with pytest.raises(SeqexpError, match="is a folder"):
        write_explanation(explanation, tmp_path)
    with pytest.raises(SeqexpError, match="no folder"):
        write_explanation(explanation, tmp_path / "nowhere" / "script.py")


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_page_draws_the_topology_and_counts_its_weights(name: str) -> None:
    words = ["data=sine", f"topology={name}"]
    project = open_project()
    page = explain(project, words, markdown=True).text
    spec = project.compose_one(words).spec
    assert page.startswith(f"# {name}: {spec.timesteps} → {spec.output_length}\n")
    assert f"\n{build_model(spec).model.count_params():,} weights." in page
    assert "A topology of your own" not in page
    drawing = page.partition("```text\n")[2].partition("\n```")[0].splitlines()
    assert drawing[0].split()[-1] == f"y{spec.output_length}"
    assert f"x{spec.timesteps}" in drawing[-1]
    assert f"alignment: {spec.topology.contract.alignment}" in page


def test_the_page_of_unequal_lengths_shows_what_the_slice_loses() -> None:
    page = explain(open_project(), [*SINE, "topology=many_to_many_last_n"], markdown=True).text
    drawing = """\
outputs               y1     y2 ... y4
                      │      │      │
Dense                 D      D ...  D    (4, 1)
                      │      │      │
Lambda                ·      · ...  ·    (4, 32)
                      │      │      │
LSTM    L ───▶ L ···▶ L ───▶ L ···▶ L    (9, 32)
        │      │      │      │      │
inputs  x1     x2 ... x6     x7 ... x9   (9, 1)
"""
    assert drawing in page
    assert "has not read the last 3 input steps" in page


def test_a_name_of_the_workspace_is_not_told_as_the_shipped_one(write: Callable[[str, str], Path]) -> None:
    write(
        "conf/topology/encoder_decoder.yaml",
        "layers: [Flatten, {Dense: {units: 7}}, {Reshape: {target_shape: [7, 1]}}]\ncontract: {}\n",
    )
    page = explain(open_project(), [], markdown=True).text
    assert "by these layers: Flatten, Dense, Reshape." in page
    assert "A topology of your own" in page
