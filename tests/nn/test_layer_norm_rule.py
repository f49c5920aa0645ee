"""S-033: layer norm against PyTorch and NumPy, its numeric derivative, and what it is invariant to (C-111)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxmlp.nn import layer_norm

rng = np.random.default_rng(0)
X, G = 3 + 2 * rng.normal(size=(2, 6, 5))
SCALE, SHIFT = rng.normal(size=(2, 5))


def test_value_is_the_formula_row_by_row(x64):
    y = layer_norm(jnp.asarray(SCALE), jnp.asarray(SHIFT), jnp.asarray(X), 1e-5)
    for row, out in zip(X, y, strict=True):
        np.testing.assert_allclose(out, SCALE * (row - row.mean()) / np.sqrt(row.var() + 1e-5) + SHIFT, rtol=1e-12)


def test_backward_is_the_closed_form_and_the_numeric_derivative(x64):
    """dx = (1/s)(d − mean(d) − x̂ mean(d x̂)) with d = g γ, per row."""
    _, vjp = jax.vjp(lambda *a: layer_norm(*a, 1e-5), *map(jnp.asarray, (SCALE, SHIFT, X)))
    d_scale, d_shift, dx = vjp(jnp.asarray(G))
    s = np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    xhat, d = (X - X.mean(axis=1, keepdims=True)) / s, G * SCALE
    expected = (d - d.mean(axis=1, keepdims=True) - xhat * (d * xhat).mean(axis=1, keepdims=True)) / s
    np.testing.assert_allclose(dx, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d_scale, (G * xhat).sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(d_shift, G.sum(axis=0), rtol=1e-12)
    check_grads(lambda *a: jnp.sin(layer_norm(*a, 1e-5)), (SCALE, SHIFT, X), 1, modes=("rev",))


@pytest.mark.parity
def test_equals_torch(x64):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    leaves = [torch.tensor(a, requires_grad=True) for a in (SCALE, SHIFT, X)]
    out = torch.nn.functional.layer_norm(leaves[2], (5,), leaves[0], leaves[1], eps=1e-5)
    out.backward(torch.tensor(G))
    y, vjp = jax.vjp(lambda *a: layer_norm(*a, 1e-5), *map(jnp.asarray, (SCALE, SHIFT, X)))
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-10)
    for mine, leaf in zip(vjp(jnp.asarray(G)), leaves, strict=True):
        np.testing.assert_allclose(mine, leaf.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_scale_and_shift_of_a_row_make_no_difference(x64):
    one = layer_norm(jnp.asarray(SCALE), jnp.asarray(SHIFT), jnp.asarray(X), 1e-12)
    other = layer_norm(jnp.asarray(SCALE), jnp.asarray(SHIFT), jnp.asarray(7 * X - 3), 1e-12)
    np.testing.assert_allclose(one, other, rtol=1e-8)


def test_jit_and_vmap_change_nothing():
    arguments = [jnp.asarray(a, jnp.float32) for a in (SCALE, SHIFT, X)]
    plain = layer_norm(*arguments, 1e-5)
    assert plain.dtype == jnp.float32
    np.testing.assert_allclose(jax.jit(layer_norm)(*arguments, 1e-5), plain, rtol=1e-5, atol=1e-6)
    rows = jax.vmap(lambda x: layer_norm(*arguments[:2], x[None, :], 1e-5)[0])(arguments[2])
    np.testing.assert_allclose(rows, plain, rtol=1e-5, atol=1e-6)
