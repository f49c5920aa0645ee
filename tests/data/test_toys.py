"""XOR and the points of the plane: exactly those of the documents, fixed, and as hard as their names say."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from jaxmlp import data
from jaxmlp.errors import InputError

TOYS = ["toy_circle", "toy_xor", "toy_gauss", "toy_spiral"]


def test_xor_is_the_four_points_with_their_exclusive_or():
    xor = data.load("xor")
    table = {tuple(point): label for point, label in zip(xor.train_inputs.tolist(), xor.train_targets, strict=True)}
    assert table == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}
    np.testing.assert_array_equal(xor.test_inputs, xor.train_inputs)
    np.testing.assert_array_equal(xor.test_targets, xor.train_targets)


@pytest.mark.parametrize(("name", "count"), [("xor", 4), *((toy, 250) for toy in TOYS)])
def test_points_are_float32_pairs_of_two_equal_classes(name, count):
    dataset = data.load(name)
    for points, labels in (
        (dataset.train_inputs, dataset.train_targets),
        (dataset.test_inputs, dataset.test_targets),
    ):
        assert (points.dtype, points.shape) == (np.float32, (count, 2))
        assert (labels.dtype, labels.shape) == (np.int32, (count,))
        assert np.bincount(labels).tolist() == [count // 2, count // 2]
    assert (dataset.num_classes, dataset.image_shape) == (2, ())


@pytest.mark.parametrize("name", TOYS)
def test_a_toy_is_the_same_on_every_load_and_its_parts_differ(name):
    first, second = data.load(name), data.load(name)
    assert first.digest == second.digest
    np.testing.assert_array_equal(first.train_inputs, second.train_inputs)
    assert not (first.train_inputs[:, None] == first.test_inputs[None]).all(axis=-1).any()
    assert not np.array_equal(first.train_targets, first.test_targets)


def test_every_toy_is_another():
    assert len({data.load(name).digest for name in ["xor", *TOYS]}) == 5


def accuracy(model, dataset):
    return model.fit(dataset.train_inputs, dataset.train_targets).score(dataset.test_inputs, dataset.test_targets)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("toy_gauss", 0.9, 1.0), ("toy_circle", 0.3, 0.7), ("toy_xor", 0.3, 0.7), ("toy_spiral", 0.3, 0.7)],
)
def test_only_gauss_is_for_a_straight_line(name, low, high):
    assert low < accuracy(LogisticRegression(), data.load(name)) < high


@pytest.mark.parametrize("name", TOYS)
def test_a_curve_separates_every_toy_but_for_the_noise(name):
    dataset = data.load(name)
    assert 0.85 < accuracy(SVC(gamma=1.0), dataset) < 1.0


def test_the_circle_is_a_disc_inside_a_ring():
    circle = data.load("toy_circle")
    radius = np.linalg.norm(circle.train_inputs, axis=1)
    noise = np.sqrt(2)
    assert radius[circle.train_targets == 1].max() < 2.5 + noise
    assert radius[circle.train_targets == 0].min() > 3.5 - noise
    assert 5.0 < radius.max() < 5.0 + noise


def test_a_built_in_set_takes_no_folder(tmp_path):
    with pytest.raises(InputError, match="'toy_gauss' is built in and takes no data folder: mnist"):
        data.load("toy_gauss", data_dir=tmp_path)
