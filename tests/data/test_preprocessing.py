"""Preprocessings against scikit-learn, SciPy and float64 NumPy, and what each may look at."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax.extend.core import jaxprs_in_params
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from jaxmlp.data import PREPROCESSINGS, check_preprocessing, load
from jaxmlp.data.preprocessing import WHITENING_EPSILON
from jaxmlp.errors import InputError

SCALING = [name for name, row in PREPROCESSINGS.items() if row.images]
FLOATS = [name for name, row in PREPROCESSINGS.items() if not row.images]
FITTED = ["global_mean", "train_mean", "standardize", "pca_whiten", "zca_whiten"]
NUM_IMAGES, NUM_PIXELS = 1500, 12


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Correlated uint8 images whose directions have well separated variances."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(NUM_PIXELS, NUM_PIXELS)))[0]
    values = 120 + rng.normal(size=(NUM_IMAGES, NUM_PIXELS)) * np.geomspace(8, 40, NUM_PIXELS) @ axes
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def index() -> np.ndarray:
    """A training part of two whole chunks of the fit and a ragged one."""
    return np.random.default_rng(1).permutation(NUM_IMAGES)[:1201].astype(np.int32)


def fit(name: str, images: np.ndarray, index: np.ndarray):
    return jax.jit(PREPROCESSINGS[name].fit)(jnp.asarray(images), jnp.asarray(index))


def transformed(name: str, images: np.ndarray, index: np.ndarray) -> np.ndarray:
    """All images after a fit on `index`."""
    state = fit(name, images, index)
    return np.asarray(jax.jit(PREPROCESSINGS[name].apply)(state, jnp.asarray(images)))


def unit(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float64) / 255


def float64_standardize(images: np.ndarray, index: np.ndarray) -> np.ndarray:
    return StandardScaler().fit(unit(images)[index]).transform(unit(images))


def float64_zca(images: np.ndarray, index: np.ndarray) -> np.ndarray:
    part = unit(images)[index]
    covariance = np.cov(part.T, bias=True) + WHITENING_EPSILON * np.eye(NUM_PIXELS)
    return (unit(images) - part.mean(axis=0)) @ np.linalg.inv(scipy.linalg.sqrtm(covariance))


ORACLES = {
    "unit": lambda x, index: x / 255.0,
    "shifted": lambda x, index: (x.astype(np.float64) - 128) / 255,
    "global_mean": lambda x, index: x - x.mean(dtype=np.float64),
    "train_mean": lambda x, index: unit(x) - unit(x[index]).mean(),
    "sample_mean": lambda x, index: unit(x) - unit(x).mean(axis=1)[:, None],
    "standardize": float64_standardize,
    "zca_whiten": float64_zca,
}


def test_every_entry_is_compared_with_something():
    """PCA whitening has scikit-learn's as its oracle, and `none` nothing to compute."""
    assert set(PREPROCESSINGS) == {*ORACLES, "pca_whiten", "none", *FLOAT_ORACLES, "z_score_pca_whiten"}


@pytest.mark.parametrize("name", ORACLES)
def test_agrees_with_float64(name: str, images: np.ndarray, index: np.ndarray):
    expected = ORACLES[name](images, index)
    np.testing.assert_allclose(transformed(name, images, index), expected, rtol=1e-4, atol=2e-5 * expected.max())


@pytest.mark.parametrize("count", [40, 511, 512])
@pytest.mark.parametrize("name", ORACLES)
def test_a_data_set_may_be_smaller_than_a_chunk_of_the_fit(name: str, count: int, images: np.ndarray):
    few, part = images[:count], np.arange(count - 7, dtype=np.int32)
    expected = ORACLES[name](few, part)
    np.testing.assert_allclose(transformed(name, few, part), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_pca_whitening_agrees_with_scikit_learn(images: np.ndarray, index: np.ndarray):
    found = transformed("pca_whiten", images, index)
    pca = PCA(whiten=True).fit(unit(images)[index])
    variance = pca.explained_variance_ * (len(index) - 1) / len(index)  # theirs divides by M - 1
    expected = (unit(images) - pca.mean_) @ pca.components_.T / np.sqrt(variance + WHITENING_EPSILON)
    signs = np.sign((found * expected).sum(axis=0))  # an axis has no direction
    np.testing.assert_allclose(found, expected * signs[None, :], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["pca_whiten", "zca_whiten"])
def test_whitened_training_parts_have_the_identity_as_covariance(name: str, images, index):
    part = transformed(name, images, index)[index].astype(np.float64)
    np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-4)
    # v/(v + ε) at the smallest variance here, (8/255)², is 0.990.
    np.testing.assert_allclose(np.cov(part.T, bias=True), np.eye(NUM_PIXELS), atol=0.012)


