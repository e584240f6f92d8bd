"""The part of a script on heads that say how sure they are: their loss, and the quantiles of their forecasts."""

from __future__ import annotations

from collections.abc import Iterator

from seqexp.spec.topology import LEAST_DEVIATION
from seqexp.workflows.explain.code import comment, listed, statement
from seqexp.workflows.explain.scope import Subject

_LOSSES = {"quantiles": ("pinball", "Pinball"), "gaussian": ("gaussian_nll", "GaussianNLL")}
_PINBALL = [
    '"""The quantile loss: a forecast that is too low costs its level, one that is too high what is left to 1."""',
]
_GAUSSIAN = [
    '"""The negative log-likelihood of a normal distribution: for each target, its mean and (softplus) deviation."""',
    f"mean, deviation = y_pred[..., 0::2], keras.ops.softplus(y_pred[..., 1::2]) + {LEAST_DEVIATION}",
    "distance = (y_true - mean) / deviation",
    "likelihood = keras.ops.log(deviation) + 0.5 * keras.ops.square(distance) + 0.5 * math.log(2 * math.pi)",
    "return keras.ops.mean(likelihood, axis=-1)",
]


def quantiles_constant(subject: Subject) -> str:
    """Return the line that names the levels; empty for a point."""
    topology = subject.spec.topology
    if topology.head == "point":
        return ""
    given = "it gives of each target" if topology.head == "quantiles" else "are told of the distribution it gives"
    line = statement("QUANTILES = ", listed(map(repr, topology.quantiles)))
    told = comment(f"The levels that {given}; the median is the point forecast.")
    return f"{told}\n{line}"


def head_loss_name(subject: Subject) -> str:
    """Return what the model is compiled with."""
    function, name = _LOSSES[subject.spec.topology.head]
    # The mean is taken over the steps that weigh something, which Keras lets a class choose alone.
    return f'{name}(reduction="mean_with_sample_weight")' if subject.is_filled else function


def head_loss_block(subject: Subject) -> str:
    """Return the loss of a head; empty for a point, which Keras has losses for."""
    head = subject.spec.topology.head
    if head == "point":
        return ""
    function, name = _LOSSES[head]
    said, *lines = _GAUSSIAN if head == "gaussian" else [*_PINBALL, *_pinball_lines(subject)]
    if not subject.is_filled:
        return "\n".join([f"def {function}(y_true, y_pred):", *(f"    {line}" for line in (said, *lines))])
    return "\n".join(
        [
            f"class {name}(keras.losses.Loss):",
            f"    {said}",
            "",
            "    def call(self, y_true, y_pred):",
            *(f"        {line}" for line in lines),
        ]
    )


def _pinball_lines(subject: Subject) -> Iterator[str]:
    if subject.spec.data.n_targets == 1:
        yield "error = y_true - y_pred  # one true value, and all levels of it"
        yield 'levels = np.array(QUANTILES, "float32")'
    else:
        yield "error = keras.ops.repeat(y_true, len(QUANTILES), axis=-1) - y_pred  # of each target, all levels"
        yield f'levels = np.tile(np.array(QUANTILES, "float32"), {subject.targets_written})'
    yield "return keras.ops.mean(keras.ops.maximum(levels * error, (levels - 1) * error), axis=-1)"


def shaped_lines(subject: Subject) -> Iterator[str]:
    """Yield the lines from what the model gives to ``given``: points, or quantiles with an axis of levels in front."""
    head = subject.spec.topology.head
    shape = f"-1, OUTPUT_LENGTH, {subject.targets_written}"
    if head == "point":
        yield f'given = given.reshape({shape}).astype("float64")'
    elif head == "quantiles":
        yield f'given = given.reshape({shape}, len(QUANTILES)).astype("float64")'
        yield "given = np.moveaxis(np.sort(given, axis=-1), -1, 0)  # sorted, for a network may cross them"
    else:
        yield f'given = given.reshape({shape}, 2).astype("float64")'
        yield f"mean, deviation = given[..., 0], np.logaddexp(0, given[..., 1]) + {LEAST_DEVIATION}  # a softplus"
        yield "given = np.stack([mean + deviation * NormalDist().inv_cdf(level) for level in QUANTILES])"
