"""Register own layers, losses and other parts: the decorators ``seqexp.layer``, ``seqexp.loss`` and their like.

Each takes a class or function under its own name, which YAML may then say wherever a name of that kind may stand.
Arguments are checked against its signature. The arguments that seqexp gives itself come first.

Axis letters: B batch, T steps, F features, N output steps, K targets, W windows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from seqexp.errors import PluginError
from seqexp.plugins.signature import arguments_of_signature, count_positional, takes_any_keyword
from seqexp.plugins.table import enter, find
from seqexp.spec.catalogue import arguments_of
from seqexp.spec.data import SCALERS
from seqexp.spec.sources import SOURCES

Entry = TypeVar("Entry", bound=Callable[..., Any])
_OF_KERAS = ("dtype", "name", "trainable", "activity_regularizer", "autocast")
#: Names that mean something already where scores and baselines are told. A test holds them against the code.
SCORES: tuple[str, ...] = (
    "mae",
    "rmse",
    "mse",
    "mape",
    "smape",
    "wape",
    "mase",
    "rmsse",
    "r2",
    "skill",
    "breakeven_step",
    "coverage",
)
SCORES += (
    "interval_width",
    "pinball",
    "accuracy",
    "exact_match",
    "cross_entropy",
    "loss",
    "scaled",
    "baseline",
    "step",
)
SCORES += ("series",)
BASELINES = ("persistence", "seasonal_naive", "year_before", "period_before", "drift", "mean", "linear", "majority")
_SECTIONS = {"layer": "layers", "loss": "losses", "function": "functions"}
_TAKEN: dict[str, Iterable[str]] = {"source": SOURCES, "scaler": SCALERS, "metric": SCORES, "baseline": BASELINES}


def layer(entry: Entry) -> Entry:
    """Register a subclass of ``keras.layers.Layer`` for ``topology.layers``.

    Its ``call`` takes what the layer before it gives. Keras saves it by the arguments of its ``__init__``: plain
    values, and ``**kwargs`` handed on to ``super().__init__``.
    """
    _check(entry, "layer", base="Layer")
    arguments = arguments_of_signature(entry, 0, _OF_KERAS)
    if takes_any_keyword(entry):
        arguments["name"] = {"kind": "text", "default": None}
        arguments["trainable"] = {"kind": "bool", "default": True}
    enter("layer", entry, arguments, _place())
    return entry


def loss(entry: Entry) -> Entry:
    """Register a loss for ``training.loss``: ``(y_true, y_pred)`` to the loss of each step, on scaled values.

    Both have the shape ``(B, N, K)``, or ``(B, K)`` of a topology that gives one step as a vector; the loss is that
    without the last axis. A subclass of ``keras.losses.Loss`` does the same in its ``call``.
    """
    if isinstance(entry, type):
        _check(entry, "loss", base="Loss")
        arguments = arguments_of_signature(entry, 0, ("reduction", "name", "dtype"))
    else:
        _check(entry, "loss", takes=("y_true", "y_pred"))
        arguments = arguments_of_signature(entry, 2)
    enter("loss", entry, arguments, _place())
    return entry


def metric(entry: Entry) -> Entry:
    """Register a score for ``evaluation.metrics``: ``(true_WNK, forecast_WNK)`` to a number.

    Both are NumPy arrays in source units; a true value that was not observed is NaN. It is scored on validation and
    test, for all steps and for each (then with N = 1), and of the baselines too. A score that is not finite is left
    out.
    """
    _check(entry, "metric", takes=("true_WNK", "forecast_WNK"), is_class=False)
    enter("metric", entry, arguments_of_signature(entry, 2), _place())
    return entry


def function(entry: Entry) -> Entry:
    """Register a function for the layer ``Lambda``: a batch of sequences ``(B, T, F)`` to another tensor."""
    _check(entry, "function", takes=("x_BTF",), is_class=False)
    enter("function", entry, arguments_of_signature(entry, 1), _place())
    return entry


def source(entry: Entry) -> Entry:
    """Register a source of data for ``data.source``: arguments to a ``pandas.DataFrame``, the rows in time order.

    It stands in the place of a file: the keys of ``data`` say which columns are time, targets and features. The same
    arguments must give the same table, for a sweep reads it in every worker.
    """
    _check(entry, "source", takes=(), is_class=False)
    enter("source", entry, arguments_of_signature(entry, 0), _place())
    return entry


def scaler(entry: Entry) -> Entry:
    """Register a scaler for ``data.scaler``: the values ``(T,)`` of a column to ``(center, scale)``.

    A value becomes ``(value - center) / scale``. The values are those of the training split that were observed. A class
    does the same in a method ``fit(values_T)``; its arguments are those of ``__init__``.
    """
    if isinstance(entry, type):
        if not callable(getattr(entry, "fit", None)):
            raise PluginError(f"the scaler {entry.__name__} has no method fit(values_T).", mend=_place())
        _check(entry, "scaler")
        arguments = arguments_of_signature(entry, 0)
    else:
        _check(entry, "scaler", takes=("values_T",))
        arguments = arguments_of_signature(entry, 1)
    enter("scaler", entry, arguments, _place())
    return entry


def baseline(entry: Entry) -> Entry:
    """Register a baseline for ``evaluation.baselines``: ``(history, first_W)`` to forecasts ``(W, N, K)``.

    As in seqexp/evaluation/baselines.py: ``history.values_at`` gives what was known at an origin, ``first_W`` is the
    first target step of every window; None where it cannot forecast all of them. ``seqexp check --leakage`` shows
    whether it reads what it may not.
    """
    _check(entry, "baseline", takes=("history", "first_W"), is_class=False)
    enter("baseline", entry, arguments_of_signature(entry, 2), _place())
    return entry


def _check(
    entry: Any, kind: str, *, base: str = "", takes: tuple[str, ...] | None = None, is_class: bool = True
) -> None:
    """Hold an object against what its kind must be.

    Raises:
        PluginError: It is something else, or has a name that is taken.
    """
    name, place = getattr(entry, "__name__", ""), _place()
    if not callable(entry) or not name.isidentifier():
        message = f"{place}: @seqexp.{kind} registers a named class or function, not {name or type(entry).__name__}."
        raise PluginError(message, mend=f"Write @seqexp.{kind} on the line above it, without brackets.")
    if isinstance(entry, type) and not is_class:
        mend = f"def {name}({', '.join(takes or ())})"
        raise PluginError(f"{place}: the {kind} {name} is a class, and a function is expected.", mend=mend)
    if base and not _is_kind_of_keras(entry, base):
        wanted = f"keras.{'layers' if base == 'Layer' else 'losses'}.{base}"
        raise PluginError(f"{place}: the {kind} {name} is no subclass of {wanted}.", mend=f"class {name}({wanted})")
    if takes is not None:
        room = count_positional(entry)
        if room is not None and room < len(takes):
            message = f"{place}: the {kind} {name} takes {room} argument(s), and is given {', '.join(takes)}."
            raise PluginError(message, mend=f"def {name}({', '.join(takes)})")
    section = _SECTIONS.get(kind)
    known = section is not None and find(kind, name) is None and arguments_of(section, name) is not None
    if known or name in _TAKEN.get(kind, ()):
        owner = "of Keras or seqexp" if kind in _SECTIONS else "of seqexp's own"
        raise PluginError(f"{place}: {name!r} is a {kind} {owner} already.", mend="Give it another name.")


def _is_kind_of_keras(entry: Any, base: str) -> bool:
    """Say whether something is a subclass of one of Keras' classes, without importing Keras."""
    ancestors = entry.__mro__ if isinstance(entry, type) else ()
    return any(found.__name__ == base and found.__module__.split(".")[0] == "keras" for found in ancestors)


def _place() -> str:
    """Return file and line of what called the decorator."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") == __name__ and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
