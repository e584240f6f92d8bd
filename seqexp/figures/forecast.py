"""A picture of what a run forecast, beside what came and beside the baselines.

Axis letters: W windows, N output steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_FAST = {"compress_level": 1}  # about half of the time for a tenth more bytes
_MODEL, _TRUE, _NAIVE = "#0b6e99", "#222222", "#b8b8b8"


def draw_forecast(
    path: Path,
    *,
    title: str,
    target: str,
    steps_WN: Array,
    true_WN: Array,
    forecast_WN: Array,
    step_errors: Mapping[str, Sequence[float]],
    interval_WN: tuple[Array, ...] | None = None,
    metric: str = "MAE",
) -> None:
    """Draw a run's test forecasts of one target and its error along the horizon.

    Above: the last windows of the test split that do not overlap, in source units. Below: the error for each step of
    the horizon, the model's and the baselines'.

    Args:
        path: The PNG to write.
        title: Over the picture.
        target: The name of the target, at the axis.
        steps_WN: The time or position of every target.
        true_WN: What came.
        forecast_WN: What the model said.
        step_errors: Name -> one error for each step; the first is the model's.
        interval_WN: The lower and the upper ends of intervals, where there are any.
        metric: What the errors are, at the axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=110)
    figure.subplots_adjust(left=0.09, right=0.985, top=0.94, bottom=0.09, hspace=0.27)  # a layout engine draws it twice
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=[3, 2])
    length = true_WN.shape[1]
    chosen = _apart(len(true_WN), steps_WN, most=max(60 // length, 4))
    for order, w in enumerate(chosen):
        style = {"marker": "o", "markersize": 3} if length <= 7 else {}
        if interval_WN is not None:
            lower_N, upper_N = (ends_WN[w] for ends_WN in interval_WN)
            label = "interval" if not order else None
            above.fill_between(steps_WN[w], lower_N, upper_N, color=_MODEL, alpha=0.15, linewidth=0, label=label)
        above.plot(steps_WN[w], true_WN[w], color=_TRUE, linewidth=1, label="observed" if not order else None, **style)
        above.plot(
            steps_WN[w], forecast_WN[w], color=_MODEL, linewidth=2, label="forecast" if not order else None, **style
        )
    above.set_title(title, loc="left", fontsize=11, y=1.0)  # without y it is placed anew, by all ticks, at each drawing
    above.set_ylabel(target)
    above.legend(frameon=False, ncols=3, loc="upper right")
    if np.issubdtype(steps_WN.dtype, np.datetime64):
        above.xaxis.set_major_formatter(ConciseDateFormatter(above.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    _draw_steps(below, step_errors, f"test {metric}")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, pil_kwargs=_FAST)


def draw_steps(path: Path, *, title: str, step_scores: Mapping[str, Sequence[float]], metric: str) -> None:
    """Draw a score along the horizon alone, for targets that make no line: name -> one value for each step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), dpi=110)
    figure.subplots_adjust(left=0.09, right=0.985, top=0.84, bottom=0.14)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    figure.suptitle(title, x=0.09, ha="left", fontsize=11)
    _draw_steps(axes, step_scores, f"test {metric}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, pil_kwargs=_FAST)


def _draw_steps(axes: Any, step_scores: Mapping[str, Sequence[float]], label: str) -> None:
    for order, (name, scores) in enumerate(step_scores.items()):
        color, width = (_MODEL, 2) if not order else (_NAIVE, 1.5)
        line = ("-", "-", "--", ":")[min(order, 3)]
        horizon = np.arange(1, len(scores) + 1)
        axes.plot(horizon, scores, color=color, linewidth=width, linestyle=line, marker="o", markersize=3, label=name)
    axes.set_xlabel("step of the horizon")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 0.98), borderaxespad=0)


def _apart(windows: int, steps_WN: Array, most: int) -> list[int]:
    """Return the last windows whose targets do not overlap, at most so many, in order."""
    chosen: list[int] = []
    for w in range(windows - 1, -1, -1):
        if not chosen or steps_WN[w, -1] < steps_WN[chosen[-1], 0]:
            chosen.append(w)
        if len(chosen) == most:
            break
    return chosen[::-1]
