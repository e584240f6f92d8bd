"""Write a model as MLflow keeps it: a folder that its servers and its pyfunc know how to load.

``mlflow.pyfunc.save_model`` would do the same, and look through every installed package for one that differs from the
requirements: half a second for requirements that were read from those packages a moment before, and a second for the
import. A test holds that its files say the same.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from seqexp.store.projection import LoggedModel

_DATA = "data"
_REQUIREMENTS = "requirements.txt"
_CONDA = "conda.yaml"
_PYTHON = "python_env.yaml"


def save_pyfunc(folder: Path, model: LoggedModel, **of_model: str) -> None:
    """Write a model folder.

    Args:
        folder: Made here.
        model: What goes into it.
        of_model: What the ``MLmodel`` file says besides: the ids of the run and of the model.
    """
    shutil.copytree(model.folder, folder / _DATA)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    _write_yaml(folder / "MLmodel", {**_described(model), "model_size_bytes": size, **of_model})
    _write_environments(folder, model.requirements)


def _described(model: LoggedModel) -> dict[str, Any]:
    inputs = [_tensor(shape, name if len(model.inputs) > 1 else None) for name, shape in model.inputs.items()]
    flavor = {
        "loader_module": model.loader_module,
        "python_version": platform.python_version(),
        "data": _DATA,
        "env": {"conda": _CONDA, "virtualenv": _PYTHON},
        "streamable": False,
    }
    return {
        "flavors": {"python_function": flavor},
        "is_signature_from_type_hint": False,
        "model_id": None,
        "mlflow_version": metadata.version("mlflow"),
        "model_uuid": uuid4().hex,
        "prompts": None,
        "signature": {
            "inputs": json.dumps(inputs),
            "outputs": json.dumps([_tensor(model.output_shape)]),
            "params": None,
        },
        "type_hint_from_example": False,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }


def _tensor(shape: tuple[int, ...], name: str | None = None) -> dict[str, Any]:
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": list(shape)}}
    return tensor if name is None else {"name": name, **tensor}


def _write_environments(folder: Path, requirements: Sequence[str]) -> None:
    """Write what the model is loaded with, in the three forms in which MLflow's servers ask for it."""
    python, tools = platform.python_version(), list(_installers())
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": list(requirements)}],
    }
    without_conda = {"python": python, "build_dependencies": tools, "dependencies": [f"-r {_REQUIREMENTS}"]}
    (folder / _REQUIREMENTS).write_text("".join(f"{requirement}\n" for requirement in requirements), "utf-8")
    _write_yaml(folder / _CONDA, conda)
    _write_yaml(folder / _PYTHON, without_conda)


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False), "utf-8")


def _installers() -> Iterator[str]:
    """Yield what installs packages, as it is installed here; without a version where it is not."""
    for name in ("pip", "setuptools", "wheel"):
        try:
            yield f"{name}=={metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield name