@pytest.mark.parametrize("name", ["pca_whiten", "zca_whiten"])
def test_whitening_digits_leaves_their_constant_pixels_small(name: str):
    digits = np.asarray(load("digits").train_inputs)
    part = transformed(name, digits, np.arange(len(digits), dtype=np.int32))
    variances = np.linalg.eigvalsh(np.cov(part.T.astype(np.float64), bias=True))
    original = np.linalg.eigvalsh(np.cov(unit(digits).T, bias=True))
    assert (digits.std(axis=0) == 0).sum() >= 3
    np.testing.assert_allclose(variances, original / (original + WHITENING_EPSILON), atol=0.02)


def test_zca_stays_nearer_to_the_image_than_pca(images: np.ndarray, index: np.ndarray):
    centred = unit(images) - unit(images)[index].mean(axis=0)
    zca, pca = (np.square(transformed(name, images, index) - centred).sum() for name in ("zca_whiten", "pca_whiten"))
    assert zca < pca


@pytest.mark.parametrize("grey", [0, 77, 255])
def test_a_constant_pixel_is_centred_and_not_scaled(grey: int, images: np.ndarray, index: np.ndarray):
    images = images.copy()
    images[:, 3] = grey
    images[0, 3], train = 100, index[index != 0]
    column = transformed("standardize", images, train)[:, 3]
    np.testing.assert_allclose(column[1:], 0, atol=1e-6)
    np.testing.assert_allclose(column[0], (100 - grey) / 255, atol=1e-6)


def test_no_constant_pixel_of_many_images_is_taken_for_a_varying_one():
    """Sums of float32 drift by up to 1e-6 over 48,000 images, as much as a rare grey level varies."""
    every_grey = np.tile(np.arange(256, dtype=np.uint8), (48_000, 1))
    _, std = fit("standardize", every_grey, np.arange(48_000, dtype=np.int32))
    np.testing.assert_array_equal(std, np.ones(256))


def test_a_pixel_that_differs_in_one_of_many_images_is_standardized():
    images = np.full((48_000, 2), 200, np.uint8)
    images[5, 1] = 201
    everything = np.arange(48_000, dtype=np.int32)
    expected = StandardScaler().fit_transform(images.astype(np.float64))
    np.testing.assert_allclose(transformed("standardize", images, everything), expected, rtol=5e-3, atol=5e-3)


