"""What `load` returns for each name, and what it refuses."""

import hashlib
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from jaxmlp.data import DATASETS, Dataset, load
from jaxmlp.errors import InputError
from tests.data.idx_files import idx_bytes
from tests.data.test_cache import second_load

BUILT_IN = {"digits": (10, 64), "xor": (2, 2), "toy_circle": (2, 2), "toy_xor": (2, 2), "toy_gauss": (2, 2)}
BUILT_IN["toy_spiral"] = (2, 2)
TOYS = [name for name in BUILT_IN if name.startswith("toy_")]


@pytest.fixture
def mnist_dir() -> Path:
    folder = os.environ.get("JAXMLP_MNIST_DIR")
    if not folder:
        pytest.skip("JAXMLP_MNIST_DIR names no folder with the four MNIST files")
    return Path(folder)


def parts(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.asarray(dataset.train_images), np.asarray(dataset.train_labels)),
        (np.asarray(dataset.test_images), np.asarray(dataset.test_labels)),
    ]


@pytest.mark.parametrize(("name", "num_classes", "num_inputs"), [(n, *size) for n, size in BUILT_IN.items()])
def test_built_in_sets_have_the_layout_of_a_dataset(name: str, num_classes: int, num_inputs: int):
    dataset = load(name)
    assert dataset.name == name
    assert dataset.num_classes == num_classes
    for images, labels in parts(dataset):
        assert images.shape == (len(labels), num_inputs)
        assert images.dtype == (np.uint8 if name == "digits" else np.float32)
        assert labels.dtype == np.int32
        assert set(labels) == set(range(num_classes))


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_sets_are_the_same_on_every_load_and_differ_from_each_other(name: str):
    assert load(name).digest == load(name).digest
    assert load(name).digest not in {load(other).digest for other in BUILT_IN if other != name}


def test_digits_are_those_of_scikit_learn_rescaled():
    original = load_digits()
    images, labels = (np.concatenate(both) for both in zip(*parts(load("digits")), strict=True))
    assert (images.min(), images.max()) == (0, 255)
    back = np.rint(images / 255 * 16)
    found = sorted(map(tuple, np.column_stack([back, labels])))
    assert found == sorted(map(tuple, np.column_stack([original.data, original.target])))


def test_every_fifth_digit_of_each_class_is_a_test_image():
    original = load_digits()
    images, labels = parts(load("digits"))[1]
    assert len(labels) == 355
    for k in range(10):
        expected = original.data[original.target == k][4::5]
        np.testing.assert_array_equal(np.rint(images[labels == k] / 255 * 16), expected)


def test_xor_is_the_four_points_twice():
    for points, labels in parts(load("xor")):
        table = {tuple(point): label for point, label in zip(points.tolist(), labels.tolist(), strict=True)}
        assert table == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


@pytest.mark.parametrize("name", TOYS)
def test_toys_have_250_balanced_points_in_mixed_order(name: str):
    (train, train_labels), (test, test_labels) = parts(load(name))
    assert not set(map(tuple, train)) & set(map(tuple, test))
    for points, labels in ((train, train_labels), (test, test_labels)):
        assert np.bincount(labels).tolist() == [125, 125]
        assert 2 < len(np.unique(labels[-25:])) * 2  # the last tenth, a validation part, has both classes
        assert np.abs(points).max() < 9


@pytest.mark.parametrize(
    ("name", "linear"), [("toy_circle", False), ("toy_xor", False), ("toy_spiral", False), ("toy_gauss", True)]
)
def test_toys_can_be_learned_but_not_perfectly_and_one_of_them_by_a_line(name: str, linear: bool):
    (train, train_labels), (test, test_labels) = parts(load(name))
    neighbours = KNeighborsClassifier(9).fit(train, train_labels).score(test, test_labels)
    line = LogisticRegression().fit(train, train_labels).score(test, test_labels)
    assert 0.85 < neighbours < 1
    assert (line > 0.85) if linear else (line < 0.7)


def test_a_dataset_goes_to_a_device_and_through_jit_as_a_pytree():
    dataset = load("digits")
    on_device = jax.device_put(dataset)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(on_device))
    assert len(jax.tree.leaves(on_device)) == 4
    assert on_device.train_images.dtype == jnp.uint8
    assert (on_device.name, on_device.digest, on_device.image_shape) == ("digits", dataset.digest, (8, 8))
    total = jax.jit(lambda d: jnp.sum(d.train_images.astype(jnp.int32)) * d.num_classes)(on_device)
    assert int(total) == 10 * int(np.asarray(dataset.train_images).sum())


@pytest.mark.parametrize(
    ("name", "data_dir", "message"),
    [
        ("cifar10", None, f"unknown dataset 'cifar10': choose one of {', '.join(DATASETS)}"),
        ("digits", "somewhere", r"'digits' is built in .* mnist, fashion_mnist, kmnist"),
        ("xor", "somewhere", "'xor' is built in"),
        ("mnist", "nowhere-at-all", "nowhere-at-all does not exist"),
    ],
)
def test_wrong_arguments_are_one_line_and_write_nothing(name: str, data_dir: str | None, message: str, cache: Path):
    with pytest.raises(InputError, match=rf"\A.*{message}.*\Z"):
        load(name, data_dir=data_dir)
    assert not cache.exists()


@pytest.mark.mnist
def test_mnist_is_the_published_one(mnist_dir: Path):
    dataset = load("mnist", data_dir=mnist_dir)
    files = [part for pair in parts(dataset) for part in (pair[0].reshape(-1, 28, 28), pair[1])]
    assert [hashlib.md5(idx_bytes(values)).hexdigest() for values in files] == [
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ]
    assert (dataset.image_shape, dataset.num_classes) == ((28, 28), 10)


@pytest.mark.mnist
def test_a_second_load_of_mnist_is_fast_and_imports_no_reader(mnist_dir: Path):
    load("mnist", data_dir=mnist_dir)
    seconds, modules = second_load(mnist_dir)
    assert seconds < 0.2
    assert modules == "[]"
