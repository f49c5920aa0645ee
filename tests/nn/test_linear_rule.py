"""S-020: the linear rule, checked numerically, against its twin and against NumPy; and where it runs."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxmlp.errors import InputError
from jaxmlp.nn import linear
from tests.nn import oracles

# B, I, O: written as sums, and, the last, as a call of a matrix product.
SHAPES = [(1, 1, 1), (5, 3, 4), (2, 7, 1), (16, 9, 12)]


def make(batch, inputs, outputs, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (outputs, inputs), (outputs,), (batch, inputs), (batch, outputs)
    return tuple(rng.normal(size=shape) for shape in shapes)


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_backward_are_the_closed_form(x64, shape):
    weight, bias, x, g = make(*shape)
    y, vjp = jax.vjp(linear, *map(jnp.asarray, (weight, bias, x)))
    np.testing.assert_allclose(y, oracles.linear(weight, bias, x), rtol=1e-12)
    for mine, formula in zip(vjp(jnp.asarray(g)), oracles.linear_backward(weight, x, g), strict=True):
        np.testing.assert_allclose(mine, formula, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_backward_is_the_numeric_derivative(x64, shape, with_bias):
    """S-095, D0's own check."""
    weight, bias, x, _ = map(jnp.asarray, make(*shape))
    if with_bias:
        check_grads(lambda w, b, x: jnp.sin(linear(w, b, x)), (weight, bias, x), order=1, modes=("rev",))
    else:
        check_grads(lambda w, x: jnp.sin(linear(w, None, x)), (weight, x), order=1, modes=("rev",))


def gradients(backward, transform, shape):
    """Gradients of a scalar of the layer, through one of jax's transformations."""
    weight, bias, x, g = map(jnp.asarray, make(*shape))

    def scalar(weight, bias, x):
        y = linear(weight, bias, x, backward=backward)
        return jnp.sum(jnp.sin(y) * g)

    grad = jax.grad(scalar, argnums=(0, 1, 2))
    if transform == "plain":
        return grad(weight, bias, x)
    if transform == "grad of vmap":  # two networks, one batch
        stacked = jnp.stack([weight, 2 * weight])
        return jax.grad(lambda w: jnp.sum(jax.vmap(scalar, (0, None, None))(w, bias, x)))(stacked)
    if transform == "vmap of grad":
        return jax.vmap(grad, (0, None, 0))(jnp.stack([weight, -weight]), bias, jnp.stack([x, x + 1]))

    def through_scan(weight, bias):
        square = weight[:, : len(weight)]
        return jnp.sum(jax.lax.scan(lambda h, _: (linear(square, bias, h, backward=backward), h), g, None, 3)[0])

    return jax.jit(jax.grad(through_scan, argnums=(0, 1)))(weight, bias)


@pytest.mark.parametrize("shape", [(6, 5, 4), (24, 9, 8)])
@pytest.mark.parametrize("transform", ["plain", "vmap of grad", "grad of vmap", "grad of scan"])
def test_backward_equals_its_autodiff_twin(x64, transform, shape):
    manual, twin = (gradients(backward, transform, shape) for backward in ("manual", "autodiff"))
    chex.assert_trees_all_close(manual, twin, rtol=1e-12, atol=1e-12)


@pytest.mark.parity
def test_equals_torch(x64):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    weight, bias, x, g = make(8, 6, 5)
    leaves = [torch.tensor(a, requires_grad=True) for a in (weight, bias, x)]
    theirs = torch.nn.functional.linear(leaves[2], leaves[0], leaves[1])
    theirs.backward(torch.tensor(g))
    y, vjp = jax.vjp(linear, *map(jnp.asarray, (weight, bias, x)))
    np.testing.assert_allclose(y, theirs.detach().numpy(), rtol=1e-12)
    for mine, leaf in zip(vjp(jnp.asarray(g)), leaves, strict=True):
        np.testing.assert_allclose(mine, leaf.grad.numpy(), rtol=1e-11, atol=1e-12)


def test_hessian_vector_products_work_in_reverse_over_reverse(x64):
    weight, bias, x, g = map(jnp.asarray, make(4, 3, 2))

    def grad(backward):
        return jax.grad(lambda w: jnp.sum(jnp.sin(linear(w, bias, x, backward=backward)) * g))

    v = jnp.cos(weight)
    reverse = jax.grad(lambda w: jnp.vdot(grad("manual")(w), v))(weight)
    forward = jax.jvp(grad("autodiff"), (weight,), (v,))[1]  # the twin is the way to forward mode
    np.testing.assert_allclose(reverse, forward, rtol=1e-11)


@pytest.mark.parametrize("inputs", [4096, 128])
def test_bfloat16_rounds_the_operands_and_accumulates_in_float32(inputs):
    rng = np.random.default_rng(0)
    weight, x = (rng.normal(size=shape).astype(np.float32) for shape in ((3, inputs), (2, inputs)))
    round16 = lambda a: np.asarray(jnp.asarray(a).astype(jnp.bfloat16).astype(jnp.float32))
    y = linear(jnp.asarray(weight), None, jnp.asarray(x), precision="bfloat16")
    exact_products_of_rounded = round16(x).astype(np.float64) @ round16(weight).astype(np.float64).T
    assert y.dtype == jnp.float32
    # Accumulating so many terms in bfloat16 would be off by percents.
    np.testing.assert_allclose(y, exact_products_of_rounded, rtol=1e-4, atol=1e-3)
    assert np.abs(np.asarray(y) - x @ weight.T).max() > 1e-3


@pytest.mark.parametrize(("option", "value"), [("precision", "float16"), ("backward", "torch")])
def test_unknown_options_name_what_is_accepted(option, value):
    weight, bias, x, _ = (jnp.asarray(a, jnp.float32) for a in make(2, 2, 2))
    with pytest.raises(InputError, match=rf"unknown {option} '{value}': choose one of "):
        linear(weight, bias, x, **{option: value})