def differs(a, b) -> bool:
    return any(not np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize("name", FITTED)
def test_only_the_mean_of_s_007_looks_beyond_the_training_part(name: str, images: np.ndarray, index: np.ndarray):
    outside = np.setdiff1d(np.arange(NUM_IMAGES), index)
    changed = images.copy()
    changed[outside] = 255 - changed[outside]
    assert differs(fit(name, images, index), fit(name, changed, index)) == (name == "global_mean")


@pytest.mark.parametrize("name", FITTED)
def test_every_image_of_the_training_part_counts(name: str, images: np.ndarray, index: np.ndarray):
    for position in (0, 511, 512, len(index) - 1):
        changed = images.copy()
        changed[index[position]] = 255
        assert differs(fit(name, images, index), fit(name, changed, index))


@pytest.mark.parametrize("name", SCALING)
def test_lanes_equal_single_runs(name: str, images: np.ndarray):
    parts = np.stack([np.random.default_rng(i).permutation(NUM_IMAGES)[:600] for i in range(3)]).astype(np.int32)
    each = PREPROCESSINGS[name]

    def run(part: jax.Array) -> jax.Array:
        return each.apply(each.fit(jnp.asarray(images), part), jnp.asarray(images[:50]))

    lanes = jax.jit(jax.vmap(run))(jnp.asarray(parts))
    for lane, part in zip(lanes, parts, strict=True):
        single = np.asarray(run(jnp.asarray(part)))
        lane = np.asarray(lane)
        if name == "pca_whiten":
            lane = lane * np.sign((lane * single).sum(axis=0))[None, :]
        np.testing.assert_allclose(lane, single, rtol=1e-3, atol=1e-3)


def float_sizes(jaxpr) -> list[int]:
    """Numbers of elements of all floating-point values in a jaxpr, those of inner ones included."""
    sizes = []
    for equation in jaxpr.eqns:
        values = [v.aval for v in equation.outvars]
        sizes += [v.size for v in values if jnp.issubdtype(v.dtype, jnp.floating)]
        for inner in jaxprs_in_params(equation.params):
            sizes += float_sizes(inner)
    return sizes


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_makes_no_float_copy_of_its_images(name: str):
    num_images = 100_000
    images = jax.ShapeDtypeStruct((num_images, 100), jnp.uint8)
    index = jax.ShapeDtypeStruct((num_images,), jnp.int32)
    jaxpr = jax.make_jaxpr(PREPROCESSINGS[name].fit)(images, index).jaxpr
    assert max(float_sizes(jaxpr)) < 0.05 * num_images * 100


@pytest.mark.parametrize("name", SCALING)
@pytest.mark.usefixtures("x64")
def test_states_and_batches_are_float32_whatever_the_default(name: str, images: np.ndarray, index: np.ndarray):
    state = PREPROCESSINGS[name].fit(jnp.asarray(images), jnp.asarray(index))
    batch = PREPROCESSINGS[name].apply(state, jnp.asarray(images[:5]))
    assert {leaf.dtype for leaf in [*jax.tree.leaves(state), batch]} == {np.dtype(np.float32)}
    assert batch.shape == (5, NUM_PIXELS)


def test_none_passes_points_through():
    points = jnp.asarray(load("toy_spiral").train_inputs)
    state = PREPROCESSINGS["none"].fit(points, jnp.arange(10))
    np.testing.assert_array_equal(PREPROCESSINGS["none"].apply(state, points[:7]), points[:7])


@pytest.mark.parametrize("name", SCALING)
def test_images_are_scaled_and_points_are_not(name: str):
    check_preprocessing(name, load("digits"))
    with pytest.raises(InputError, match=rf"\A.*'{name}'.*'xor'.*choose one of none, z_score, min_max, .*\Z"):
        check_preprocessing(name, load("xor"))


def test_none_is_for_points_and_an_unknown_name_for_nothing():
    check_preprocessing("none", load("toy_gauss"))
    with pytest.raises(InputError, match=r"\A.*'none'.*'digits'.*choose one of unit, .*zca_whiten\Z"):
        check_preprocessing("none", load("digits"))
    with pytest.raises(InputError, match=r"\Aunknown preprocessing 'whiten': choose one of unit, .*none, .*\Z"):
        check_preprocessing("whiten", load("digits"))


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """float32 rows [N, I] whose inputs have units of their own, one far from zero, one constant."""
    rng = np.random.default_rng(3)
    mixed = rng.normal(size=(NUM_IMAGES, 5)) @ rng.normal(size=(5, 5))
    scaled = mixed * [1e-3, 1.0, 50.0, 1e4, 1.0] + [0.0, -3.0, 2000.0, 0.0, 7.5]
    scaled[:, 4] = 7.5
    return scaled.astype(np.float32)


def float64_z_score(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    return StandardScaler().fit(x[index].astype(np.float64)).transform(x.astype(np.float64))


def float64_zca_of_z_score(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    z = float64_z_score(x, index)
    covariance = np.cov(z[index].T, bias=True) + WHITENING_EPSILON * np.eye(z.shape[1])
    return z @ np.linalg.inv(scipy.linalg.sqrtm(covariance))


FLOAT_ORACLES = {
    "z_score": float64_z_score,
    "min_max": lambda x, index: MinMaxScaler().fit(x[index].astype(np.float64)).transform(x.astype(np.float64)),
    "z_score_zca_whiten": float64_zca_of_z_score,
}


@pytest.mark.parametrize("name", FLOAT_ORACLES)
def test_float_inputs_agree_with_float64(name: str, table: np.ndarray, index: np.ndarray):
    expected = FLOAT_ORACLES[name](table, index)
    np.testing.assert_allclose(transformed(name, table, index), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["z_score_pca_whiten", "z_score_zca_whiten"])
def test_whitened_float_inputs_have_the_identity_as_covariance(name: str, table: np.ndarray, index: np.ndarray):
    part = transformed(name, table[:, :4], index)[index].astype(np.float64)
    np.testing.assert_allclose(np.cov(part.T, bias=True), np.eye(4), atol=5e-3)


def test_principal_axes_of_float_inputs_come_largest_variance_first(table: np.ndarray, index: np.ndarray):
    found = transformed("z_score_pca_whiten", table[:, :4], index)
    z = float64_z_score(table[:, :4], index)
    pca = PCA(whiten=True).fit(z[index])
    expected = (z - pca.mean_) @ pca.components_.T / np.sqrt(pca.explained_variance_)
    signs = np.sign((found * expected).sum(axis=0))  # an axis has no direction
    np.testing.assert_allclose(found, expected * signs[None, :], rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("name", [name for name in FLOATS if name != "none"])
def test_a_fit_on_floats_sees_the_training_part_alone(name: str, table: np.ndarray, index: np.ndarray):
    outside = np.setdiff1d(np.arange(NUM_IMAGES), index)
    changed = table.copy()
    changed[outside] = -changed[outside]
    assert not differs(fit(name, table, index), fit(name, changed, index))
    changed[index[-1], :4] *= 3
    assert differs(fit(name, table, index), fit(name, changed, index))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.usefixtures("x64")
def test_states_and_batches_of_floats_are_float32_whatever_the_default(name, table, index):
    state = PREPROCESSINGS[name].fit(jnp.asarray(table), jnp.asarray(index))
    batch = PREPROCESSINGS[name].apply(state, jnp.asarray(table[:5]))
    assert {leaf.dtype for leaf in [*jax.tree.leaves(state), batch]} == {np.dtype(np.float32)}


@pytest.mark.mnist
def test_the_mean_of_mnist_is_the_one_of_the_document(mnist_dir: Path):
    dataset = load("mnist", data_dir=mnist_dir)
    images = np.asarray(dataset.train_inputs)
    first = np.arange(54_000, dtype=np.int32)
    np.testing.assert_allclose(fit("global_mean", images, first), 33.318421, rtol=2e-6)
    np.testing.assert_allclose(fit("train_mean", images, first) * 255, 33.3315, atol=5e-5)
