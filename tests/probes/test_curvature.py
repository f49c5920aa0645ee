"""C-019, C-023: the Hessian's ends, trace and norm against the dense Hessian in float64; sharpness; invariance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.sparse.linalg import LinearOperator, eigsh

from jaxmlp.nn import NetHyper
from jaxmlp.probes.curvature import (
    adam_preconditioner,
    filter_preconditioner,
    gradient_sharpness,
    hessian_extremes,
    hessian_product,
    hessian_size,
)
from tests.probes.small_nets import SPECS, dense_hessian, net_and_loss

KEY = jax.random.key(0)

extremes = jax.jit(hessian_extremes, static_argnames=("loss", "steps"))
sharpness = jax.jit(gradient_sharpness, static_argnames="loss")


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", SPECS)
def test_products_are_those_of_the_dense_hessian(x64, name, train):
    params, loss = net_and_loss(name, train=train)
    dense = dense_hessian(net_and_loss(name, "autodiff", train)[1], params)
    product, flat = hessian_product(loss, params)
    mine = jax.jit(jax.vmap(product))(jnp.eye(flat.size))
    np.testing.assert_allclose(mine, dense, atol=1e-9 * np.abs(dense).max())


def test_forward_over_reverse_is_not_to_be_had(x64):
    """Why products are reverse over reverse: the hand-written rules have no forward derivative."""
    params, loss = net_and_loss("tanh")
    with pytest.raises(TypeError, match="forward-mode autodiff"):
        jax.jvp(jax.grad(loss), (params,), (params,))


@pytest.mark.parametrize("name", ["tanh", "relu", "batch_norm", "residual"])
def test_the_ends_are_those_of_the_dense_hessian_and_of_scipy(x64, name):
    params, loss = net_and_loss(name)
    dense = dense_hessian(net_and_loss(name, "autodiff")[1], params)
    found = extremes(loss, params, KEY, steps=60)
    values = jnp.linalg.eigh(dense)[0]
    np.testing.assert_allclose(found[:2], values[jnp.array([0, -1])], atol=1e-6 * np.abs(values).max())
    product, flat = hessian_product(loss, params)
    operator = LinearOperator((flat.size, flat.size), matvec=jax.jit(product), dtype=float)
    theirs = [float(eigsh(operator, k=1, which=which)[0][0]) for which in ("SA", "LA")]
    np.testing.assert_allclose(found[:2], theirs, atol=1e-6 * np.abs(values).max())


def test_a_preconditioner_gives_the_ends_of_p_inverse_h(x64):
    params, loss = net_and_loss("tanh")
    dense = dense_hessian(net_and_loss("tanh", "autodiff")[1], params)
    p = np.random.default_rng(0).uniform(0.1, 2, size=len(dense))
    p[:3] = np.inf  # these stay
    with np.errstate(divide="ignore"):
        values = np.sort(np.linalg.eigvals(np.diag(1 / p) @ dense).real)
    found = extremes(loss, params, KEY, steps=60, preconditioner=ravel_pytree(params)[1](jnp.asarray(p)))
    np.testing.assert_allclose(found[:2], values[[0, -1]], rtol=1e-6)
    np.testing.assert_allclose(found.largest_vector[:3], 0, atol=1e-9)


def test_trace_and_norm_lie_within_their_errors(x64):
    params, loss = net_and_loss("batch_norm")
    dense = dense_hessian(net_and_loss("batch_norm", "autodiff")[1], params)
    trace, norm = jax.jit(lambda p: hessian_size(loss, p, KEY, draws=400))(params)
    for found, exact in ((trace, np.trace(dense)), (norm, np.linalg.norm(dense))):
        assert abs(found.value - exact) < 4 * found.error
        assert found.error < 0.2 * exact


def test_the_trace_of_a_quadratic_with_a_diagonal_hessian_is_exact(x64):
    loss = lambda p: jnp.sum(p["a"] ** 2) + 3 * jnp.sum(p["b"] ** 2)
    trace, norm = hessian_size(loss, {"a": jnp.ones(4), "b": jnp.ones((2, 3))}, KEY, draws=2)
    np.testing.assert_allclose([trace.value, norm.value], [4 * 2 + 6 * 6, np.sqrt(4 * 4 + 6 * 36)], rtol=1e-12)


@pytest.mark.parametrize("name", SPECS)
def test_sharpness_along_the_gradient(x64, name):
    """Against the dense Hessian, and by what it says: the second difference of the loss along the gradient."""
    params, loss = net_and_loss(name)
    g, unravel = ravel_pytree(jax.grad(loss)(params))
    flat, _ = ravel_pytree(params)
    found = sharpness(loss, params)
    dense = dense_hessian(net_and_loss(name, "autodiff")[1], params)
    np.testing.assert_allclose(found, g @ dense @ g / (g @ g), rtol=1e-9)
    h = 1e-4 / jnp.linalg.norm(g)
    up, here, down = (loss(unravel(flat + t * g)) for t in (h, 0.0, -h))
    np.testing.assert_allclose(found, (up - 2 * here + down) / 1e-8, rtol=1e-3)


def test_it_is_nan_where_there_is_no_gradient():
    assert np.isnan(gradient_sharpness(lambda x: jnp.sum(x**2), jnp.zeros(3)))


def test_adam_s_preconditioner_is_that_of_its_step(x64):
    """θ ← θ − η P⁻¹ m, with m and v as they are: against the documents' Adam with corrected moments."""
    rng = np.random.default_rng(0)
    m, v, t, b1, b2, eps = rng.normal(size=3), rng.uniform(size=3), 5, 0.9, 0.99, 1e-3
    documents = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    p = adam_preconditioner((jnp.asarray(v),), t, beta1=b1, beta2=b2, eps=eps)[0]
    np.testing.assert_allclose(m / p, documents, rtol=1e-12)


def rescaled(params, factor):
    """Filters of all but the last layer and their biases times a number: behind batch norm nothing changes."""
    hidden = [
        layer | {name: factor * layer[name] for name in ("weight", "bias") if name in layer} for layer in params[:-1]
    ]
    return (*hidden, params[-1])


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_behind_batch_norm_raw_curvature_falls_with_the_scale_and_relative_curvature_does_not(x64, factor):
    params, loss = net_and_loss("norm_first", hyper=NetHyper(norm_eps=1e-14))
    larger = rescaled(params, factor)
    np.testing.assert_allclose(loss(larger), loss(params), rtol=1e-9)

    def largest(at, preconditioner):
        return extremes(loss, at, KEY, steps=70, preconditioner=preconditioner).largest

    relative = [largest(at, filter_preconditioner(at)) for at in (params, larger)]
    np.testing.assert_allclose(*relative, rtol=1e-6)

    def first_layer_only(at):
        hold = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.inf), at)
        return (jax.tree.map(jnp.ones_like, at[0]) | {k: hold[0][k] for k in at[0] if k != "weight"}, *hold[1:])

    raw = [largest(at, first_layer_only(at)) for at in (params, larger)]
    np.testing.assert_allclose(raw[1] * factor**2, raw[0], rtol=1e-6)


def test_runs_are_vmapped(x64):
    params, loss = net_and_loss("tanh")
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
    probe = lambda p: (extremes(loss, p, KEY, steps=8).largest, sharpness(loss, p))
    both = jax.jit(jax.vmap(probe))(many)
    alone = [probe(jax.tree.map(lambda leaf, i=i: leaf[i], many)) for i in (0, 1)]
    np.testing.assert_allclose(np.transpose(both), alone, rtol=1e-9)
