"""The verbs from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import seqexp
from seqexp.errors import ConfigError


@pytest.mark.parametrize("words", [5, [5], "topology=all", {"topology": "all"}, None])
def test_what_is_no_list_of_texts_is_refused(words: object) -> None:
    for verb in (seqexp.run, seqexp.sweep):
        with pytest.raises(ConfigError, match="expected a list of texts"):
            verb(words)


TINY = ["data=sine", "data.source.sine.length=200", "topology=vector_output", "topology.units=4", "training.epochs=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> seqexp.Run:
    return seqexp.run([*TINY, "tracking=none"], workspace=tmp_path_factory.mktemp("trained"))


def test_a_run_is_repeated_and_judged(trained: seqexp.Run, tmp_path: Path) -> None:
    home = trained.run_dir.parents[2]
    for asked, workspace in ((trained, tmp_path), (trained.run_key[:6], home), (trained.run_dir, tmp_path)):
        done = seqexp.rerun(asked, workspace=workspace)
        assert isinstance(done, seqexp.Rerun)
        assert (done.verdict, done.reproduced, done.reasons) == ("bitwise", True, [])
        assert done.run.run_dir.parents[2] == workspace
        assert done.run.run_dir != done.before.run_dir == trained.run_dir
        assert done.run.metrics == trained.metrics


def test_what_changed_no_figure_is_no_reason(
    trained: seqexp.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    done = seqexp.rerun(trained, workspace=tmp_path)
    assert (done.verdict, done.reasons) == ("bitwise", [])
    assert done.differs == ["TF_ENABLE_ONEDNN_OPTS not set -> 0"]


def test_a_drift_has_reasons(trained: seqexp.Run, tmp_path: Path) -> None:
    done = seqexp.rerun(trained, ["seed=1"], workspace=tmp_path, tolerance=0.0)
    assert (done.verdict, done.reproduced) == ("drifted", False)
    assert done.reasons == done.differs == ["seed 0 -> 1"]
    assert repr(done).startswith(f"<Rerun of {trained.run_dir.name} as {done.run.run_dir.name}: drifted because seed")


def test_a_repetition_that_fails_says_why(trained: seqexp.Run, tmp_path: Path) -> None:
    words = ["optimizer.name=SGD", "optimizer.learning_rate=1e9", "training.epochs=20"]
    done = seqexp.rerun(trained, words, workspace=tmp_path)
    assert (done.verdict, done.run.status) == ("failed", "FAILED")
    assert "diverged" in done.reasons[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": "today"}, "expected auto, current or snapshot"),
        ({"data": ["auto"]}, "expected auto, current or snapshot"),
        ({"tolerance": 2}, "expected a share of 0 to 1"),
        ({"tolerance": "0.1"}, "expected a share of 0 to 1"),
        ({"overrides": "seed=1"}, "expected a list of texts"),
        ({"from_mlflow": "sqlite:////none.db"}, "there is no MLflow store"),
        ({"from_mlflow": True}, "there is no MLflow store"),
    ],
)
def test_a_wrong_request_is_refused(options: dict[str, object], says: str, trained: seqexp.Run, tmp_path: Path) -> None:
    with pytest.raises(seqexp.SeqexpError, match=says):
        seqexp.rerun(trained.run_key, workspace=tmp_path, **options)
    assert not (tmp_path / "runs").exists()
