"""A whole dataset: windows per split, filled and missing targets, and nothing learnt from later rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqexp.data.dataset import Dataset, prepare_dataset, task_key
from seqexp.errors import DataError
from seqexp.spec.experiment import ExperimentSpec

Compose = Callable[..., ExperimentSpec]
Write = Callable[[str, str], Path]
N_ROWS = 100
TABLE = ["data=table", "data.targets=[v]", "data.features=[o]"]
ROWS = [[float((7 * row) % 31), float((row * row) % 53)] for row in range(N_ROWS)]


def _text(rows: list[list[float]]) -> str:
    lines = [",".join("" if np.isnan(value) else repr(value) for value in row) for row in rows]
    return "\n".join(["v,o", *lines]) + "\n"


def _changed(changes: dict[int, list[float]]) -> list[list[float]]:
    return [changes.get(row, values) for row, values in enumerate(ROWS)]


@pytest.fixture
def dataset_of(compose: Compose, write: Write) -> Callable[..., Dataset]:
    def prepare(rows: list[list[float]], *overrides: str, file: str = "t.csv") -> Dataset:
        write(file, _text(rows))
        lengths = ["timesteps=5", "output_length=3"]
        return prepare_dataset(compose(*TABLE, f"data.path={file}", *lengths, *overrides))

    return prepare


@pytest.mark.parametrize("alignment", ["future", "next", "same"])
@pytest.mark.parametrize("timesteps", [3, 5, 14])
def test_every_later_split_has_n_minus_length_plus_one_windows(
    alignment: str, timesteps: int, dataset_of: Callable[..., Dataset]
) -> None:
    dataset = dataset_of(ROWS, f"timesteps={timesteps}", f"topology.contract.alignment={alignment}")
    assert dataset.bounds.test == (85, 100)
    assert len(dataset.starts["test"]) == len(dataset.starts["validation"]) == 15 - 3 + 1
    assert dataset.target_starts("test").tolist() == list(range(85, 98))
    assert dataset.target_starts("validation").tolist() == list(range(70, 83))
    history = {"future": timesteps, "next": timesteps - 2, "same": timesteps - 3}[alignment]
    assert dataset.target_starts("train").tolist() == list(range(history, 68))


def test_strides_space_training_and_evaluation_apart(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of(ROWS, "training.stride=4", "evaluation.origins.every=7")
    assert dataset.target_starts("train").tolist() == list(range(5, 68, 4))
    assert dataset.target_starts("validation").tolist() == [70, 77]
    assert dataset.target_starts("test").tolist() == [85, 92]


def test_the_true_values_are_in_source_units(dataset_of: Callable[..., Dataset]) -> None:
    true_WNK = dataset_of(ROWS).true_WNK("test")
    assert true_WNK.shape == (13, 3, 1)
    assert true_WNK[0].ravel().tolist() == [ROWS[85][0], ROWS[86][0], ROWS[87][0]]
    assert true_WNK[-1].ravel().tolist() == [ROWS[97][0], ROWS[98][0], ROWS[99][0]]


def test_scaled_series_come_back_to_their_values(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of(ROWS)
    assert dataset.inputs_TF.dtype == dataset.targets_TK.dtype == np.float32
    np.testing.assert_allclose(dataset.feature_scaler.inverse(dataset.inputs_TF)[:, 0], [r[1] for r in ROWS], atol=1e-4)
    np.testing.assert_allclose(dataset.target_scaler.inverse(dataset.targets_TK)[:, 0], [r[0] for r in ROWS], atol=1e-4)


def test_the_standard_scaler_is_that_of_the_training_rows(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of(ROWS)
    assert dataset.target_scaler.center_F[0] == pytest.approx(sum(row[0] for row in ROWS[:70]) / 70)
    assert dataset.feature_scaler.center_F[0] == pytest.approx(sum(row[1] for row in ROWS[:70]) / 70)


@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("missing", ["error", "forward_fill", "drop"])
def test_rows_after_the_training_split_change_nothing_that_is_trained_on(
    scaler: str, missing: str, dataset_of: Callable[..., Dataset]
) -> None:
    later = {row: [1e6 + row, -1e6 * row] for row in range(70, N_ROWS)}
    if missing != "error":
        later |= {75: [np.nan, np.nan], 90: [np.nan, 5.0]}
    options = [f"data.scaler={scaler}", f"data.missing={missing}"]
    before = dataset_of(ROWS, *options)
    after = dataset_of(_changed(later), *options, file="changed.csv")
    assert before.bounds.train == after.bounds.train == (0, 70)
    assert after.feature_scaler.as_values() == before.feature_scaler.as_values()
    assert after.target_scaler.as_values() == before.target_scaler.as_values()
    np.testing.assert_array_equal(after.inputs_TF[:70], before.inputs_TF[:70])
    np.testing.assert_array_equal(after.targets_TK[:70], before.targets_TK[:70])
    np.testing.assert_array_equal(after.starts["train"], before.starts["train"])
    assert after.starts["train"].max() + 5 + 3 <= 70
    assert not np.array_equal(after.inputs_TF[70:], before.inputs_TF[70:], equal_nan=True)


def test_a_training_row_does_change_the_scaler(dataset_of: Callable[..., Dataset]) -> None:
    before, after = dataset_of(ROWS), dataset_of(_changed({69: [999.0, 999.0]}), file="changed.csv")
    assert after.target_scaler.as_values() != before.target_scaler.as_values()
    assert after.feature_scaler.as_values() != before.feature_scaler.as_values()


def test_a_filled_target_is_neither_trained_on_nor_scored(dataset_of: Callable[..., Dataset]) -> None:
    holes = (20, 86, 99)
    dataset = dataset_of(_changed({row: [np.nan, ROWS[row][1]] for row in holes}), "data.missing=forward_fill")
    assert dataset.weights_T is not None
    assert np.flatnonzero(dataset.weights_T == 0).tolist() == list(holes)
    assert np.flatnonzero(dataset.weights_T == 1).size == N_ROWS - len(holes)
    true_WNK = dataset.true_WNK("test")
    steps_WN = dataset.target_starts("test")[:, None] + np.arange(3)
    np.testing.assert_array_equal(np.isnan(true_WNK[:, :, 0]), np.isin(steps_WN, holes))
    assert len(true_WNK) == 13
    assert np.isfinite(dataset.targets_TK).all()


def test_a_filled_target_does_not_count_for_the_scale_of_the_targets(dataset_of: Callable[..., Dataset]) -> None:
    holes = (20, 21, 22, 23)
    dataset = dataset_of(_changed({row: [np.nan, ROWS[row][1]] for row in holes}), "data.missing=forward_fill")
    observed = [values[0] for row, values in enumerate(ROWS[:70]) if row not in holes]
    assert dataset.target_scaler.center_F[0] == pytest.approx(sum(observed) / len(observed))


def test_a_filled_input_changes_no_weight(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of(_changed({20: [ROWS[20][0], np.nan]}), "data.missing=forward_fill")
    assert dataset.weights_T is None
    assert dataset.inputs_TF[20, 0] == dataset.inputs_TF[19, 0]


def test_drop_leaves_out_the_windows_that_touch_a_hole_and_no_rows(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of(_changed({92: [np.nan, ROWS[92][1]], 79: [ROWS[79][0], np.nan]}), "data.missing=drop")
    assert len(dataset.series) == N_ROWS
    assert dataset.weights_T is None
    # The target of step 92 is missing: three windows; the input of step 79: those that read it.
    assert dataset.target_starts("test").tolist() == [t for t in range(85, 98) if t not in (90, 91, 92)]
    assert dataset.target_starts("validation").tolist() == [t for t in range(70, 83) if not t - 5 <= 79 < t]
    assert np.isfinite(dataset.true_WNK("test")).all()


@pytest.mark.parametrize(
    ("split", "key", "says"),
    [
        ("{train: 7, validation: 10, test: 10}", "data.split.train", "8 steps"),
        ("{train: 50, validation: 2, test: 10}", "data.split.validation", "3 steps"),
        ("{train: 50, validation: 10, test: 2}", "data.split.test", "3 steps"),
    ],
)
def test_a_split_shorter_than_a_window_is_refused(
    split: str, key: str, says: str, dataset_of: Callable[..., Dataset]
) -> None:
    with pytest.raises(DataError) as caught:
        dataset_of(ROWS, f"data.split={split}")
    assert caught.value.problems[0].key == key
    assert says in str(caught.value)
    assert "timesteps=5 and output_length=3" in str(caught.value)


@pytest.mark.parametrize("split", ["{train: 8, validation: 3, test: 3}", "{train: 8, validation: 0, test: 3}"])
def test_a_split_of_one_window_is_enough(split: str, dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of(ROWS, f"data.split={split}")
    counts = {name: len(starts_W) for name, starts_W in dataset.starts.items()}
    assert counts == {"train": 1, "validation": 0 if "validation: 0" in split else 1, "test": 1}


def test_a_split_whose_every_window_touches_a_hole_is_refused(dataset_of: Callable[..., Dataset]) -> None:
    rows = _changed({row: [np.nan, np.nan] for row in (87, 90, 93, 96, 99)})
    with pytest.raises(DataError, match="hole") as caught:
        dataset_of(rows, "data.missing=drop")
    assert caught.value.problems[0].key == "data.split.test"


@pytest.mark.parametrize(("column", "says"), [(0, "target"), (1, "feature")])
def test_a_column_without_a_value_to_train_on_is_refused(
    column: int, says: str, dataset_of: Callable[..., Dataset]
) -> None:
    rows = [[np.nan if row < 70 and place == column else v for place, v in enumerate(r)] for row, r in enumerate(ROWS)]
    with pytest.raises(DataError, match=says) as caught:
        dataset_of(rows, "data.missing=drop")
    assert caught.value.problems[0].key == "data.split.train"


def test_values_that_32_bits_do_not_hold_are_refused(compose: Compose) -> None:
    with pytest.raises(DataError, match="too large"):
        prepare_dataset(compose("data=sine", "data.source.sine.noise=1e300", "data.scaler=none"))


def test_a_season_longer_than_the_training_split_is_refused(compose: Callable[..., ExperimentSpec]) -> None:
    with pytest.raises(DataError) as caught:
        prepare_dataset(compose("data=sine", "data.season=5000"))
    assert caught.value.problems[0].key == "data.season"


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["timesteps=28"], True),
        (["data.features=all"], True),
        (["data.scaler=robust", "seed=3"], True),
        (["output_length=6"], False),
        (["data.rows=[2,-1]"], False),
        (["data.split.test=0.14"], False),
        (["evaluation=weekly"], False),
        (["data.targets=Voltage"], False),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_what_is_scored_has_a_key_whatever_is_read(
    words: list[str], same: bool, compose: Callable[..., ExperimentSpec]
) -> None:
    keys = [task_key(prepare_dataset(compose(*more))) for more in ([], words)]
    assert (keys[0] == keys[1]) == same
