"""What `from_arrays` makes of what a user has: values, classes, parts, and what it says about them."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, nn, study, training
from jaxmlp.errors import InputError

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
LABELS = np.arange(60) % 3


def whole(dataset: data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of both parts, by the first input."""
    inputs = np.concatenate([dataset.train_inputs, dataset.test_inputs])
    targets = np.concatenate([dataset.train_targets, dataset.test_targets])
    order = np.argsort(inputs[:, 0], kind="stable")
    return inputs[order], targets[order]


SAME = {
    "NumPy": (X, LABELS),
    "float64": (X.astype(np.float64), LABELS.astype(np.int64)),
    "JAX": (jnp.asarray(X), jnp.asarray(LABELS)),
    "lists": (X.tolist(), LABELS.tolist()),
    "pandas": (pd.DataFrame(X), pd.Series(LABELS)),
    "nullable pandas": (pd.DataFrame(X).convert_dtypes(), pd.Series(LABELS).astype("Int64")),
    "a column of targets": (X, LABELS[:, None]),
    "columns in Fortran's order": (np.asfortranarray(X), LABELS),
    "objects": (X.astype(object), LABELS.astype(object)),
    "one-hot": (X, np.eye(3)[LABELS]),
    "one-hot booleans": (X, np.eye(3, dtype=bool)[LABELS]),
    "labels from 5": (X, LABELS + 5),
    "negative labels": (X, LABELS - 9),
    "bytes as labels": (X, LABELS.astype(np.uint8)),
    "text": (X, np.array(["a", "b", "c"])[LABELS]),
    "a categorical": (X, pd.Categorical(np.array(["a", "b", "c"])[LABELS])),
    "floats that were said to be classes": (X, LABELS * 2.0),
}


@pytest.mark.parametrize(("inputs", "targets"), SAME.values(), ids=SAME)
def test_every_kind_of_array_gives_the_same_data(inputs: Any, targets: Any):
    dataset = data.from_arrays(inputs, targets, task="classes")
    expected = data.from_arrays(X, LABELS)
    assert dataset.digest == expected.digest
    assert (dataset.task, dataset.num_classes, dataset.num_outputs, dataset.split) == (
        "classes",
        3,
        3,
        "stratified_fifth",
    )
    rows, classes = whole(dataset)
    order = np.argsort(X[:, 0], kind="stable")
    np.testing.assert_array_equal(rows, X[order])
    np.testing.assert_array_equal(classes, LABELS[order])
    assert dataset.train_targets.dtype == np.int32


TASKS = {
    "text": (["a", "b"] * 30, "classes", ("a", "b")),
    "booleans": ([True, False] * 30, "classes", ("False", "True")),
    "few integers": (np.arange(60) % 20, "classes", tuple(map(str, range(20)))),
    "many integers": (np.arange(60) % 21, "numbers", ()),
    "floats": (np.arange(60) % 2 * 1.0, "numbers", ()),
    "rows of floats": (X[:, :2], "numbers", ()),
    "one-hot": (np.eye(2)[LABELS % 2], "classes", ("0", "1")),
}


@pytest.mark.parametrize(("targets", "task", "names"), TASKS.values(), ids=TASKS)
def test_the_task_follows_from_the_targets(targets: Any, task: str, names: tuple[str, ...]):
    dataset = data.from_arrays(X, targets)
    assert (dataset.task, dataset.class_names) == (task, names)
    assert dataset.train_targets.dtype == (np.int32 if task == "classes" else np.float32)


def test_integers_of_a_tenth_of_the_rows_are_classes():
    inputs = np.zeros((1000, 1)) + np.arange(1000)[:, None]
    assert data.from_arrays(inputs, np.arange(1000) % 100).num_classes == 100
    assert data.from_arrays(inputs, np.arange(1000) % 101).task == "numbers"


def test_a_task_that_is_given_is_taken():
    assert data.from_arrays(X, LABELS, task="numbers").train_targets.dtype == np.float32
    assert data.from_arrays(X, np.arange(60) % 30, task="classes").num_classes == 30
    assert data.from_arrays(X, np.eye(3)[LABELS], task="numbers").num_outputs == 3


def test_names_are_taken_by_what_they_say_or_by_place():
    words = np.array(["low", "mid", "high"])
    by_word = data.from_arrays(X, words[LABELS], classes=words)
    by_place = data.from_arrays(X, LABELS, classes=words)
    assert by_word.class_names == by_place.class_names == ("low", "mid", "high")
    assert by_word.digest == by_place.digest
    assert data.from_arrays(X, LABELS + 4, classes=range(10)).num_classes == 10
    assert data.from_arrays(X, LABELS + 4, classes=range(10)).train_targets.min() == 4


IMAGES = np.random.default_rng(1).integers(0, 256, (60, 4, 5))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int16])
def test_images_of_bytes_stay_bytes(dtype: Any):
    dataset = data.from_arrays(IMAGES.astype(dtype), LABELS)
    assert (dataset.train_inputs.dtype, dataset.image_shape, dataset.preprocessing) == (np.uint8, (4, 5), "unit")
    np.testing.assert_array_equal(np.sort(whole(dataset)[0].ravel()), np.sort(IMAGES.ravel()))


def test_other_images_are_float32():
    for images in (IMAGES / 255, IMAGES.astype(np.int64) * 2, IMAGES > 100):
        dataset = data.from_arrays(images, LABELS)
        assert (dataset.train_inputs.dtype, dataset.image_shape, dataset.preprocessing) == (np.float32, (4, 5), "none")


