"""Lanczos and Hutchinson against NumPy's eigenvalues, SciPy's Lanczos, and matrices whose answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from jaxmlp.errors import InputError
from jaxmlp.probes.spectrum import extreme_eigenvalues, trace_and_frobenius

KEY = jax.random.key(0)


def symmetric(size, seed=0):
    a = np.random.default_rng(seed).normal(size=(size, size))
    return a + a.T


def ends(matrix, steps, dtype=np.float64, start=None):
    matrix = jnp.asarray(matrix, dtype)
    start = jax.random.normal(jax.random.key(1), (len(matrix),), dtype) if start is None else jnp.asarray(start, dtype)
    return jax.jit(lambda m, s: extreme_eigenvalues(lambda v: m @ v, s, KEY, steps=steps))(matrix, start)


@pytest.mark.parametrize(("size", "steps"), [(1, 1), (2, 2), (7, 7), (30, 30), (30, 40)])
def test_as_many_steps_as_rows_give_both_ends_exactly(x64, size, steps):
    matrix = symmetric(size)
    values = np.linalg.eigvalsh(matrix)
    found = ends(matrix, steps)
    np.testing.assert_allclose(found[:2], values[[0, -1]], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(matrix @ found.largest_vector, values[-1] * found.largest_vector, atol=1e-10)


def test_few_steps_find_the_ends_that_scipy_finds(x64):
    matrix = symmetric(200)
    found = ends(matrix, 60)
    theirs = [float(eigsh(matrix, k=1, which=which)[0][0]) for which in ("SA", "LA")]
    np.testing.assert_allclose(found[:2], theirs, rtol=1e-6)


@pytest.mark.parametrize("steps", [3, 8, 20])
def test_an_eigenvalue_lies_within_the_error(x64, steps):
    matrix = symmetric(50)
    values, found = np.linalg.eigvalsh(matrix), ends(matrix, steps)
    for value, error in ((found.smallest, found.smallest_error), (found.largest, found.largest_error)):
        assert np.min(np.abs(values - value)) <= error * (1 + 1e-9) + 1e-12


def test_the_search_goes_on_beyond_a_space_that_is_closed(x64):
    """From an eigenvector products lead nowhere; the other values, all above 0, show no false 0 among them."""
    found = ends(np.diag([2.0, 5.0, 1.0, 3.0]), 4, start=[1.0, 0, 0, 0])
    np.testing.assert_allclose(found[:2], [1, 5], rtol=1e-12)


def test_equal_values_and_the_zero_matrix(x64):
    np.testing.assert_allclose(ends(3 * np.eye(6), 6)[:2], [3, 3], rtol=1e-12)
    np.testing.assert_array_equal(ends(np.zeros((4, 4)), 4)[:4], 0)


def test_single_precision_keeps_no_copies_and_both_ends():
    """The largest value stands far out: without reorthogonalization its copies crowd out the small end."""
    spectrum = np.concatenate([np.linspace(-1, 1, 200), [1000.0]])
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(201, 201)))[0]
    found = ends(rotation @ np.diag(spectrum) @ rotation.T, 120, np.float32)
    np.testing.assert_allclose(found.largest, 1000, rtol=1e-5)
    np.testing.assert_allclose(found.smallest, -1, atol=2e-3)


def test_runs_are_vmapped_and_nan_stays_nan(x64):
    matrices = jnp.asarray(np.stack([symmetric(5, seed) for seed in range(3)]))
    many = jax.vmap(lambda m: extreme_eigenvalues(lambda v: m @ v, jnp.ones(5), KEY, steps=5))(matrices)
    np.testing.assert_allclose(many.largest, np.linalg.eigvalsh(matrices)[:, -1], rtol=1e-12)
    assert np.isnan(ends(np.full((3, 3), np.nan), 3).largest)


@pytest.mark.parametrize("draws", [1, 5])
def test_the_trace_of_a_diagonal_is_exact(x64, draws):
    diagonal = jnp.array([1.0, -2.0, 7.0])
    trace, norm = trace_and_frobenius(lambda v: diagonal * v, diagonal, KEY, draws=draws)
    np.testing.assert_allclose([trace.value, norm.value], [6, np.sqrt(54)], rtol=1e-12)
    np.testing.assert_allclose(trace.error, 0 if draws > 1 else np.nan, atol=1e-12)


def test_estimates_lie_within_their_errors(x64):
    """100 estimates of one matrix: unbiased, and their errors as large as their spread."""
    matrix = jnp.asarray(symmetric(20))
    estimate = lambda key: trace_and_frobenius(lambda v: matrix @ v, jnp.ones(20), key, draws=50)
    found = jax.jit(jax.vmap(estimate))(jax.random.split(KEY, 100))
    for one, exact in zip(found, (jnp.trace(matrix), jnp.linalg.norm(matrix)), strict=True):
        z = (one.value - exact) / one.error
        assert abs(np.mean(z)) < 0.4  # 4 standard errors of the mean of 100
        assert 0.8 < np.std(z) < 1.25


def test_errors_are_refused():
    with pytest.raises(InputError, match="steps is 0: give a positive integer"):
        extreme_eigenvalues(lambda v: v, jnp.ones(2), KEY, steps=0)
    with pytest.raises(InputError, match="draws is 0: give a positive integer"):
        trace_and_frobenius(lambda v: v, jnp.ones(2), KEY, draws=0)
