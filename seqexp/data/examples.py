"""Windows that lie in no series: generated tasks with known answers, and files of ready windows.

Axis letters: W windows, T input steps, F features, N output steps, K targets, S rows of all examples end to end.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from seqexp.data.series import Series, feature_names
from seqexp.data.splits import SPLITS, Bounds, split_bounds
from seqexp.data.windows import WindowShape
from seqexp.errors import DataError
from seqexp.spec.data import DataSpec
from seqexp.spec.sources import AddingSource, AdditionSource, CopyMemorySource, WindowsSource

Array = np.ndarray[Any, np.dtype[Any]]
CHARACTERS = "0123456789+ "
SYMBOLS = 8
_BLANK, _SIGN = SYMBOLS, SYMBOLS + 1


def lay_out(spec: DataSpec, shape: WindowShape) -> Series:
    """Lay examples end to end, as a series whose windows are the examples.

    An example takes as many rows as its window spans; a row that is no part of its inputs or targets is NaN there.

    Raises:
        DataError: The lengths are not those of the task or of the file.
    """
    x_WTF, y_WNK = make_examples(spec, shape.timesteps, shape.output_length)
    span = span_of(shape)
    features_WSF = np.full((len(x_WTF), span, x_WTF.shape[2]), np.nan, np.float32)
    targets_WSK = np.full((len(y_WNK), span, y_WNK.shape[2]), np.nan, np.float32)
    features_WSF[:, : shape.timesteps] = x_WTF
    targets_WSK[:, shape.offset : shape.offset + shape.output_length] = y_WNK
    content = sha256()
    for array in (x_WTF, y_WNK):
        content.update(str(array.shape).encode())
        content.update(np.ascontiguousarray(array).data)
    names = tuple(f"x{f}" for f in range(x_WTF.shape[2])) if spec.features == "all" else feature_names(spec)
    return Series(
        features_TF=features_WSF.reshape(-1, x_WTF.shape[2]),
        targets_TK=targets_WSK.reshape(-1, y_WNK.shape[2]),
        observed_T=np.ones(len(x_WTF) * span, bool),
        stamps=None,
        frequency=None,
        season=1,
        year=None,
        feature_names=names,
        target_names=spec.targets,
        fingerprint=content.hexdigest(),
    )


def bounds_of_examples(spec: DataSpec, shape: WindowShape, n_rows: int) -> Bounds:
    """Return in which rows the examples of each split lie.

    Raises:
        DataError: A split has no example.
    """
    span = span_of(shape)
    examples = split_bounds(spec.split, n_rows // span)
    rows = [(span * examples.of(split)[0], span * examples.of(split)[1]) for split in SPLITS]
    return Bounds(*rows)


def span_of(shape: WindowShape) -> int:
    """Return how many rows an example takes."""
    return max(shape.timesteps, shape.offset + shape.output_length)


def make_examples(spec: DataSpec, timesteps: int, output_length: int) -> tuple[Array, Array]:
    """Return inputs ``(W, T, F)`` and targets ``(W, N, K)``, float32.

    Raises:
        DataError: The lengths are not those of the task or of the file, or the file cannot be read.
    """
    source = spec.source
    if isinstance(source, AddingSource):
        _check_lengths("the adding problem", timesteps, output_length, least=2, answers=1)
        return make_adding(source, timesteps)
    if isinstance(source, CopyMemorySource):
        _check_lengths("copy memory", timesteps, output_length, least=2 * source.length + 1, answers=source.length)
        return make_copy_memory(source, timesteps)
    if isinstance(source, AdditionSource):
        exactly = 2 * source.digits + 1
        _check_lengths("addition", timesteps, output_length, exactly=exactly, answers=source.digits + 1)
        return make_addition(source)
    if isinstance(source, WindowsSource):
        return read_windows(spec, timesteps, output_length)
    raise TypeError(f"{type(source).__name__} has no examples")


def make_adding(source: AddingSource, timesteps: int) -> tuple[Array, Array]:
    """Return random numbers beside marks, ``(W, T, 2)``, and the sum of the two that are marked, ``(W, 1, 1)``."""
    random = np.random.default_rng(source.seed)
    values_WT = random.random((source.examples, timesteps), np.float32)
    half = timesteps // 2
    marked_W2 = np.stack(
        [random.integers(0, half, source.examples), random.integers(half, timesteps, source.examples)], axis=1
    )
    marks_WT = np.zeros_like(values_WT)
    np.put_along_axis(marks_WT, marked_W2, 1.0, axis=1)
    sums_W = np.take_along_axis(values_WT, marked_W2, axis=1).sum(axis=1)
    return np.stack([values_WT, marks_WT], axis=-1), sums_W[:, None, None]


def make_copy_memory(source: CopyMemorySource, timesteps: int) -> tuple[Array, Array]:
    """Return symbols, blanks, a sign and blanks, one-hot ``(W, T, 10)``, and the symbols again, ``(W, length, 8)``."""
    random = np.random.default_rng(source.seed)
    symbols_WN = random.integers(0, SYMBOLS, (source.examples, source.length))
    tokens_WT = np.full((source.examples, timesteps), _BLANK)
    tokens_WT[:, : source.length] = symbols_WN
    tokens_WT[:, timesteps - source.length - 1] = _SIGN
    return _one_hot(tokens_WT, SYMBOLS + 2), _one_hot(symbols_WN, SYMBOLS)


def make_addition(source: AdditionSource) -> tuple[Array, Array]:
    """Return questions ``(W, 2 digits + 1, 12)`` and answers ``(W, digits + 1, 12)``, one-hot; none stands twice.

    Raises:
        DataError: There are not so many different questions.
    """
    digits = source.digits
    random = np.random.default_rng(source.seed)
    # As in Keras' example: numbers of one to three digits are equally frequent, and 3+5 is the same question as 5+3.
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    for _ in range(100):
        lengths_W2 = random.integers(1, digits + 1, (source.examples, 2))
        numbers_W2 = np.floor(random.random((source.examples, 2)) * 10.0**lengths_W2).astype(np.int64)
        for one, other in numbers_W2.tolist():
            seen.setdefault((min(one, other), max(one, other)), (one, other))
        if len(seen) >= source.examples:
            break
    else:
        message = f"there are not {source.examples:,} different sums of two numbers of up to {digits} digit(s)."
        raise DataError(message, key="data.source.addition.examples", mend="Ask for fewer, or for more digits.")
    pairs = list(seen.values())[: source.examples]
    width = 2 * digits + 1
    questions = [f"{one}+{other}".ljust(width)[:: -1 if source.reverse else 1] for one, other in pairs]
    answers = [str(one + other).ljust(digits + 1) for one, other in pairs]
    return _characters(questions), _characters(answers)


def read_windows(spec: DataSpec, timesteps: int, output_length: int) -> tuple[Array, Array]:
    """Read ``x`` and ``y`` of an NPZ file.

    Raises:
        DataError: It is missing, no NPZ, lacks an array, or its shapes are not those of the experiment.
    """
    x_WTF, y_WNK = _load(Path(spec.path or ""))
    wanted = {"x": (timesteps, spec.n_features), "y": (output_length, spec.n_targets)}
    for name, array in {"x": x_WTF, "y": y_WNK}.items():
        if array.ndim != 3 or array.shape[1:] != wanted[name]:
            steps, columns = wanted[name]
            key = "timesteps" if name == "x" else "output_length"
            message = f"{name} has the shape {array.shape}, and the experiment needs (windows, {steps}, {columns})."
            mend = f"Set {key} and the names of data.{'features' if name == 'x' else 'targets'} as the file has them."
            raise DataError(message, key=key, mend=mend)
        if not np.isfinite(array).all():
            raise DataError(f"{name} holds NaN or infinite values.", key="data.path", mend="Leave such windows out.")
    if len(x_WTF) != len(y_WNK):
        raise DataError(f"x has {len(x_WTF)} windows and y {len(y_WNK)}.", key="data.path")
    return x_WTF, y_WNK


def count_features(path: Path) -> int:
    """Return F of a file of ready windows.

    Raises:
        DataError: It cannot be read.
    """
    x_WTF = _load(path)[0]
    return int(x_WTF.shape[-1]) if x_WTF.ndim == 3 else 1


def _load(path: Path) -> tuple[Array, Array]:
    if not path.is_file():
        raise DataError(f"there is no file {path}.", key="data.path")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if absent := [name for name in ("x", "y") if name not in arrays]:
                there = ", ".join(arrays.files) or "nothing"
                message = f"{path.name} has no array {absent[0]!r}; it holds {there}."
                raise DataError(message, key="data.path", mend="Write it with np.savez(path, x=..., y=...).")
            return np.asarray(arrays["x"], np.float32), np.asarray(arrays["y"], np.float32)
    except (OSError, ValueError, TypeError, AttributeError, BadZipFile) as error:
        reason = str(error).strip().splitlines()[0]
        mend = "Write it with np.savez(path, x=..., y=...)."
        raise DataError(f"{path.name} is no NPZ of numbers: {reason}", key="data.path", mend=mend) from None


def _check_lengths(
    task: str, timesteps: int, output_length: int, *, answers: int, least: int = 0, exactly: int = 0
) -> None:
    if output_length != answers:
        message = f"{task} has {answers} step(s) of output, not {output_length}."
        raise DataError(message, key="output_length", mend=f"Write output_length={answers}, or change data.source.")
    if timesteps < least or (exactly and timesteps != exactly):
        needed = f"{exactly}" if exactly else f"{least} or more"
        message = f"{task} has {needed} steps of input, not {timesteps}."
        raise DataError(message, key="timesteps", mend=f"Write timesteps={exactly or least}, or change data.source.")


def _one_hot(tokens_WN: Array, size: int) -> Array:
    one_hot: Array = np.eye(size, dtype=np.float32)[tokens_WN]
    return one_hot


def _characters(texts: list[str]) -> Array:
    places = {character: place for place, character in enumerate(CHARACTERS)}
    return _one_hot(np.array([[places[character] for character in text] for text in texts]), len(CHARACTERS))
