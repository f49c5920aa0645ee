"""S-067, S-068: every penalty against NumPy's norms, its derivative, and the contracts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxmlp.nn import PENALTIES
from tests.nn import oracles


def weights(seed=0):
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.standard_normal(shape)) for shape in ((3, 2), (4, 3))]


@pytest.mark.parametrize("name", PENALTIES)
def test_each_is_the_norm_of_all_weights_as_one_vector(x64, name):
    vector = np.concatenate([np.ravel(w) for w in weights()])
    assert float(PENALTIES[name](weights())) == pytest.approx(oracles.PENALTIES[name](vector), rel=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_derivatives_by_finite_differences_and_0_at_0(x64, name):
    check_grads(PENALTIES[name], (weights(),), order=1, modes=("fwd", "rev"))
    value, slopes = jax.value_and_grad(PENALTIES[name])([jnp.zeros((3, 2))])
    assert value == 0
    np.testing.assert_array_equal(slopes[0], np.zeros((3, 2)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", PENALTIES)
def test_a_weight_that_has_left_the_floats_is_seen(name, bad):
    np.testing.assert_array_equal(PENALTIES[name]([jnp.asarray([[1.0, bad]], jnp.float32)]), bad)


@pytest.mark.parametrize("name", PENALTIES)
def test_jit_and_lanes_change_nothing_and_the_dtype_is_kept(name):
    small = [weight.astype(jnp.float32) for weight in weights()]
    plain = PENALTIES[name](small)
    assert (plain.shape, plain.dtype) == ((), jnp.float32)
    np.testing.assert_allclose(jax.jit(PENALTIES[name])(small), plain, rtol=1e-6)
    lanes = jax.vmap(PENALTIES[name])([jnp.stack([weight, 2 * weight]) for weight in small])
    np.testing.assert_allclose(lanes[1], PENALTIES[name]([2 * weight for weight in small]), rtol=1e-6)
