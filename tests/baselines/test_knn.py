"""S-103: neighbours against NumPy's exact integers and scikit-learn, ties, tiles, memory, several k at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from jaxmlp.baselines import DISTANCES, knn_classify, nearest_neighbours, neighbour_votes
from jaxmlp.data import load
from jaxmlp.errors import InputError

SKLEARN = {"l1": "manhattan", "l2": "euclidean"}


def exact_distances(train, images, metric):
    """d₁ or d₂² in int64 (float64 for points), one image at a time."""
    wide = np.int64 if train.dtype == np.uint8 else np.float64
    power = {"l1": np.abs, "l2": np.square}[metric]
    return np.stack([power(train.astype(wide) - image.astype(wide)).sum(axis=1) for image in images])


def stable_order(train, images, metric, k):
    """The k nearest, equal distances by lower index."""
    return np.argsort(exact_distances(train, images, metric), axis=1, kind="stable")[:, :k]


def uint8_images(count, inputs, seed, levels=256):
    return np.random.default_rng(seed).integers(0, levels, (count, inputs)).astype(np.uint8)


@pytest.mark.parametrize("metric", DISTANCES)
@pytest.mark.parametrize(
    ("train", "images"),
    [
        (uint8_images(40, 5, 0), uint8_images(7, 5, 1)),
        (uint8_images(60, 64, 0, levels=2), uint8_images(9, 64, 1, levels=2)),  # ties everywhere
        (uint8_images(50, 784, 0) // 128 * 255, uint8_images(6, 784, 1) // 128 * 255),  # black and white
        (
            255 - uint8_images(50, 784, 0, levels=3),
            255 - uint8_images(6, 784, 1, levels=3),
        ),  # near, products far above 2²⁴
        (255 - uint8_images(50, 3072, 0, levels=3), 255 - uint8_images(6, 3072, 1, levels=3)),  # even when centred
        (np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32), np.eye(2, dtype=np.float32)),
    ],
    ids=["small", "binary", "black and white", "bright 28x28", "bright 32x32x3", "points"],
)
def test_neighbours_are_those_of_a_stable_sort_of_exact_distances(metric, train, images):
    index, distance = nearest_neighbours(train, images, 11, metric=metric)
    expected = stable_order(train, images, metric, 11)
    np.testing.assert_array_equal(index, expected)
    exact = np.take_along_axis(exact_distances(train, images, metric), expected, axis=1)
    np.testing.assert_allclose(distance, np.sqrt(exact) if metric == "l2" else exact, rtol=3e-7)
    assert (index.dtype, distance.dtype) == (jnp.int32, jnp.float32)


def test_squared_distances_that_differ_by_one_above_2_to_24_are_told_apart():
    train = np.full((3, 784), 255, np.uint8)
    train[:, :3] = [[5, 1, 0], [5, 0, 0], [3, 4, 0]]  # 26, 25 and 25 besides 781 x 255², where float32 counts by fours
    index, _ = nearest_neighbours(train, np.zeros((1, 784), np.uint8), 3)
    np.testing.assert_array_equal(index, [[1, 2, 0]])


@pytest.mark.parametrize("metric", DISTANCES)
def test_tiles_make_no_difference(metric):
    train, images = uint8_images(20_000, 3, 0, levels=16), uint8_images(1000, 3, 1, levels=16)  # tiles of 838 rows
    index, _ = nearest_neighbours(train, images, 7, metric=metric)
    index = np.asarray(index)
    for row in (0, 837, 838, 999):
        np.testing.assert_array_equal(index[row], stable_order(train, images[row : row + 1], metric, 7)[0])


@pytest.mark.parametrize("metric", DISTANCES)
def test_digits_are_classified_as_by_scikit_learn(metric):
    digits = load("digits")
    train, images = np.asarray(digits.train_inputs), np.asarray(digits.test_inputs)
    ks = (1, 3, 5, 11)
    labels = knn_classify(train, digits.train_targets, images, ks=ks, num_classes=10, metric=metric)
    # Which of several neighbours at the k-th distance scikit-learn takes is not defined: those images are left out.
    nearest = np.sort(exact_distances(train, images, metric), axis=1)
    for k, mine in zip(ks, np.asarray(labels), strict=True):
        theirs = KNeighborsClassifier(k, algorithm="brute", metric=SKLEARN[metric])
        defined = nearest[:, k - 1] < nearest[:, k]
        expected = theirs.fit(train.astype(float), digits.train_targets).predict(images.astype(float))
        assert defined.mean() > 0.95
        np.testing.assert_array_equal(mine[defined], expected[defined])


def test_votes_of_several_k_and_their_ties():
    train_targets = jnp.array([7, 2, 2, 7, 9, 9, 9])
    votes = neighbour_votes(
        jnp.array([[0, 1, 2, 3, 4, 5, 6], [4, 0, 5, 1, 6, 2, 3]]), train_targets, (1, 2, 3, 4, 7), 10
    )
    #   first: 7 | 7 2 tie | 7 2 2 | 7 2 2 7 tie | 9;   second: 9 | 9 7 tie | 9 7 9 | ... | 9
    np.testing.assert_array_equal(votes.T, [[7, 2, 2, 2, 9], [9, 7, 9, 9, 9]])


def test_works_under_jit_and_vmap():
    train, images = uint8_images(30, 6, 0), uint8_images(8, 6, 1)
    plain, _ = nearest_neighbours(train, images, 3)
    both = jax.jit(jax.vmap(lambda x: nearest_neighbours(jnp.asarray(train), x, 3)[0]))(images.reshape(2, 4, 6))
    np.testing.assert_array_equal(np.asarray(both).reshape(8, 3), plain)


@pytest.mark.parametrize("metric", DISTANCES)
def test_mnist_fits_two_gigabytes(metric):
    train, images = (jax.ShapeDtypeStruct((count, 784), jnp.uint8) for count in (60_000, 10_000))
    search = jax.jit(lambda train, images: nearest_neighbours(train, images, 11, metric=metric))
    plan = search.lower(train, images).compile().memory_analysis()
    assert plan.temp_size_in_bytes + plan.argument_size_in_bytes + plan.output_size_in_bytes < 1e9


@pytest.mark.mnist
def test_mnist_is_classified_at_97_05_and_as_by_scikit_learn(mnist_dir):
    """All 10,000 images at k = 3; the first 256 label for label, without ties to leave out."""
    mnist = load("mnist", data_dir=mnist_dir)
    train, train_targets, images = mnist.train_inputs, mnist.train_targets, mnist.test_inputs[:256]
    labels = np.asarray(knn_classify(train, train_targets, mnist.test_inputs, ks=(1, 3, 5), num_classes=10))
    assert np.mean(labels[1] == mnist.test_targets) == pytest.approx(0.9705, abs=1e-3)
    theirs = KNeighborsClassifier(5, algorithm="brute").fit(np.asarray(train, np.float32), train_targets)
    for k, mine in zip((1, 3, 5), labels[:, :256], strict=True):
        np.testing.assert_array_equal(mine, theirs.set_params(n_neighbors=k).predict(np.asarray(images, np.float32)))


IMAGES = uint8_images(4, 6, 0)
LABELS = np.arange(4, dtype=np.int32)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metric": "cosine"}, r"unknown metric 'cosine': choose one of l1, l2"),
        ({"ks": (1, 5)}, r"ks is \(1, 5\): give a tuple or list with one or more of 1 to 4"),
        ({"ks": (0, 1)}, r"ks is \(0, 1\): give a tuple or list with one or more of 1 to 4"),
        ({"ks": ()}, r"ks is \(\): give a tuple or list with one or more"),
        ({"ks": 3}, r"ks is 3: give a tuple or list with one or more of 1 to 4"),
        ({"ks": "13"}, r"ks is '13': give a tuple or list"),
        ({"ks": (1, 2.0)}, r"ks is \(1, 2.0\): give a tuple or list"),
        ({"inputs": IMAGES[:, :5]}, r"training images \(4, 6\) and images \(4, 5\): give .* with the same I"),
        ({"inputs": IMAGES[0]}, r"images \(6,\): give \[N, I\] and \[B, I\]"),
        ({"inputs": IMAGES.astype(np.float32)}, r"of uint8 and images of float32: give both uint8 or the same float"),
        ({"train_targets": LABELS[:3]}, r"\(3,\) labels for \(4, 6\) training images: give one label each"),
    ],
)
def test_bad_input_is_one_line(changed, message):
    given = {"train_inputs": IMAGES, "train_targets": LABELS, "inputs": IMAGES, "ks": (1,), "num_classes": 4} | changed
    with pytest.raises(InputError, match=rf"\A[^\n]*{message}[^\n]*\Z"):
        knn_classify(**given)


def test_more_neighbours_than_there_are_is_refused():
    for k in (0, 5):
        with pytest.raises(InputError, match=rf"k is {k} of 4 training images: give 1 to 4"):
            nearest_neighbours(IMAGES, IMAGES, k)
    with pytest.raises(
        InputError, match=r"ks is \(3,\): give a tuple or list with one or more of 1 to 2, the neighbours at hand"
    ):
        neighbour_votes(np.zeros((5, 2), np.int32), LABELS, (3,), 4)


def test_images_too_wide_for_exact_integers_are_refused():
    wide = np.zeros((1, 40_000), np.uint8)
    with pytest.raises(InputError, match=r"uint8 images of 40000 pixels: give at most 32767, or floats"):
        nearest_neighbours(wide, wide, 1)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_where_the_default_is_float64_the_classes_are_the_same(metric):
    images = np.random.default_rng(3).integers(0, 256, (30, 6), dtype=np.uint8)
    labels = jnp.asarray(np.arange(30) % 3, jnp.int32)
    train, test = jnp.asarray(images[:24]), jnp.asarray(images[24:])
    found = knn_classify(train, labels[:24], test, ks=(1,), num_classes=3, metric=metric)
    power = 2 if metric == "l2" else 1
    far = (np.abs(images[24:, None].astype(int) - images[None, :24].astype(int)) ** power).sum(-1)
    np.testing.assert_array_equal(found[0], np.arange(24)[far.argmin(1)] % 3)