def test_what_was_taken_is_said_in_one_line():
    found = data.from_arrays(IMAGES, np.eye(3)[LABELS], name="mine").found
    assert found == (
        "mine: 48 rows to train and 12 held out (stratified) for the test, images of 4 × 5 (whole numbers 0 to 255), "
        "3 classes (0, 1, 2), one-hot rows; preprocessing unit unless another is asked for, such as standardize"
    )
    numbers = data.from_arrays(X, LABELS * 1.0).found
    assert "a number from 0 to 2 to predict; task='classes' takes them for classes; preprocessing none" in numbers


def test_a_stratified_test_part_has_its_share_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 30, 10])
    dataset = data.from_arrays(np.arange(140.0)[:, None], labels)
    assert np.bincount(np.asarray(dataset.test_targets)).tolist() == [20, 6, 2]
    again = data.from_arrays(np.arange(140.0)[:, None], labels)
    assert again.digest == dataset.digest
    assert not np.array_equal(np.sort(np.asarray(dataset.test_inputs)[:20, 0]), np.arange(4, 100, 5))  # drawn


def test_groups_stay_in_one_part_and_out_of_the_inputs():
    person = np.repeat(np.arange(12), 5)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(person=[f"p{i}" for i in person], row=np.arange(60))
    dataset = data.from_arrays(frame, LABELS, groups="person")
    assert dataset.columns == ("a", "b", "c", "row")
    rows = np.asarray(dataset.train_inputs)[:, 3].astype(int), np.asarray(dataset.test_inputs)[:, 3].astype(int)
    sizes = [len(part) for part in rows]
    assert sum(sizes) == 60
    assert 5 <= sizes[1] <= 20
    assert not set(person[rows[0]]) & set(person[rows[1]])
    train, val = data.split_indices(dataset.split, jax.random.key(0), sizes[0])
    assert len(val) > 0
    assert not set(person[rows[0][np.asarray(train)]]) & set(person[rows[0][np.asarray(val)]])


def test_rows_in_time_order_are_tested_and_validated_on_the_latest():
    dataset = data.from_arrays(np.arange(100.0)[:, None], np.arange(100) % 2, holdout="time")
    np.testing.assert_array_equal(dataset.test_inputs[:, 0], np.arange(80, 100))
    train, val = data.split_indices(dataset.split, jax.random.key(0), 80)
    assert (np.asarray(train).max(), np.asarray(val).tolist()) == (63, list(range(64, 80)))


@pytest.mark.parametrize("test", [None, (X[:9], LABELS[:9])], ids=["held out", "given"])
@pytest.mark.parametrize("how", ["time", "grouped"])
def test_a_class_of_the_validation_rows_alone_is_refused(how: str, test: Any):
    """Rows sorted by their class, and held out in their order: what is trained on has none of the last class."""
    inputs, labels = X, np.repeat([0, 1, 2], [25, 25, 10])
    with pytest.raises(InputError, match=r"targets have class '\d' in \d+ of 60 rows .* held out for validation or"):
        data.from_arrays(inputs, labels, holdout=how, groups=labels if how == "grouped" else None, test=test)


def test_a_test_part_that_is_given_is_read_as_the_training_part_was():
    test = X[:10] + 1, np.eye(3)[LABELS[:10]]
    dataset = data.from_arrays(X, np.array(["a", "b", "c"])[LABELS], test=test)
    np.testing.assert_array_equal(dataset.test_inputs, X[:10] + 1)
    np.testing.assert_array_equal(dataset.test_targets, LABELS[:10])
    assert len(dataset.train_inputs) == 60


def test_text_columns_become_one_input_for_each_value():
    frame = pd.DataFrame({"age": [3.0, 4.0] * 10, "colour": ["red", "blue"] * 10, "a=b": [True, False] * 10})
    dataset = data.from_arrays(frame, LABELS[:20], text="one_hot", test=(frame[["colour", "age", "a=b"]], LABELS[:20]))
    assert dataset.columns == ("age", "colour=blue", "colour=red", "a=b")
    np.testing.assert_array_equal(dataset.train_inputs[:2], [[3, 0, 1, 1], [4, 1, 0, 0]])
    np.testing.assert_array_equal(dataset.test_inputs[:2], [[3, 0, 1, 1], [4, 1, 0, 0]])
    encoded = data.encode_columns(frame[:3], dataset.columns)
    np.testing.assert_array_equal(encoded, dataset.train_inputs[:3])


def test_a_user_s_arrays_are_neither_changed_nor_kept():
    inputs, targets, test = X.copy(), LABELS.astype(np.float32), (X.copy(), LABELS.astype(np.float32))
    dataset = data.from_arrays(inputs, targets, test=test)
    digest = dataset.digest
    for array in (inputs, targets, *test):
        array += 1  # still writeable
    assert dataset.replace().digest == digest


def test_own_data_train_with_what_suits_them(tmp_path: Path):
    dataset = data.load("iris")
    spec = training.RunSpec(
        nn.MLPSpec((4, 16, dataset.num_outputs)),
        data=training.DataSpec(split=dataset.split, preprocessing="z_score", batch_size=16),
        epochs=20,
    )
    results = study.run([study.Arm("a", spec, training.Hyper(learning_rate=0.01))], dataset, seeds=2)
    assert results.final()["test_accuracy"].min() > 0.8
