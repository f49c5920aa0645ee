"""S-106, C-410: finite differences against SciPy's, their orders of error, and the relative error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import approx_fprime

from jaxmlp.baselines import linear_objective
from jaxmlp.errors import InputError
from jaxmlp.probes import numeric_gradient, relative_error
from tests.probes.small_nets import net_and_loss

X = np.random.default_rng(0).normal(size=6)

numeric = jax.jit(numeric_gradient, static_argnames=("f", "kind"))
error = jax.jit(relative_error)


def wavy(x):
    return jnp.sum(jnp.sin(x) * jnp.arange(1.0, x.size + 1)) + jnp.prod(x)


def test_forward_difference_is_scipy_s(x64):
    theirs = approx_fprime(X, jax.jit(wavy), 1e-6)
    np.testing.assert_allclose(numeric(wavy, jnp.asarray(X), 1e-6, kind="forward"), theirs, rtol=1e-8)


@pytest.mark.parametrize(("kind", "order"), [("forward", 1), ("centred", 2)])
def test_error_falls_with_the_step_to_the_power_of_its_order(x64, kind, order):
    x = jnp.asarray(X)
    exact = jax.jit(jax.grad(wavy))(x)
    wide, narrow = (error(exact, numeric(wavy, x, h, kind=kind)) for h in (1e-2, 1e-3))
    np.testing.assert_allclose(jnp.log10(wide / narrow), order, atol=0.05)


@pytest.mark.parametrize(("loss", "kind"), [("svm", "forward"), ("softmax", "centred")])
def test_it_confirms_the_gradient_of_a_pytree_of_parameters(x64, loss, kind):
    rng = np.random.default_rng(1)
    params = {"weight": jnp.asarray(rng.normal(size=(3, 4))), "bias": jnp.asarray(rng.normal(size=3))}
    x, labels = rng.normal(size=(5, 4)), np.array([0, 1, 2, 0, 1])
    objective = lambda p: linear_objective(p, x, labels, loss=loss, l2=0.1)
    exact = jax.jit(jax.grad(objective))(params)
    differences = numeric(objective, params, 1e-6, kind=kind)
    assert jax.tree.structure(differences) == jax.tree.structure(params)
    assert error(exact, differences) < 1e-5
    wrong = exact | {"bias": 1.1 * exact["bias"]}
    assert error(wrong, differences) > 1e-3


@pytest.mark.parametrize("name", ["batch_norm", "residual"])
def test_it_confirms_the_gradient_of_a_whole_net(x64, name):
    params, loss = net_and_loss(name)
    assert error(jax.jit(jax.grad(loss))(params), numeric(loss, params, 1e-5)) < 1e-7


@pytest.mark.parametrize(("factor", "expected"), [(1, 0), (-1, 2), (0, 1), (2, 0.5)])
def test_relative_error_of_a_multiple(factor, expected):
    a = np.array([3.0, -4.0], np.float32)
    np.testing.assert_allclose(error(a, np.float32(factor) * a), expected)
    assert error(0 * a, 0 * a) == 0


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="unknown difference 'backward': choose one of forward, centred"):
        numeric_gradient(wavy, jnp.ones(2), 1e-3, kind="backward")
