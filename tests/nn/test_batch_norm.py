"""S-025, S-026: batch norm's rule for all three outputs, checked three ways; running statistics; modes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from jax.test_util import check_grads

from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, NetHyper, apply_mlp, batch_norm_eval, batch_norm_train, init_mlp
from tests.nn import oracles

CASES = [(2, 1, 1e-5), (5, 3, 1e-5), (16, 4, 1e-3), (100, 2, 1e-5)]  # B, C, eps


def make(batch, features, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=3.0, scale=2.0, size=(batch, features))
    scale, shift, g_mean, g_var = rng.normal(size=(4, features))
    return scale, shift, x, (rng.normal(size=x.shape), g_mean, g_var)


@pytest.mark.parametrize(("batch", "features", "eps"), CASES)
def test_forward_and_backward_are_the_closed_form(x64, batch, features, eps):
    scale, shift, x, cotangents = make(batch, features)
    outputs, vjp = jax.vjp(lambda *a: batch_norm_train(*a, eps), *map(jnp.asarray, (scale, shift, x)))
    for mine, formula in zip(outputs, oracles.batch_norm(scale, shift, x, eps), strict=True):
        np.testing.assert_allclose(mine, formula, rtol=1e-11, atol=1e-12)
    backward = oracles.batch_norm_backward(scale, x, eps, *cotangents)
    for mine, formula in zip(vjp(tuple(map(jnp.asarray, cotangents))), backward, strict=True):
        np.testing.assert_allclose(mine, formula, rtol=1e-9, atol=1e-10)


def test_an_unknown_backward_rule_says_what_there_is():
    with pytest.raises(InputError, match="unknown backward 'x': choose one of manual, autodiff, d4_shipped"):
        batch_norm_train(jnp.ones(3), jnp.zeros(3), jnp.ones((2, 3)), 1e-5, backward="x")


def scalar(scale, shift, x, backward="manual", eps=1e-5):
    """A scalar that uses all three outputs, so that a rule which forgets one shows."""
    y, mean, var = batch_norm_train(scale, shift, x, eps, backward=backward)
    return jnp.sum(jnp.sin(y)) + jnp.sum(jnp.cos(mean)) + jnp.sum(mean * var)


@pytest.mark.parametrize(("batch", "features", "eps"), CASES)
def test_backward_is_the_numeric_derivative(x64, batch, features, eps):
    """S-095: D0's own check lacked arguments, and tested nothing."""
    scale, shift, x, _ = make(batch, features)
    check_grads(lambda *a: scalar(*a, eps=eps), (scale, shift, x), order=1, modes=("rev",), eps=1e-6)


def gradients(backward, transform):
    scale, shift, x, _ = make(6, 3)
    scale, shift, x = map(jnp.asarray, (scale, shift, x))
    grad = jax.grad(lambda *a: scalar(*a, backward=backward), argnums=(0, 1, 2))
    if transform == "plain":
        return grad(scale, shift, x)
    if transform == "vmap of grad":
        return jax.vmap(grad, (0, None, 0))(jnp.stack([scale, -scale]), shift, jnp.stack([x, x * x]))
    if transform == "grad of vmap":
        many = jax.vmap(lambda s, x: scalar(s, shift, x, backward), (None, 0))
        return jax.grad(lambda s: jnp.sum(many(s, jnp.stack([x, x * x]))))(scale)
    layer = lambda h, _: (jnp.sin(batch_norm_train(scale, shift, h, 1e-5, backward=backward)[0]), None)
    return jax.jit(jax.grad(lambda x: jnp.sum(jax.lax.scan(layer, x, None, 3)[0])))(x)


@pytest.mark.parametrize("transform", ["plain", "vmap of grad", "grad of vmap", "grad of scan"])
def test_backward_equals_its_autodiff_twin(x64, transform):
    manual, twin = (gradients(backward, transform) for backward in ("manual", "autodiff"))
    chex.assert_trees_all_close(manual, twin, rtol=1e-10, atol=1e-10)


