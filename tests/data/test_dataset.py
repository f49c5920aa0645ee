"""What `load` returns for each name, and what it refuses."""

import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxmlp.data import DATASETS, Dataset, load
from jaxmlp.errors import InputError
from tests.data.idx_files import idx_bytes
from tests.data.test_cache import second_load


def parts(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.asarray(dataset.train_inputs), np.asarray(dataset.train_targets)),
        (np.asarray(dataset.test_inputs), np.asarray(dataset.test_targets)),
    ]


def test_digits_have_the_layout_of_a_dataset():
    dataset = load("digits")
    assert (dataset.name, dataset.num_classes, dataset.image_shape) == ("digits", 10, (8, 8))
    assert dataset.digest == load("digits").digest
    for images, labels in parts(dataset):
        assert (images.shape, images.dtype) == ((len(labels), 64), np.uint8)
        assert labels.dtype == np.int32


def test_the_data_hash_is_that_of_version_1():
    """It is in every run id: fields have been renamed since, and the hash keeps their first names."""
    assert load("digits").digest == "64b9e4f0447d3606b73fd77847860766f951e5769ed842fbf2e28b4ad0b24676"


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


def test_a_dataset_goes_to_a_device_and_through_jit_as_a_pytree():
    dataset = load("digits")
    on_device = jax.device_put(dataset)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(on_device))
    assert len(jax.tree.leaves(on_device)) == 4
    assert on_device.train_inputs.dtype == jnp.uint8
    assert (on_device.name, on_device.digest, on_device.image_shape) == ("digits", dataset.digest, (8, 8))
    total = jax.jit(lambda d: jnp.sum(d.train_inputs.astype(jnp.int32)) * d.num_classes)(on_device)
    assert int(total) == 10 * int(np.asarray(dataset.train_inputs).sum())


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
