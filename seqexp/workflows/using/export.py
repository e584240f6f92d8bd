"""Give a recorded model away: as Keras' file, as a folder for MLflow's servers, as ONNX; or the whole run, packed.

What is written appears complete or not at all: it is made beside its place and renamed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from seqexp.errors import StoreError, suggest
from seqexp.extras import require
from seqexp.spec.validate import validate
from seqexp.store.archive import write_archive
from seqexp.store.mlflow_model import save_pyfunc
from seqexp.store.run_dir import MODEL, StoredRun, damaged_files
from seqexp.workflows.publishing.publish import gathered_model
from seqexp.workflows.schema import schema_of
from seqexp.workflows.stored_spec import LoadCode, require_code_of
from seqexp.workflows.using.predict import check_has_model

SCHEMA_FILE = "schema.json"
_SIGNS = {"keras": SCHEMA_FILE, "mlflow": "MLmodel"}  # by which a folder is known that an export made


def export(
    run: StoredRun,
    form: str,
    target: Path | None = None,
    *,
    force: bool = False,
    load_code: LoadCode | None = None,
) -> Path:
    """Write a run or its model in another form.

    Args:
        run: A finished run.
        form: ``keras``: a folder with the .keras file and a JSON of columns, window and scaling. ``mlflow``: a model
            folder, in source units. ``archive``: a ZIP of the run directory. ``onnx``: one file, in source units.
        target: Where to; by default the run's name in the working directory.
        force: Replace what an earlier export wrote there.
        load_code: Loads the own code that was asked for, if the run uses any.

    Returns:
        Where it was written.

    Raises:
        StoreError: There is no such form, the run did not finish or is damaged, or the target is there already.
        ExecutionError: The packages for ONNX are not installed.
    """
    if form not in FORMS:
        raise StoreError(f"there is no form {form!r}.", key="--format", mend=suggest(form, FORMS))
    suffix, write = FORMS[form]
    if run.record.status != "FINISHED":
        message = f"the run {run.path.name} is {run.record.status}: it has no result to give away."
        raise StoreError(message, key="RUN", mend="Choose a finished run.")
    if form != "archive":
        check_has_model(run)
    if broken := damaged_files(run.path):
        message = f"the run {run.path.name} is damaged: {', '.join(broken)} differ from its manifest."
        raise StoreError(message, key="RUN", mend="seqexp rerun makes it again.")
    if form == "onnx":
        for package in ("onnx", "tf2onnx", "onnxruntime"):
            require(package, key="--format onnx", extra="onnx")
    if form != "archive":
        require_code_of(run, load_code)
    place = (target or Path(f"{run.path.name}{suffix}")).absolute()
    _check_free(place, form, force)
    unfinished = place.with_name(f".{place.name}-{os.getpid()}{place.suffix}")
    try:
        write(run, unfinished)
        if force and place.exists():
            _remove(place)
        unfinished.rename(place)
    except OSError as error:
        raise StoreError(f"{place} cannot be written: {error.strerror or error}.", key="-o") from None
    finally:
        if unfinished.exists():
            _remove(unfinished)
    return place


def _check_free(place: Path, form: str, force: bool) -> None:
    if not place.parent.is_dir():
        raise StoreError(f"there is no folder {place.parent}.", key="-o", mend="Make it first.")
    if not place.exists():
        return
    if not force:
        raise StoreError(f"{place} is there already.", key="-o", mend="Name another, or replace it with --force.")
    sign = _SIGNS.get(form)
    is_earlier = place.is_file() if sign is None else place.is_dir() and (place / sign).is_file()
    if not is_earlier:
        message = f"{place} is not what an earlier export in the form {form} wrote, and is not replaced."
        raise StoreError(message, key="-o", mend="Name another.")


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


def _write_keras(run: StoredRun, folder: Path) -> None:
    folder.mkdir()
    shutil.copy(run.path / MODEL, folder)
    schema = schema_of(validate(run.spec), run.record)
    (folder / SCHEMA_FILE).write_text(json.dumps(schema, indent=1, allow_nan=False), "utf-8")


def _write_mlflow(run: StoredRun, folder: Path) -> None:
    with gathered_model(run) as model:
        save_pyfunc(folder, model)


def _write_onnx(run: StoredRun, path: Path) -> None:
    from seqexp.workflows.using.export_onnx import write_checked_onnx

    write_checked_onnx(run, path)


FORMS: dict[str, tuple[str, Callable[[StoredRun, Path], None]]] = {
    "keras": ("-keras", _write_keras),
    "mlflow": ("-mlflow", _write_mlflow),
    "archive": (".zip", write_archive),
    "onnx": (".onnx", _write_onnx),
}
