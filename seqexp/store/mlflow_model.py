"""Write a model as MLflow keeps it: a folder that its servers and its pyfunc know how to load.

``mlflow.pyfunc.save_model`` would do the same, and look through every installed package for one that differs from the
requirements: half a second for requirements that were read from those packages a moment before.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from seqexp.store.mlflow_settings import mlflow_settings
from seqexp.store.projection import LoggedModel

_DATA = "data"
_REQUIREMENTS = "requirements.txt"
_CONDA = "conda.yaml"
_PYTHON = "python_env.yaml"


@mlflow_settings()
def save_pyfunc(folder: Path, model: LoggedModel, **of_model: Any) -> None:
    """Write a model folder.

    Args:
        folder: Made here.
        model: What goes into it.
        of_model: What the ``MLmodel`` file says besides: the ids of the run and of the model.
    """
    import mlflow.pyfunc
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    signature = ModelSignature(
        inputs=Schema(
            [
                TensorSpec(np.dtype("float64"), shape, name if len(model.inputs) > 1 else None)
                for name, shape in model.inputs.items()
            ]
        ),
        outputs=Schema([TensorSpec(np.dtype("float64"), model.output_shape)]),
    )
    shutil.copytree(model.folder, folder / _DATA)
    described = Model(signature=signature, **of_model)
    mlflow.pyfunc.add_to_model(
        described, model.loader_module, data=_DATA, conda_env=_CONDA, python_env=_PYTHON, streamable=False
    )
    described.model_size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    described.save(str(folder / "MLmodel"))
    _write_environments(folder, model.requirements)


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
    for name, content in {_CONDA: conda, _PYTHON: without_conda}.items():
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")


def _installers() -> Iterator[str]:
    """Yield what installs packages, as it is installed here; without a version where it is not."""
    for name in ("pip", "setuptools", "wheel"):
        try:
            yield f"{name}=={metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield name
