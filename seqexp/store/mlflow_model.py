"""Write a model as MLflow keeps it: a folder that its servers and its pyfunc know how to load."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from seqexp.store.mlflow_settings import mlflow_settings
from seqexp.store.projection import LoggedModel


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
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        mlflow.pyfunc.save_model(
            folder,
            loader_module=model.loader_module,
            data_path=str(shutil.copytree(model.folder, Path(scratch) / "data")),
            mlflow_model=Model(**of_model),
            signature=signature,
            pip_requirements=model.requirements,
        )
