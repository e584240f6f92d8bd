"""The functions of a script that make the examples of tasks with known answers; those of seqexp/data/examples.py."""

from __future__ import annotations

from seqexp.data.examples import CHARACTERS, SYMBOLS
from seqexp.spec.sources import AddingSource, AdditionSource, CopyMemorySource
from seqexp.workflows.explain.code import Group, call

_ADDING = '''def make_adding(examples, timesteps, seed):
    """Return numbers beside marks, (examples, timesteps, 2), and the sum of the two that are marked."""
    random = np.random.default_rng(seed)
    values = random.random((examples, timesteps), np.float32)
    half = timesteps // 2
    places = random.integers(0, half, examples), random.integers(half, timesteps, examples)
    marked = np.stack(places, axis=1)
    marks = np.zeros_like(values)
    np.put_along_axis(marks, marked, 1.0, axis=1)
    sums = np.take_along_axis(values, marked, axis=1).sum(axis=1)
    return np.stack([values, marks], axis=-1), sums[:, None, None]'''
_COPY_MEMORY = f'''def make_copy_memory(examples, timesteps, length, seed):
    """Return symbols, a pause, a sign and room to answer, one-hot; and the symbols, which are to be said again."""
    symbols = np.random.default_rng(seed).integers(0, {SYMBOLS}, (examples, length))
    blank, sign = {SYMBOLS}, {SYMBOLS + 1}  # the tokens behind the symbols
    tokens = np.full((examples, timesteps), blank)
    tokens[:, :length] = symbols
    tokens[:, timesteps - length - 1] = sign
    return np.eye({SYMBOLS + 2}, dtype="float32")[tokens], np.eye({SYMBOLS}, dtype="float32")[symbols]'''
_ONE_HOT = '''def one_hot(texts):
    """Turn texts of one length into an array: (texts, length, len(CHARACTERS))."""
    places = [[CHARACTERS.index(character) for character in text] for text in texts]
    return np.eye(len(CHARACTERS), dtype="float32")[np.array(places)]'''
_ADDITION = '''def make_addition(examples, digits, seed):
    """Return questions such as 535+61 and their answers, padded with blanks, one-hot; no question stands twice."""
    random = np.random.default_rng(seed)
    sums = {{}}
    while len(sums) < examples:
        # Numbers of one digit are as frequent as those of more, and 3+5 is the same question as 5+3.
        lengths = random.integers(1, digits + 1, (examples, 2))
        numbers = np.floor(random.random((examples, 2)) * 10.0**lengths).astype(int)
        for one, other in numbers.tolist():
            sums.setdefault((min(one, other), max(one, other)), (one, other))
    pairs = list(sums.values())[:examples]
    {questions}
    answers = [str(one + other).ljust(digits + 1) for one, other in pairs]
    return one_hot(questions), one_hot(answers)'''
_QUESTIONS = 'questions = [f"{one}+{other}".ljust(2 * digits + 1) for one, other in pairs]'
_REVERSED = 'questions = [f"{one}+{other}".ljust(2 * digits + 1)[::-1] for one, other in pairs]  # read backwards'

Task = AddingSource | CopyMemorySource | AdditionSource


def task_constant(source: object) -> str:
    """Return the line that names the characters of a task; empty for those without."""
    return f'CHARACTERS = "{CHARACTERS}"' if isinstance(source, AdditionSource) else ""


def task_functions(task: Task) -> list[str]:
    """Return the functions that make the examples of a task."""
    if isinstance(task, AddingSource):
        return [_ADDING]
    if isinstance(task, CopyMemorySource):
        return [_COPY_MEMORY]
    return [_ONE_HOT, _ADDITION.format(questions=_REVERSED if task.reverse else _QUESTIONS)]


def task_call(task: Task) -> Group:
    """Return the call that makes them."""
    given = {"examples": repr(task.examples)}
    if isinstance(task, AdditionSource):
        return call("make_addition", **given, digits=repr(task.digits), seed=repr(task.seed))
    given["timesteps"] = "TIMESTEPS"
    if isinstance(task, AddingSource):
        return call("make_adding", **given, seed=repr(task.seed))
    return call("make_copy_memory", **given, length="OUTPUT_LENGTH", seed=repr(task.seed))
