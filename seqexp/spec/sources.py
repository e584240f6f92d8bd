"""Where the series of an experiment comes from: a file, a generated series, examples that lie in no series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from seqexp.errors import Problem, suggest
from seqexp.spec.base import Frozen
from seqexp.spec.catalogue import arguments_of, known_names
from seqexp.spec.parts import PartErrors, or_your_own, problems_of_part, shown, split_part, with_floats


class SineSource(Frozen):
    """A generated series: two sines, a trend and noise, always the same for the same arguments."""

    length: Annotated[int, Field(ge=10, le=1_000_000)] = 1_200
    period: Annotated[int, Field(ge=2)] = 24
    noise: Annotated[float, Field(ge=0)] = 0.1
    trend: float = 0.0
    seed: Annotated[int, Field(ge=0)] = 0


class TableSource(Frozen):
    """A CSV or Parquet file, by ``data.path``."""


class DatasetSource(Frozen):
    """A file that ships with seqexp."""

    file: Literal["household_power_daily.csv", "co2_weekly.csv"]


_Examples = Annotated[int, Field(ge=10, le=1_000_000)]
_Seed = Annotated[int, Field(ge=0)]


class AddingSource(Frozen):
    """The adding problem: two of T random numbers are marked, and their sum is asked for.

    Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, https://doi.org/10.1162/neco.1997.9.8.1735, in the form
    of Bai, Kolter and Koltun, 2018, https://arxiv.org/abs/1803.01271: one mark in each half.
    """

    examples: _Examples = 10_000
    seed: _Seed = 0


class CopyMemorySource(Frozen):
    """Copy memory: symbols, a long pause, a sign, and then the symbols are to be said again.

    Arjovsky, Shah and Bengio, 2016, https://arxiv.org/abs/1511.06464, in the form of Bai, Kolter and Koltun, 2018:
    eight symbols, a blank and the sign, one-hot; the last ``length`` input steps are blanks.
    """

    length: Annotated[int, Field(ge=1, le=1000)] = 10
    examples: _Examples = 10_000
    seed: _Seed = 0


class AdditionSource(Frozen):
    """Sums of two whole numbers as characters, one-hot: ``535+61 `` to ``596 ``; the question is read backwards.

    Sutskever, Vinyals and Le, 2014, https://arxiv.org/abs/1409.3215, in the form of Keras' example.
    """

    digits: Annotated[int, Field(ge=1, le=9)] = 3
    examples: _Examples = 50_000
    reverse: bool = True
    seed: _Seed = 0


class WindowsSource(Frozen):
    """A file of ready windows, by ``data.path``: an NPZ with ``x`` (windows, T, F) and ``y`` (windows, N, K)."""


class OwnSource(Frozen):
    """A function of a user's that gives a table."""

    name: str
    args: dict[str, Any]


SOURCES: dict[str, type[Frozen]] = {"table": TableSource, "dataset": DatasetSource, "sine": SineSource}
SOURCES |= {"adding": AddingSource, "copy_memory": CopyMemorySource, "addition": AdditionSource}
SOURCES |= {"windows": WindowsSource}
Source = SineSource | TableSource | DatasetSource | AddingSource | CopyMemorySource | AdditionSource | WindowsSource
Source |= OwnSource


def lengths_of_task(name: str, args: Mapping[str, Any], timesteps: int) -> dict[str, int]:
    """Return the lengths that a generated task leaves no choice of, given the T that would be used otherwise.

    >>> lengths_of_task("addition", {"digits": 3}, 14), lengths_of_task("adding", {}, 14)
    ({'timesteps': 7, 'output_length': 4}, {'output_length': 1})
    """
    size = args.get("digits" if name == "addition" else "length", 3 if name == "addition" else 10)
    if name == "adding" or not isinstance(size, int):
        return {"output_length": 1} if name == "adding" else {}
    if name == "addition":
        return {"timesteps": 2 * size + 1, "output_length": size + 1}
    if name == "copy_memory":
        return {"timesteps": max(timesteps, 2 * size + 1), "output_length": size}
    return {}


READ_A_FILE = ("table", "windows")  # data.path
EXAMPLES = (AddingSource, CopyMemorySource, AdditionSource, WindowsSource)  # windows that lie in no series
TOKENS = ("copy_memory", "addition")  # whose targets are one-hot
TOKEN_LOSS = {"CategoricalCrossentropy": {"from_logits": True}}


def read_source(value: Any) -> Any:
    """Return the source that a name, or a name with arguments, stands for.

    Raises:
        PartErrors: There is no such source, or an argument is wrong.
    """
    if isinstance(value, Frozen):
        return value
    found = split_part(value)
    if found is None:
        raise PartErrors([Problem(f"expected a source or {{source: {{arguments}}}}, got {shown(value)}.")])
    name, args = found
    if name not in SOURCES:
        own = arguments_of("sources", name)
        if own is None:
            mend = or_your_own(suggest(name, [*known_names("sources"), *SOURCES]))
            raise PartErrors([Problem(f"there is no source {name!r}.", mend=mend)])
        if problems := list(problems_of_part(value, "sources")):
            raise PartErrors(problems)
        return OwnSource(name=name, args=with_floats(args, own))
    try:
        return SOURCES[name].model_validate(args)
    except ValidationError as error:
        raise PartErrors([_source_problem(name, detail) for detail in error.errors(include_url=False)]) from None


def _source_problem(name: str, detail: Any) -> Problem:
    key = ".".join([name, *map(str, detail["loc"])])
    if detail["type"] == "extra_forbidden":
        return Problem("unknown key.", key, mend=suggest(detail["loc"][-1], SOURCES[name].model_fields))
    message = detail["msg"].replace("Input should be", "expected").replace("Field required", "is missing")
    return Problem(f"{message}, got {shown(detail['input'])}.", key)


def source_name(source: Frozen) -> str:
    """Return the word that stands for a source in YAML."""
    if isinstance(source, OwnSource):
        return source.name
    return next(name for name, kind in SOURCES.items() if type(source) is kind)


def write_source(source: Frozen) -> Any:
    """Return a source as YAML states it."""
    args = source.args if isinstance(source, OwnSource) else source.model_dump()
    return {source_name(source): args} if args else source_name(source)
