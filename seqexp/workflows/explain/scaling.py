"""The part of a script that scales, with statistics of the training rows alone."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.plugins.table import find
from seqexp.spec.parts import Part
from seqexp.workflows.explain.code import call, comment, flat, stacked, value
from seqexp.workflows.explain.scope import Subject

_STATISTICS = {
    "standard": ("{rows}.mean()", "{rows}.std(ddof=0)"),
    "minmax": ("{rows}.min()", "{rows}.max() - {rows}.min()"),
    "robust": ("{rows}.median()", "{rows}.quantile(0.75) - {rows}.quantile(0.25)"),
}
_SCALED_WITH = {
    "standard": "the mean and the standard deviation",
    "minmax": "the lowest and the highest value",
    "robust": "the median and the distance between the quartiles",
}


def scaling_block(subject: Subject) -> str:
    """Return the code from ``series`` to ``inputs`` and ``targets``, scaled, and ``truth``."""
    return stacked(list(_scaling_lines(subject)))


def _scaling_lines(subject: Subject) -> Iterator[str]:
    kind = subject.spec.data.scaler
    if kind == "none":
        yield comment("Nothing is scaled (data.scaler=none).")
        yield 'inputs = series[FEATURES].to_numpy("float32")'
        yield 'targets = series[TARGETS].to_numpy("float32")'
    else:
        told = f"Scaled with {scaled_with(kind)} of the training rows alone: of the future, nothing is known yet."
        yield comment(told)
        if not subject.has_whole_truth:
            yield from _statistics(subject, "", "series[FEATURES].iloc[train_rows]")
            yield comment("For the targets only what was observed counts.")
            yield from _statistics(subject, "target_", f"{_observed(subject)}.iloc[train_rows]")
            yield 'inputs = ((series[FEATURES] - center) / scale).to_numpy("float32")'
            yield 'targets = ((series[TARGETS] - target_center) / target_scale).to_numpy("float32")'
        else:
            yield from _statistics(subject, "", "series.iloc[train_rows]")
            yield 'scaled = ((series - center) / scale).astype("float32")'
            yield "inputs, targets = scaled[FEATURES].to_numpy(), scaled[TARGETS].to_numpy()"
    if subject.reads_ahead:
        yield comment("The columns that the model also reads at the steps that it forecasts.")
        yield "ahead = inputs[:, [FEATURES.index(name) for name in KNOWN_AHEAD]]"
    if subject.is_filled:
        yield comment("A step with a filled target weighs nothing.")
        yield 'weights = truth.notna().all(axis=1).to_numpy("float32")'
    if not subject.has_whole_truth:
        each = ".groupby(which)" if subject.is_several else ""
        yield f"last_known = truth{each}.ffill().to_numpy()  # at each step the last value observed up to it"
        yield "truth = truth.to_numpy()"
    elif not subject.dataset.transform.steps:
        yield "truth = series[TARGETS].to_numpy()"


def _statistics(subject: Subject, prefix: str, rows: str) -> Iterator[str]:
    kind = subject.spec.data.scaler
    yield f"rows = {rows}"
    if isinstance(kind, Part):
        fitted = own_scaler(kind, "rows[name].dropna().to_numpy()")
        yield f"fitted = pd.DataFrame({{name: {fitted} for name in rows}})"
        center, scale = "fitted.iloc[0]", "fitted.iloc[1]"
    else:
        center, scale = (pattern.format(rows="rows") for pattern in _STATISTICS[kind])
    yield f"{prefix}center, {prefix}scale = {center}, {scale}"
    scalers = (subject.dataset.feature_scaler, subject.dataset.target_scaler)
    if any((scaler.scale_F == 1.0).any() for scaler in scalers):
        yield comment("A column that never changes is only centred.")
        yield f"{prefix}scale = {prefix}scale.where({prefix}scale > 1e-12 * {prefix}center.abs(), 1.0)"


def scaled_with(kind: str | Part) -> str:
    """Return what is scaled with, in words."""
    return "center and scale" if isinstance(kind, Part) else _SCALED_WITH[kind]


def own_scaler(part: Part, values: str) -> str:
    """Return the call of a user's own scaler: center and scale of some values."""
    own = find("scaler", part.name)
    args = {key: value(given) for key, given in part.args.items()}
    if own is not None and isinstance(own.entry, type):
        return f"{flat(call(part.name, **args))}.fit({values})"
    return flat(call(part.name, values, **args))


def split_words(subject: Subject, whole: str) -> str:
    """Return how a whole is split: ``0.7, 0.15 and 0.15 (shares) of 1,440 rows``."""
    split = subject.spec.data.split
    kind = {float: "shares", int: "numbers", str: "last dates"}[type(split.train)]
    return f"{split.train}, {split.validation} and {split.test} ({kind}) of {whole}"


def _observed(subject: Subject) -> str:
    """Return the expression of what was observed of the targets, as the model sees them."""
    return "series[TARGETS].where(truth.notna())" if subject.dataset.transform.steps else "truth"