def test_eps_may_be_traced_and_carries_no_gradient(x64):
    scale, shift, x, _ = make(6, 3)
    for backward in ("manual", "autodiff"):
        grad = jax.grad(lambda eps, b=backward: scalar(scale, shift, jnp.asarray(x), b, eps))
        assert jax.jit(grad)(1e-3) == 0.0


def test_large_means_do_not_cancel():
    x = 1e4 + np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    _, _, var = batch_norm_train(jnp.ones(2), jnp.zeros(2), jnp.asarray(x), 1e-5)
    np.testing.assert_allclose(var, x.astype(np.float64).var(axis=0), rtol=1e-3)  # E[x²] − μ² is off by > 1


@pytest.mark.parity
def test_equals_torch_up_to_the_unbiased_running_variance(x64):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    batch = 10
    scale, shift, x, (g, _, _) = make(batch, 4)
    theirs = torch.nn.BatchNorm1d(4, eps=1e-5, momentum=0.1, dtype=torch.float64)
    theirs.weight.data, theirs.bias.data = torch.tensor(scale), torch.tensor(shift)
    leaf = torch.tensor(x, requires_grad=True)
    out = theirs(leaf)
    out.backward(torch.tensor(g))
    forward = lambda *a: batch_norm_train(*a, 1e-5)
    (y, mean, var), vjp = jax.vjp(forward, *map(jnp.asarray, (scale, shift, x)))
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-10)
    mine = vjp((jnp.asarray(g), jnp.zeros(4), jnp.zeros(4)))
    for a, b in zip(mine, (theirs.weight.grad, theirs.bias.grad, leaf.grad), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(0.1 * mean, theirs.running_mean.numpy(), rtol=1e-10)
    unbiased = var * batch / (batch - 1)
    np.testing.assert_allclose(0.9 + 0.1 * unbiased, theirs.running_var.numpy(), rtol=1e-10)
    theirs.eval()
    evaluated = batch_norm_eval(scale, shift, 0.1 * mean, 0.9 + 0.1 * unbiased, jnp.asarray(x), 1e-5)
    np.testing.assert_allclose(evaluated, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("var_start", [0.0, 1.0])
def test_running_statistics_are_flax_s_from_either_start(var_start):
    """Two training batches, then evaluation; A-12: the variance starts at 0 (D0) or 1."""
    spec = MLPSpec(widths=(3, 5, 2), norm="batch_norm", norm_position="pre_activation", bias=False)
    hyper = NetHyper(running_var_start=var_start)
    params, state = init_mlp(jax.random.key(0), spec, hyper)
    batches = jax.random.normal(jax.random.key(1), (2, 8, 3))
    flax_norm = linen.BatchNorm(momentum=0.9, epsilon=1e-5, use_fast_variance=False)
    stats = {"mean": jnp.zeros(5), "var": jnp.full(5, var_start)}
    norm = {"scale": jnp.ones(5), "bias": jnp.zeros(5)}
    for x in batches:
        _, state, _ = apply_mlp(params, state, x, spec=spec, hyper=hyper, train=True)
        _, new = flax_norm.apply(
            {"params": norm, "batch_stats": stats},
            x @ params[0]["weight"].T,
            use_running_average=False,
            mutable=["batch_stats"],
        )
        stats = new["batch_stats"]
    np.testing.assert_allclose(state[0]["mean"], stats["mean"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state[0]["var"], stats["var"], rtol=1e-5)
    x = batches[0]
    hidden = flax_norm.apply(
        {"params": norm, "batch_stats": stats}, x @ params[0]["weight"].T, use_running_average=True
    )
    logits, after, _ = apply_mlp(params, state, x, spec=spec, hyper=hyper, train=False)
    expected = np.maximum(hidden, 0) @ np.asarray(params[1]["weight"]).T
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert after[0]["mean"] is state[0]["mean"]  # evaluation leaves them alone


@pytest.mark.parametrize(("batch", "error"), [(10, 0.48), (100, 0.09), (200, 0.03)])
def test_d4_s_shipped_rule_is_wrong_by_the_ledger_s_amount(x64, batch, error):
    """S-030: it divides by 300 features instead of the batch; dγ and dβ are right, and so is the manual rule."""
    rng = np.random.default_rng(batch)
    x, g = rng.normal(size=(2, batch, 300))
    scale, shift = np.ones(300), np.zeros(300)
    truth = oracles.batch_norm_backward(scale, x, 1e-3, g, np.zeros(300), np.zeros(300))
    cotangents = tuple(map(jnp.asarray, (g, np.zeros(300), np.zeros(300))))

    def gradients_of(backward):
        forward = lambda *a: batch_norm_train(*a, 1e-3, backward=backward)
        return jax.vjp(forward, *map(jnp.asarray, (scale, shift, x)))[1](cotangents)

    shipped, right = gradients_of("d4_shipped"), gradients_of("manual")
    off = np.linalg.norm(shipped[2] - truth[2]) / np.linalg.norm(truth[2])
    assert off == pytest.approx(error, rel=0.15)
    np.testing.assert_allclose(right[2], truth[2], rtol=1e-8, atol=1e-8)
    for a, b in zip(shipped[:2], truth[:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_batch_norm_can_undo_itself():
    """C-431: γ = √(σ² + ε), β = μ is the identity."""
    x = 3.0 + 2.0 * jax.random.normal(jax.random.key(0), (50, 4))
    scale = jnp.sqrt(jnp.var(x, axis=0) + 1e-5)
    y, _, _ = batch_norm_train(scale, jnp.mean(x, axis=0), x, 1e-5)
    np.testing.assert_allclose(y, x, rtol=1e-4, atol=1e-5)


def test_normalizing_maps_of_a_convolution_is_normalizing_their_pixels_as_rows():
    """S-032, a shape test: (N, C, H, W) with statistics (1, C, 1, 1) is this rule on [N·H·W, C]."""
    x = jax.random.normal(jax.random.key(0), (3, 5, 4, 2))
    rows = jnp.moveaxis(x, 1, 3).reshape(-1, 5)
    y, mean, var = batch_norm_train(jnp.ones(5), jnp.zeros(5), rows, 1e-5)
    y = jnp.moveaxis(y.reshape(3, 4, 2, 5), 3, 1)
    expected = (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)
    assert mean.shape == var.shape == (5,)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backward", ["manual", "autodiff"])
def test_one_row_has_no_statistics_of_its_own(x64, backward):
    """S-118: the output is the shift whatever the row, and its gradient is 0; running statistics predict it."""
    rng = np.random.default_rng(0)
    scale, shift, mean, row, other = rng.normal(size=(5, 4))
    var = rng.uniform(0.5, 2.0, 4)
    for x in (row, other):
        of = lambda x: batch_norm_train(jnp.asarray(scale), jnp.asarray(shift), x, 1e-5, backward=backward)
        (y, _, batch_var), back = jax.vjp(of, jnp.asarray(x)[None])
        np.testing.assert_array_equal(y[0], shift)
        np.testing.assert_array_equal(batch_var, np.zeros(4))
        np.testing.assert_allclose(back((jnp.ones((1, 4)), jnp.zeros(4), jnp.zeros(4)))[0], np.zeros((1, 4)), atol=1e-9)
        running = batch_norm_eval(*map(jnp.asarray, (scale, shift, mean, var)), jnp.asarray(x)[None], 1e-5)
        np.testing.assert_allclose(running[0], scale * (x - mean) / np.sqrt(var + 1e-5) + shift, rtol=1e-12)


@pytest.mark.parity
def test_torch_too_refuses_or_predicts_one_row():
    """S-118: in training mode it has no answer, in evaluation mode ours."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    norm, row = torch.nn.BatchNorm1d(3), torch.tensor([[1.0, -2.0, 3.0]])
    norm(torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, 5.0]]))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm(row)
    norm.eval()
    mean, var = (jnp.asarray(a.numpy()) for a in (norm.running_mean, norm.running_var))
    ours = batch_norm_eval(jnp.ones(3), jnp.zeros(3), mean, var, jnp.asarray(row.numpy()), norm.eps)
    np.testing.assert_allclose(ours, norm(row).detach().numpy(), rtol=1e-6)
