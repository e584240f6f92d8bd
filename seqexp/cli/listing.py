"""Tables of what there is: config groups, Keras' layers, studies, runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from seqexp.cli.screen import make_table, number, results
from seqexp.errors import ConfigError, suggest
from seqexp.own_process import without_collection
from seqexp.plugins.table import known
from seqexp.spec.base import Frozen
from seqexp.spec.catalogue import NOUNS, OWN_KINDS, arguments_of, known_names, load_catalogue
from seqexp.spec.data import SCALERS
from seqexp.spec.own_code import BASELINES
from seqexp.spec.sources import SOURCES
from seqexp.workflows.project import Project

if TYPE_CHECKING:
    from seqexp.store.run_dir import StoredRun

_OF_AN_ID = 12  # characters of an MLflow run id, which is long
_WITH_CODE = ("layers", "functions", "losses", "metrics", "sources", "scalers", "baselines")


def print_list(project: Project, kind: str | None, name: str | None, last: int) -> None:
    """Print one list, of runs so many; or the short ones one after another."""
    console = results()
    if kind in _WITH_CODE or name is not None:
        project.load_code()
    if name is not None:
        _print_arguments(console, kind or "layers", name)
        return
    printers: dict[str, Callable[[], None]] = {
        "topologies": lambda: _print_group(console, project, "topology"),
        "data": lambda: _print_group(console, project, "data"),
        "optimizers": lambda: _print_optimizers(console, project),
        **{word: partial(_print_catalogue, console, word) for word in _WITH_CODE},
        "studies": lambda: _print_studies(console, project),
        "runs": lambda: _print_runs(console, project, last),
    }
    chosen = [kind] if kind else ["topologies", "data", "optimizers", "functions", "studies"]
    for position, word in enumerate(chosen):
        if position:
            console.print()
        printers[word]()


def _print_group(console: Console, project: Project, group: str) -> None:
    rows = [
        (name, " ".join(_first_comment(project.groups.file_of(group, name)))) for name in project.groups.options(group)
    ]
    console.print(make_table((group, "what it is"), rows))


def _print_optimizers(console: Console, project: Project) -> None:
    _print_group(console, project, "optimizer")
    names = ", ".join(load_catalogue()["optimizers"])
    console.print(f"\nAny of Keras' by name, as optimizer.name=...: {names}", soft_wrap=True)


def _print_catalogue(console: Console, section: str) -> None:
    """Print what there is of a kind, a user's own first, with the place where it stands."""
    own = {part.name: part for kind in _own_kinds(section) for part in known(kind).values()}
    entries = {name: part.arguments for name, part in own.items()} | _shipped(section)
    rows = [(name, ", ".join(_shown_arguments(arguments))) for name, arguments in entries.items()]
    header = (section, "arguments (those without a value are needed)")
    if not own:
        console.print(make_table(header, rows))
        return
    marked = [(*row, "your own" if row[0] in own else "") for row in rows]
    console.print(make_table((*header, ""), marked))
    for name, part in own.items():  # a path has no room in a column
        console.print(f"{name} is your own: {part.place}", soft_wrap=True, markup=False)


def _own_kinds(section: str) -> list[str]:
    """Return what is registered that belongs in a list; own metrics are seqexp's scores, beside Keras' metrics."""
    return [OWN_KINDS["scores" if section == "metrics" else section]]


def _shipped(section: str) -> dict[str, Any]:
    """Return name -> arguments of what comes with Keras and seqexp."""
    if section == "sources":
        return {name: _arguments_of_source(source) for name, source in SOURCES.items()}
    names = {"scalers": SCALERS, "baselines": BASELINES}.get(section)
    return load_catalogue()[section] if names is None else {name: {} for name in names}


def _arguments_of_source(source: type[Frozen]) -> dict[str, Any]:
    return {
        name: {} if field.is_required() else {"default": field.default} for name, field in source.model_fields.items()
    }


def _shown_arguments(arguments: dict[str, Any]) -> Iterator[str]:
    needed = [name for name, described in arguments.items() if "default" not in described]
    yield from needed
    for name, described in arguments.items():
        regular = not name.endswith(("_constraint", "_regularizer", "_initializer")) and name not in {
            "name",
            "trainable",
        }
        if name not in needed and regular:
            yield f"{name}={described['default']}"


def _print_arguments(console: Console, section: str, name: str) -> None:
    if section not in NOUNS:
        raise ConfigError(f"{section} have no arguments to list.", mend="Try seqexp list layers LSTM.")
    arguments = arguments_of(section, name)
    if arguments is None and section == "metrics":
        arguments = arguments_of("scores", name)
    if arguments is None:
        raise ConfigError(f"There is no {name!r} among the {section}.", mend=suggest(name, known_names(section)))
    rows = [(key, described["kind"], described.get("default", "(needed)")) for key, described in arguments.items()]
    console.print(make_table((name, "kind", "default"), rows))


def _print_studies(console: Console, project: Project) -> None:
    from seqexp.compose.study import find_study, read_study, study_names

    rows = [
        (name, read_study(path, project.groups).spec.question) for name in study_names() if (path := find_study(name))
    ]
    console.print(make_table(("study", "question"), rows))


@without_collection()  # of thousands of records
def _print_runs(console: Console, project: Project, last: int) -> None:
    from seqexp.store.find_runs import list_runs
    from seqexp.workflows.reading.labels import what_differs

    runs = list(list_runs(project.runs))
    shown = runs[-last:]
    told = [_rerun_of(run) for run in shown]
    rows = [
        (
            run.path.name,
            *([of] if any(told) else []),
            run.record.name,
            f"{run.record.title} {differs}".rstrip(),
            run.record.status,
            number(run.record.metrics.get("val/mae")),
            number(run.record.metrics.get("test/mae")),
            datetime.fromtimestamp(run.record.started).strftime("%Y-%m-%d %H:%M"),
        )
        for run, of, differs in zip(shown, told, what_differs(shown), strict=True)
    ]
    if not rows:
        console.print(f"No runs yet in {project.runs}. Make one: seqexp run")
        return
    columns = ("run", *(["rerun of"] if any(told) else []), "name", "experiment", "status", "val mae", "test mae")
    console.print(make_table((*columns, "started"), rows, whole=1))
    if len(runs) > last:
        console.print(f"\nThe last {last} of {len(runs):,} runs; --last {len(runs)} shows them all.")


def _rerun_of(run: StoredRun) -> str:
    """Say in short what a run repeats: an attempt at the same run by its number, another run by its name."""
    key, _, attempt = run.record.rerun_of.rpartition("-")
    if key == run.record.run_key:
        return f"attempt {attempt}"
    return run.record.rerun_of if key else run.record.rerun_of[:_OF_AN_ID]


def _first_comment(path: Path) -> list[str]:
    """Return the comment at the head of a file, up to its first full stop at a line's end."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return lines
