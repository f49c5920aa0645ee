"""S-093: every number of a layer against NumPy or SciPy, at two scales; and what stands where it has no meaning."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.probes import layer_statistics as probes

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(200, 6))
SKEWED = np.maximum(NORMAL @ RNG.normal(size=(6, 5)) + 0.3, 0)
CORRELATED = NORMAL @ RNG.normal(size=(6, 4)) + RNG.normal(size=4)


def ks_at_quantiles(y):
    z, shares = stats.zscore(y.ravel()), np.arange(1, 32) / 32
    return np.max(np.abs(stats.ecdf(z).cdf.evaluate(stats.norm.ppf(shares)) - shares))


def mean_correlation(y):
    pairs = np.triu_indices(y.shape[1], 1)
    return np.mean(np.abs(np.corrcoef(y.T))[pairs])


def mean_cosine(y):
    y = y[np.any(y != 0, axis=1)]
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    return np.mean((y @ y.T)[np.triu_indices(len(y), 1)])


def rank(y):
    values = np.linalg.eigvalsh(np.cov(y.T))
    return values.sum() ** 2 / np.sum(values**2)


ORACLES = {
    "standard_deviation": np.std,
    "excess_kurtosis": lambda y: stats.kurtosis(y.ravel()),
    "distance_from_normal": ks_at_quantiles,
    "unit_correlation": mean_correlation,
    "input_correlation": mean_cosine,
    "effective_rank": rank,
    "zero_share": lambda y: np.mean(y == 0),
    "dead_unit_share": lambda y: np.mean((y == 0).all(axis=0)),
    "dead_row_share": lambda y: np.mean((y == 0).all(axis=1)),
    "count_predicted_classes": lambda y: len(set(y.argmax(axis=1))),
}


@pytest.mark.parametrize("name", ORACLES)
def test_each_is_its_oracle_s_at_every_scale(x64, name):
    for y in (NORMAL, SKEWED, CORRELATED):
        for scale in (1.0, 1e-200, 1e200):
            found = jax.jit(getattr(probes, name))(jnp.asarray(scale * y))
            factor = scale if name == "standard_deviation" else 1
            np.testing.assert_allclose(found / factor, ORACLES[name](y), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("outputs", "output", "count"),
    [
        ([-2.0, -0.1, 0.3, 4.0], "none", 2),
        ([0.2, 0.3, 4.0], "none", 1),
        ([-0.4, -0.2], "tanh", 1),
        ([0.1, 0.3, 0.45], "sigmoid", 1),
        ([0.1, 0.3, 0.55], "sigmoid", 2),
    ],
)
def test_a_single_output_answers_two_classes(outputs, output, count):
    assert probes.count_predicted_classes(jnp.asarray(outputs)[:, None], output) == count


def test_zeros_are_counted_by_unit_and_by_row(x64):
    y = jnp.asarray(np.array([[0, 0, 0.0], [0, 1, 0], [0, 0, 0], [0, 2, 3]]))
    found = [float(f(y)) for f in (probes.zero_share, probes.dead_unit_share, probes.dead_row_share)]
    np.testing.assert_allclose(found, [9 / 12, 1 / 3, 1 / 2])
    np.testing.assert_allclose(probes.input_correlation(y), 2 / np.sqrt(13))  # the two rows that are not 0


def test_the_distance_is_kolmogorov_s_but_for_its_resolution(x64):
    for y in (NORMAL, SKEWED, np.exp(NORMAL)):
        exact = stats.kstest(stats.zscore(y.ravel()), "norm").statistic
        assert exact - 1 / 32 <= probes.distance_from_normal(jnp.asarray(y)) <= exact + 1e-12


def test_known_distributions(x64):
    y = jax.random.normal(jax.random.key(0), (2000, 50), float)
    assert abs(probes.excess_kurtosis(y)) < 0.1
    assert probes.distance_from_normal(y) < 0.01
    np.testing.assert_allclose(probes.unit_correlation(y), np.sqrt(2 / (np.pi * 2000)), rtol=0.1)
    np.testing.assert_allclose(probes.effective_rank(y), 50 / (1 + 50 / 2000), rtol=0.02)
    np.testing.assert_allclose(
        probes.excess_kurtosis(jax.random.uniform(jax.random.key(0), (2000, 50), float)), -1.2, atol=0.02
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_a_layer_of_one_value_has_no_shape_and_no_rank(value):
    y = jnp.full((30, 4), value)
    assert probes.standard_deviation(y) < 1e-6
    assert probes.effective_rank(y) == 0
    for name in ("excess_kurtosis", "distance_from_normal", "unit_correlation"):
        assert np.isnan(getattr(probes, name)(y)), name
    found = probes.input_correlation(y)
    assert np.isnan(found) if value == 0 else np.isclose(found, 1)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturation_is_where_the_derivative_is_small(x64, activation):
    x = jnp.linspace(-8, 8, 4001)[:, None]
    f = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}[activation]
    slope = jax.vmap(jax.grad(f))(x[:, 0])
    expected = np.mean(np.asarray(slope) < 0.05 * np.max(np.asarray(slope)))
    np.testing.assert_allclose(probes.saturated_share(f(x), activation), expected, atol=1e-12)
    limit = {"sigmoid": 4.36, "tanh": 2.18}[activation]
    np.testing.assert_allclose(expected, 1 - limit / 8, atol=2e-3)


def test_saturation_of_a_relu_is_refused():
    with pytest.raises(InputError, match="unknown activation that saturates 'relu': choose one of sigmoid, tanh"):
        probes.saturated_share(jnp.ones((1, 1)), "relu")


def test_distinct_rows_are_numpy_s(x64):
    y = RNG.integers(3, size=(200, 3)) + 1e-7 * RNG.normal(size=(200, 3))
    count = jax.jit(probes.distinct_rows)
    assert count(jnp.asarray(y), 1e-3) == len(np.unique(np.round(y), axis=0)) == 27
    assert count(jnp.asarray(y), 1e-12) == 200
    assert count(jnp.zeros((7, 2)), 1e-6) == 1


def test_runs_are_vmapped_and_nan_stays_nan(x64):
    many = jnp.stack([jnp.asarray(SKEWED), jnp.full_like(jnp.asarray(SKEWED), jnp.nan)])
    for name in ("standard_deviation", "excess_kurtosis", "distance_from_normal", "unit_correlation", "effective_rank"):
        found = jax.vmap(getattr(probes, name))(many)
        np.testing.assert_allclose(found[0], getattr(probes, name)(many[0]), rtol=1e-12)
        assert np.isnan(found[1]), name
