"""A model folder is what MLflow itself would have written."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
import yaml
from mlflow.models import Model

from seqexp.store.mlflow_model import save_pyfunc
from seqexp.store.projection import LoggedModel

REQUIREMENTS = ("mlflow==3.17.2", "seqexp==0.1.0", "numpy==2.4.6")
BY_CHANCE = {"model_uuid", "utc_time_created"}


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("inputs", [{"past": (-1, 24, 2)}, {"past": (-1, 24, 2), "ahead": (-1, 6, 1)}])
def test_its_files_say_what_mlflow_would_say(inputs: dict[str, tuple[int, ...]], tmp_path: Path) -> None:
    source, ours, theirs = tmp_path / "run", tmp_path / "ours", tmp_path / "theirs"
    source.mkdir()
    (source / "model.keras").write_bytes(b"weights")
    model = LoggedModel("encoder_decoder", source, "seqexp.workflows.serving", inputs, (-1, 6, 1), REQUIREMENTS)
    save_pyfunc(ours, model, run_id="beef", model_id="m-beef")
    signature = Model.load(ours).signature
    assert signature.inputs.input_names() == ([0] if len(inputs) == 1 else list(inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            theirs,
            loader_module=model.loader_module,
            data_path=str(source),
            mlflow_model=Model(run_id="beef", model_id="m-beef"),
            signature=signature,
            pip_requirements=list(REQUIREMENTS),
        )
    described, expected = _yaml(ours / "MLmodel"), _yaml(theirs / "MLmodel")
    assert described["flavors"]["python_function"].pop("data") == "data"
    assert expected["flavors"]["python_function"].pop("data").startswith("data")
    assert expected["flavors"]["python_function"].pop("code") is None
    sizes = described.pop("model_size_bytes"), expected.pop("model_size_bytes")
    assert sizes == (7, 7)
    assert {key: described[key] for key in described.keys() - BY_CHANCE} == {
        key: expected[key] for key in expected.keys() - BY_CHANCE
    }
    assert (ours / "data" / "model.keras").read_bytes() == b"weights"
    assert (ours / "requirements.txt").read_text().split() == (theirs / "requirements.txt").read_text().split()
    assert _yaml(ours / "python_env.yaml") == _yaml(theirs / "python_env.yaml")
    of_pip, of_conda = _yaml(ours / "conda.yaml"), _yaml(theirs / "conda.yaml")
    of_conda["dependencies"][1] = "pip"  # which conda may not have in the version that is installed
    assert of_pip == of_conda
