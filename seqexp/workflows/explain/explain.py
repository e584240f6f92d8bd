"""Explain an experiment, or a recorded run: as a stand-alone Keras script, or as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from seqexp.data.dataset import prepare_dataset
from seqexp.errors import ConfigError, SeqexpError
from seqexp.spec.experiment import ExperimentSpec
from seqexp.spec.sources import DatasetSource
from seqexp.store.find_runs import find_run
from seqexp.store.run_dir import StoredRun
from seqexp.workflows.explain.own_code import read_own_code
from seqexp.workflows.explain.page import write_page
from seqexp.workflows.explain.scope import Subject, follow_chain, refuse_unwritten
from seqexp.workflows.explain.script import write_script
from seqexp.workflows.project import Project
from seqexp.workflows.using.load import Run


@dataclass(frozen=True)
class Explanation:
    """What there is to write.

    Attributes:
        text: The script or the page.
        beside: A file that the script reads beside it; None where it reads none, or one of the person's own.
        warning: What a person should know of it; empty where there is nothing.
    """

    text: str
    beside: Path | None = None
    warning: str = ""


def explain(project: Project, words: Sequence[str], *, markdown: bool = False) -> Explanation:
    """Explain what words mean: overrides, as for a run, or one recorded run.

    Raises:
        SeqexpError: The words mean nothing, the data are not as the config says, or a key is not written yet.
    """
    named = [word for word in words if "=" not in word and not word.startswith("~")]
    if not named:
        composed = project.compose_one(words)
        with composed.explained():
            return _explain(composed.spec, markdown)
    if len(words) > 1:
        message = f"{named[0]!r} means a run, and a run is explained as it was."
        raise ConfigError(message, mend="Name the run alone, or leave it out and give overrides (key=value).")
    stored = find_run(named[0], project.runs)
    return _explain(Run(stored, load_code=project.load_code).spec, markdown, stored)


def _explain(spec: ExperimentSpec, markdown: bool, stored: StoredRun | None = None) -> Explanation:
    if not markdown:
        read_own_code(spec)
        refuse_unwritten(spec)  # before the data are read: not all kinds of them can be
    subject = Subject(spec, prepare_dataset(spec), follow_chain(spec))
    if markdown:
        return Explanation(write_page(subject))
    return Explanation(write_script(subject), _beside(spec), " ".join(_warnings(subject, stored)))


def _warnings(subject: Subject, stored: StoredRun | None) -> Iterator[str]:
    if subject.draws_in_training and subject.spec.training.engine == "compiled":
        yield (
            "Dropout and noise draw other numbers in a compiled program than in Keras' own fit: the script gives the "
            "figures of a run with training.engine=keras, and those of others but for that."
        )
    if stored is None:
        return
    fingerprint = stored.record.data.get("fingerprint")
    if fingerprint is None:  # of a run that was stopped or lost its worker no data are recorded
        yield f"The run {stored.path.name} ended without a record of its data: the script reads what there is now."
    elif fingerprint != subject.dataset.series.fingerprint:
        yield f"The data are no longer those of the run {stored.path.name}: the script will give other figures."


def _beside(spec: ExperimentSpec) -> Path | None:
    source = spec.data.source
    return (
        Path(str(files("seqexp.data").joinpath("datasets", source.file))) if isinstance(source, DatasetSource) else None
    )


def write_explanation(explanation: Explanation, output: Path, *, force: bool = False) -> list[Path]:
    """Write a script, and beside it the file that it reads; return what was written.

    Raises:
        SeqexpError: There is no such folder, or something else is there and ``force`` does not allow to replace it.
    """
    if not output.absolute().parent.is_dir():
        raise SeqexpError(f"-o: there is no folder {output.parent}.", mend="Make it first.")
    if output.is_dir():
        raise SeqexpError(f"-o: {output} is a folder.", mend="Name a file in it.")
    contents = {output: explanation.text.encode()}
    if explanation.beside is not None:
        contents[output.with_name(explanation.beside.name)] = explanation.beside.read_bytes()
        if len(contents) == 1:
            raise SeqexpError(f"-o: {output.name} is the name of the data.", mend="Choose another name.")
    written = [path for path, content in contents.items() if not (path.is_file() and path.read_bytes() == content)]
    taken = [path for path in written if path.exists()]
    if taken and not force:
        raise SeqexpError(f"-o: {taken[0]} is there already, and is another.", mend="Replace it with --force.")
    try:
        for path in written:
            path.write_bytes(contents[path])
    except OSError as error:
        raise SeqexpError(f"-o: {error.filename} cannot be written: {error.strerror}.") from None
    return list(contents)
