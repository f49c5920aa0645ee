"""Batch normalization and its hand-derived backward rule (S-025, S-026).

Forward, per feature over the B rows of a batch, with the *biased* variance:

    μ = (1/B) Σ x      σ² = (1/B) Σ (x − μ)²      x̂ = (x − μ)/√(σ² + ε)      y = γ x̂ + β

Backward. μ and σ² depend on every row, so the chain rule runs through them; with g = ∂L/∂y [B, C]:

    (1) dx̂  = g γ
    (2) dσ² = Σ dx̂ (x − μ) · (−½)(σ² + ε)^(−3/2)
    (3) dμ  = −Σ dx̂ /√(σ² + ε)  +  dσ² · Σ −2(x − μ)/B        the second term is 0, since Σ(x − μ) = 0
    (4) dx  = dx̂ /√(σ² + ε)  +  dσ² · 2(x − μ)/B  +  dμ /B
    (5) dγ  = Σ g x̂
    (6) dβ  = Σ g

One row has no statistics of its own (S-118): x − μ and σ² are 0, so y is the shift whatever x is, and dx and dγ are 0.
A single example is predicted by running statistics.

`batch_norm_train` also returns μ and σ²; what flows back into them is added in (2) and (3).
"""

import chex
import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.errors import check_choice
from jaxmlp.nn.linear_rule import BACKWARDS


def batch_norm_train(
    scale: Array, shift: Array, x: Array, eps: Array | float, *, backward: str = "manual"
) -> tuple[Array, Array, Array]:
    """Normalize a batch by its own statistics.

    Args:
        scale: γ, [C].
        shift: β, [C].
        x: [B, C].
        eps: ε > 0 added to the variance (1e-5 in D0, 1e-3 in D4: S-029); a constant of the rule, its
            cotangent is zero. May be traced.
        backward: one of `BACKWARDS`.

    Returns:
        (y [B, C], mean μ [C], biased variance σ² [C]); all three carry gradients.

    Raises:
        InputError: unknown `backward`.

    >>> y, mean, var = batch_norm_train(jnp.ones(1), jnp.zeros(1), jnp.array([[1.0], [3.0]]), 1e-5)
    >>> y.round(4).tolist(), mean.tolist(), var.tolist()
    ([[-1.0], [1.0]], [2.0], [1.0])
    """
    check_choice("backward", backward, BACKWARDS)
    eps = lax.stop_gradient(jnp.asarray(eps, x.dtype))
    rules = {"manual": _batch_norm, "autodiff": _batch_norm_forward, "d4_shipped": _d4_shipped}
    return rules[backward](scale, shift, x, eps)


def batch_norm_eval(scale: Array, shift: Array, mean: Array, var: Array, x: Array, eps: Array | float) -> Array:
    """Normalize by given statistics, such as the running ones (S-025, S-031): γ (x − mean)/√(var + ε) + β.

    Args:
        scale: γ, [C].
        shift: β, [C].
        mean: [C].
        var: [C], at least 0.
        x: [B, C].
        eps: ε > 0.

    Returns:
        y, [B, C].

    >>> x, ones = jnp.array([[1.0], [3.0]]), jnp.ones(1)
    >>> batch_norm_eval(ones, 0 * ones, 2 * ones, 4 * ones, x, 0.0).tolist()
    [[-0.5], [0.5]]
    """
    inv_std = lax.rsqrt(var + jnp.asarray(eps, x.dtype))
    return (x - mean[None, :]) * (scale * inv_std)[None, :] + shift[None, :]


def _batch_norm_forward(scale, shift, x, eps):
    chex.assert_rank(x, 2)
    chex.assert_shape([scale, shift], x.shape[1:])
    mean = jnp.mean(x, axis=0)
    # Two passes: E[x²] − μ² cancels catastrophically where |μ| ≫ σ.
    var = jnp.mean(jnp.square(x - mean[None, :]), axis=0)
    return batch_norm_eval(scale, shift, mean, var, x, eps), mean, var


def _backward(residuals, cotangents, batch):
    """(dγ, dβ, dx); `batch` is the B that the formulas divide by."""
    scale, x, mean, var, eps = residuals
    g, g_mean, g_var = cotangents
    chex.assert_equal_shape([g, x])
    centred = x - mean[None, :]
    inv_std = lax.rsqrt(var + eps)

    d_xhat = g * scale[None, :]  # (1)
    d_var = jnp.sum(d_xhat * centred, axis=0) * (-0.5 * inv_std**3) + g_var  # (2)
    d_mean = -jnp.sum(d_xhat, axis=0) * inv_std + g_mean  # (3)
    dx = (  # (4)
        d_xhat * inv_std[None, :] + centred * (d_var * (2.0 / batch))[None, :] + (d_mean / batch)[None, :]
    )
    d_scale = jnp.sum(g * centred, axis=0) * inv_std  # (5)
    d_shift = jnp.sum(g, axis=0)  # (6)
    return d_scale, d_shift, dx


_batch_norm = jax.custom_vjp(_batch_norm_forward)


def _batch_norm_fwd(scale, shift, x, eps):
    y, mean, var = _batch_norm(scale, shift, x, eps)  # through the rule itself, as in linear
    # x is alive anyway as the layer's input; keeping x̂ as well would double the memory of the rule.
    return (y, mean, var), (scale, x, mean, var, eps)


def _batch_norm_bwd(residuals, cotangents):
    return *_backward(residuals, cotangents, batch=residuals[1].shape[0]), None


_batch_norm.defvjp(_batch_norm_fwd, _batch_norm_bwd)

_d4_shipped = jax.custom_vjp(_batch_norm_forward)


def _d4_shipped_bwd(residuals, cotangents):
    """S-030: D4's program divides by the number of features, having stored the batch along the other axis."""
    return *_backward(residuals, cotangents, batch=residuals[1].shape[1]), None


_d4_shipped.defvjp(_batch_norm_fwd, _d4_shipped_bwd)
